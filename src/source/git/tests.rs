//! What whoever pushes, or runs a server, may write: none of it leads out or shows a secret.

use std::path::{Component, Path};

use proptest::prelude::*;

use super::{
    Address, Reference, TreePath,
    known_hosts::{HostKey, KnownHosts},
    reference::Advertised,
};

proptest! {
    #[test]
    fn no_path_leads_out(text in "[a./\\-]{0,24}", below in "[a./]{0,12}") {
        let is_inside = |path: &str| {
            Path::new(path).components().all(|part| matches!(part, Component::Normal(_)))
        };
        if let Ok(path) = text.parse::<TreePath>() {
            prop_assert!(is_inside(path.as_str()), "{path:?}");
        }
        let below: Vec<&str> = below.split('/').filter(|part| *part != "." && *part != "..").collect();
        if let Some(path) = TreePath::resolve(&below.join("/"), &text) {
            prop_assert!(is_inside(&path), "{path:?}");
        }
    }

    #[test]
    fn no_address_shows_its_secrets(
        scheme in "(https|http|ssh|git|file)://",
        password in "S3CR3T[a-z@:/%?#\\[\\]]{0,8}",
        rest in "[a-z.:/@\\[\\]-]{0,16}",
    ) {
        for text in [format!("{scheme}me:{password}@{rest}"), format!("{scheme}{password}@{rest}")] {
            match Address::parse(&text, Path::new("/")) {
                // What stands behind the host is no secret, nor is SSH's user.
                Ok(address) if scheme.starts_with("http") => {
                    let shown = format!("{address} {address:?}");
                    let path = address.as_str().splitn(4, '/').nth(3).unwrap_or_default();
                    prop_assert!(!shown.contains("S3CR3T") || path.contains("S3CR3T"), "{shown}");
                }
                Ok(_) => {}
                Err(error) => {
                    let shown = format!("{error} {error:?}");
                    prop_assert!(!shown.contains("S3CR3T"));
                }
            }
        }
    }

    #[test]
    fn any_known_hosts_can_be_read(text in "[@|!*?,.a-zA-Z0-9+=/# \n-]{0,200}", host in "[a-z.*?]{0,12}") {
        let mut hosts = KnownHosts::default();
        hosts.add(&text);
        hosts.check(&host, 22, &HostKey::new(text.as_bytes()));
    }

    #[test]
    fn a_range_finds_only_tags(range in "[<>=~^*][0-9.<>= -]{0,10}", tags in prop::collection::vec("v?[0-9.a-]{0,8}", 0..8)) {
        let id = git2::Oid::ZERO_SHA1;
        let server: Vec<Advertised> = tags
            .iter()
            .map(|tag| Advertised { name: format!("refs/tags/{tag}"), id, target: None })
            .collect();
        if let Ok(reference) = range.parse::<Reference>()
            && let Ok(found) = reference.resolve(&server)
        {
            let name = found.name.unwrap_or_default();
            prop_assert!(server.iter().any(|one| one.name == name), "{name}");
        }
    }
}
