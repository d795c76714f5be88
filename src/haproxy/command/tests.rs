use std::net::IpAddr;

use proptest::prelude::*;

use super::*;

fn wire(command: &Command) -> String {
    let mut out = Vec::new();
    command.encode("", &mut out);
    assert_eq!(out.len(), command.size());
    String::from_utf8(out).unwrap()
}

fn refused(command: &Command, reply: &str) -> bool {
    matches!(command.judge(reply), Verdict::Refused(_))
}

#[test]
fn arguments_are_escaped() {
    let set = Command::set_map("/m p", "a;b\\", "two  words <<").unwrap();
    assert_eq!(wire(&set), "set map /m\\ p a\\;b\\\\ two\\ \\ words\\ \\<\\<\n");
}

#[test]
fn what_would_be_misread_is_no_command() {
    for bad in ["", "a\nb", "a\0b", "a\tb", "#0x1", " a", "a b", "\u{85}"] {
        assert!(Command::set_map("m", bad, "v").is_err(), "key {bad:?} passed");
        assert!(Command::add_map("m", bad, "v").is_err(), "key {bad:?} passed");
    }
    for bad in ["", "a\nb", "a\rb", " a", "a "] {
        assert!(Command::add_map("m", "k", bad).is_err(), "value {bad:?} passed");
    }
    for bad in ["", "a b", "a/b", "a;b", "#1", "a\n", "ü"] {
        assert!(Command::enable_server("b", bad).is_err(), "name {bad:?} passed");
        assert!(Command::publish_backend(bad).is_err(), "name {bad:?} passed");
    }
    for bad in ["web.example:80", "help", "", "1.2.3.4", "1.2.3.4:0", "1.2.3.4:70000", "::1:80"] {
        assert!(Command::add_server("b", "s", bad, &[]).is_err(), "address {bad:?} passed");
    }
    for good in ["1.2.3.4:80", "[::1]:80", "unix@/run/x.sock", "/run/x.sock"] {
        assert!(Command::add_server("b", "s", good, &[]).is_ok(), "address {good:?} refused");
    }
    let localhost: IpAddr = "::1".parse().unwrap();
    assert!(Command::set_server_addr("b", "s", localhost, 0).is_err());
    assert!(Command::set_server_weight("b", "s", 257).is_err());
    assert!(Command::set_server_maxconn("b", "s", u32::MAX).is_err());
    assert!(Command::add_server("b", "s", "1.2.3.4:80", &["x"; 61]).is_err());
    assert!(Command::get_var(&"x".repeat(SIZE_MAX)).is_err());
}

#[test]
fn a_private_key_is_sent_but_never_shown() {
    let pem = "\n-----BEGIN PRIVATE KEY-----\r\nSECRET\n\n \n-----END PRIVATE KEY-----";
    let set = Command::set_ssl_cert("a.pem", pem).unwrap();
    let lines = "-----BEGIN PRIVATE KEY-----\nSECRET\n-----END PRIVATE KEY-----\n";
    assert_eq!(wire(&set), format!("set ssl cert a.pem <<\n{lines}\n"));
    assert_eq!(set.to_string(), format!("set ssl cert a.pem << ({} bytes)", lines.len()));
    assert!(!format!("{set:?}").contains("SECRET"));
    assert_eq!(Command::set_ssl_cert("a.pem", "SECRET"), Err(CommandError::NoPem));
}

#[test]
fn only_known_successes_are_successes() {
    let weight = Command::set_server_weight("b", "s", 1).unwrap();
    assert_eq!(weight.judge("\n"), Verdict::Done);
    assert_eq!(weight.judge("No such server.\n"), Verdict::Refused("No such server.".into()));
    let add = Command::add_server("b", "s", "1.2.3.4:80", &[]).unwrap();
    assert_eq!(add.judge("New server registered.\n"), Verdict::Done);
    assert_eq!(add.judge("a warning\nNew server registered.\n\n"), Verdict::Done);
    // Leftovers of the command before.
    assert!(refused(&add, "New server registered.\nAlready exists a server with the same name.\n"));
    assert!(refused(&add, "") && refused(&add, "\n"));
    let del = Command::del_server("b", "s").unwrap();
    assert_eq!(del.judge("Server b/s is going DOWN.\nServer deleted.\n"), Verdict::Done);
    assert_eq!(del.judge("No such server.\n"), Verdict::Unchanged);
    assert!(refused(&del, "Only servers in maintenance mode can be deleted.\n"));
    let del = Command::del_map("m", "k").unwrap();
    assert_eq!(del.judge("Key not found.\n"), Verdict::Unchanged);
    let add = Command::add_backend("b", "p").unwrap();
    assert_eq!(add.judge("'cookie' ignored\nNew backend registered.\n"), Verdict::Done);
    assert!(refused(&add, "New backend registered (no support for dynamic servers: …).\n"));
    let commit = Command::commit_ssl_cert("a.pem").unwrap();
    assert_eq!(commit.judge("Committing a.pem...\nSuccess!\n\n"), Verdict::Done);
    assert!(refused(
        &commit,
        "inconsistencies between private key and certificate\nCan't commit!\n"
    ));
    let set = Command::set_ssl_cert("a.pem", "-----BEGIN X").unwrap();
    assert_eq!(set.judge("Transaction created for certificate a.pem!\n\n"), Verdict::Done);
    assert_eq!(set.judge("Transaction updated for certificate a.pem!\n"), Verdict::Done);
    assert!(refused(
        &set,
        "unable to load certificate\nCan't load the payload\nCan't update a.pem!\n"
    ));
    let show = Command::show_servers_state();
    assert!(refused(&show, "Can't find backend.\n"));
    assert!(refused(&show, "Unknown command: 'show', but maybe …:\n  show info\n"));
    let bogus = Verdict::Refused("Unknown command: 'x'".into());
    assert_eq!(weight.judge("Unknown command: 'x':\n  add map\n"), bogus);
}

#[test]
fn changes_of_an_address_are_understood_part_by_part() {
    let command = Command::set_server_addr("b", "s", "127.0.0.2".parse().unwrap(), 2).unwrap();
    let (ip, port) = ("IP changed from '1' to '2'", "port changed from '1' to '2'");
    let (same_ip, same_port) = ("no need to change the addr", "no need to change the port");
    let by = " by 'stats socket command'\n";
    for done in [ip.to_owned(), format!("{ip}, {port}"), format!("{same_ip}, {port}")] {
        assert_eq!(command.judge(&format!("{done}{by}")), Verdict::Done, "{done}");
    }
    let unchanged = format!("{same_ip}, {same_port}{by}");
    assert_eq!(command.judge(&unchanged), Verdict::Unchanged);
    assert_eq!(command.judge("nothing changed\n\n"), Verdict::Unchanged);
    for bad in ["Invalid addr 'x'", &format!("{ip}, problem converting string 'x' to int")] {
        assert!(refused(&command, &format!("{bad}{by}")));
    }
    assert!(refused(&command, "Invalid addr 'x'\n") && refused(&command, "\n"));
}

proptest! {
    /// Undoing HAProxy's way of reading a line gives the words back, on one line, whatever they are.
    #[test]
    fn no_value_becomes_a_second_command(map in ".+", key in ".+", value in ".+") {
        if let Ok(command) = Command::set_map(&map, &key, &value) {
            let line = wire(&command);
            let line = line.strip_suffix('\n').unwrap();
            prop_assert!(!line.contains('\n') && !line.contains("<<"));
            let (mut words, mut escaped) = (vec![String::new()], false);
            for c in line.chars() {
                let last = words.len() - 1;
                match c {
                    _ if escaped => { words[last].push(c); escaped = false; }
                    '\\' => escaped = true,
                    ' ' => words.push(String::new()),
                    ';' => prop_assert!(false, "a second command in {line:?}"),
                    c => words[last].push(c),
                }
            }
            prop_assert_eq!(words, ["set", "map", &map, &key, &value]);
        }
    }

    #[test]
    fn no_reply_panics(reply in ".*", which in 0usize..4) {
        let commands = [
            Command::show_info(),
            Command::del_server("b", "s").unwrap(),
            Command::set_server_addr("b", "s", "::1".parse().unwrap(), 1).unwrap(),
            Command::commit_ssl_cert("x").unwrap(),
        ];
        commands[which].judge(&reply);
    }
}
