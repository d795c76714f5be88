//! ASCII armor.

use std::io::Read;

use pgp::armor::Dearmor;

use super::KeyringError;

const BEGIN: &str = "-----BEGIN PGP ";
const END: &str = "-----END PGP ";
const PUBLIC: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----";
const PRIVATE: &str = "-----BEGIN PGP PRIVATE KEY BLOCK-----";

/// The bytes of a keyring without armor. Text around blocks is passed over, as people write
/// whose key follows.
pub(super) fn remove(bytes: &[u8]) -> Result<Vec<u8>, KeyringError> {
    let text = match str::from_utf8(bytes) {
        Ok(text) if text.contains(BEGIN) => text,
        _ => return Ok(bytes.to_vec()),
    };
    let mut binary = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (line, number) in text.lines().zip(1..) {
        let line = line.trim_end();
        match &mut open {
            None if line == PRIVATE => return Err(KeyringError::Secret),
            None if line == PUBLIC => open = Some((number, format!("{line}\n"))),
            None if line.starts_with(BEGIN) => {
                let why = "is not around public keys".to_owned();
                return Err(KeyringError::Armor { line: number, why });
            }
            None => {}
            Some((begin, block)) => {
                block.push_str(line);
                block.push('\n');
                if line.starts_with(END) {
                    let wrong = |why| KeyringError::Armor { line: *begin, why };
                    let bytes = self::block(block.as_bytes());
                    binary.extend(bytes.map_err(|why| wrong(format!("is broken: {why}")))?);
                    open = None;
                }
            }
        }
    }
    match open {
        Some((line, _)) => Err(KeyringError::Armor { line, why: "has no end".to_owned() }),
        None => Ok(binary),
    }
}

/// The bytes in one block of armor, or what is wrong with it.
pub(super) fn block(armored: &[u8]) -> Result<Vec<u8>, String> {
    let mut binary = Vec::new();
    match Dearmor::new(armored).read_to_end(&mut binary) {
        Ok(_) => Ok(binary),
        Err(error) => Err(error.to_string()),
    }
}
