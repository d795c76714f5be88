//! Signatures of commits, made by the real git, ssh-keygen and gpg: who is trusted and who is not.

mod forge;
mod history;
mod hostile;
mod openpgp;
mod ssh;

use gw::source::trust::{Mode, PolicyError, Refusal, Signer, Unverified};

use self::forge::{Forge, Signing};

/// Why one commit was refused.
fn reason(outcome: Result<Signer, Refusal>) -> Unverified {
    match outcome {
        Err(Refusal::Unverified { reason, .. }) => {
            assert!(!reason.hint().is_empty());
            reason
        }
        other => panic!("this must be about a signature: {other:?}"),
    }
}

#[test]
fn without_a_key_no_commit_can_be_asked_for_its_signature() {
    let forge = Forge::new();
    for mode in [Mode::Head, Mode::Strict] {
        let error = forge.policy(mode).unwrap_err();
        assert!(matches!(error, PolicyError::Nobody { .. }), "{error}");
        assert!(error.hint().is_some());
    }
    assert!(forge.policy(Mode::None).is_ok());
}

#[test]
fn what_is_wrong_with_the_files_is_told_at_the_start() {
    let forge = Forge::new();
    forge.ssh_key("ann", &["ed25519"]);
    forge.allow("ann@example.com shell", "ann");
    let error = forge.policy(Mode::Head).unwrap_err();
    let PolicyError::Invalid { problems, .. } = &error else { panic!("{error}") };
    assert_eq!(problems.iter().next().unwrap().at.span.line, 1);

    forge.sh("rm signers; head -c 5000000 /dev/zero >keyring", &[]);
    let error = forge.policy(Mode::Head).unwrap_err();
    assert!(matches!(error, PolicyError::TooLarge { .. }), "{error}");
}

#[test]
fn in_mode_none_nobody_is_asked() {
    let forge = Forge::new();
    let commit = forge.commit("unsigned", Signing::Nobody);
    let policy = forge.policy(Mode::None).unwrap();
    let said =
        gw::source::trust::verify(&forge.repository(), commit.parse().unwrap(), None, &policy);
    assert!(matches!(said, Ok(None)));
}
