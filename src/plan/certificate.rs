//! Steps about the content of certificates that are served already.

use crate::{
    diff::Differences,
    haproxy::Command,
    model::{Certificate, Note},
};

use super::{
    Context, note,
    reason::Reason,
    server::instructions,
    step::{Action, FieldChange, Instruction, Object, Step},
};

pub(super) fn steps(differences: &Differences<'_>, context: Context<'_>) -> Vec<Step> {
    differences
        .certificates
        .iter()
        .map(|(file, certificate)| renew(file, certificate, context))
        .collect()
}

fn renew(file: &str, certificate: &Certificate, context: Context<'_>) -> Step {
    let set = Command::set_ssl_cert(file, &certificate.pem);
    let fits = set.as_ref().is_ok_and(|set| set.size() <= context.capabilities.command_max);
    let because = if fits {
        Reason::Command("`set ssl cert` replaces it; connections keep the old one")
    } else {
        Reason::CertificateTooLong
    };
    let mut step = Step::new(Object::Certificate(file.to_owned()), Action::Change, because);
    step.origin = Some(certificate.origin.clone());
    let old = context.live.certificates.get(file).cloned();
    let new = Some(certificate.fingerprint.clone());
    step.fields = vec![if old == new {
        // The fingerprint is that of the certificate alone. Digests of keys are nobody's business.
        FieldChange::new("chain or key", Some("old".to_owned()), Some("new".to_owned()))
    } else {
        FieldChange::new("sha1", old, new)
    }];
    if fits {
        // Both go in one batch: until 3.0 the socket of an open transaction can't be told apart from
        // one that is out of step. Where the first is refused, so is the second.
        step.make = instructions(vec![
            set.map(Instruction::Send),
            Command::commit_ssl_cert(file).map(Instruction::Must),
        ]);
        let digest = certificate.digest().short();
        let noted = note(context.live, &Note::Certificate(file.to_owned()), Some(&digest));
        step.make.extend(noted.map(Instruction::Send));
    }
    step
}
