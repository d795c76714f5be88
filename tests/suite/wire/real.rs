//! Sessions with real processes.

use gw::haproxy::{AdminState, Command, Connection, SocketError, Verdict};

use super::spawn::{DEADLINE, Haproxy, binaries};

const SECTIONS: &str = "frontend fe\n  bind unix@$DIR/fe.sock\n  \
    use_backend %[req.hdr(host),map($DIR/hosts.map)]\n\
    backend api\n  server a 127.0.0.1:20001 weight 10\n  server b 127.0.0.1:20002\n";

async fn start(binary: &std::path::Path) -> Haproxy {
    Haproxy::start(binary, &[("hosts.map", "a.example api\n")], SECTIONS).await
}

/// Both ways to a worker.
async fn sessions(haproxy: &Haproxy) -> [Connection; 2] {
    let direct = Connection::open(&haproxy.socket(), DEADLINE).await.unwrap();
    let master = Connection::open(&haproxy.master(), DEADLINE).await.unwrap();
    assert!(!direct.is_through_master() && master.is_through_master());
    assert_eq!(direct.version(), master.version());
    assert_eq!(direct.level(), "admin");
    [direct, master]
}

#[tokio::test]
async fn five_thousand_pipelined_commands_get_their_own_replies() {
    for binary in binaries() {
        let haproxy = start(&binary).await;
        for mut connection in sessions(&haproxy).await {
            // A dump through a master costs a connection.
            let count = if connection.is_through_master() { 500 } else { 5000 };
            let commands: Vec<_> = (0..count)
                .map(|n: u16| match n % 5 {
                    0 => Command::set_server_weight("api", "a", n % 256),
                    1 => Command::show_servers_state_of("api"),
                    2 => Command::set_server_weight("api", "missing", 1),
                    3 => Command::del_server("nosuch", "x"),
                    _ => Command::set_server_state("api", "b", AdminState::Maint),
                })
                .collect::<Result<_, _>>()
                .unwrap();
            let replies = connection.run(&commands).await.unwrap();
            assert_eq!(replies.len(), usize::from(count));
            for (n, reply) in replies.iter().enumerate() {
                match n % 5 {
                    1 => {
                        assert_eq!(reply.verdict, Verdict::Done);
                        let weight = format!(" {} 10 ", (n - 1) % 256);
                        assert!(reply.text.contains(&weight), "{n}: {}", reply.text);
                    }
                    2 => assert_eq!(reply.verdict, Verdict::Refused("No such server.".into())),
                    3 => assert_eq!(reply.verdict, Verdict::Refused("No such backend.".into())),
                    _ => assert_eq!(reply.verdict, Verdict::Done, "{}", reply.text),
                }
            }
        }
    }
}

#[tokio::test]
async fn a_map_is_filled_and_read_back_the_same() {
    for binary in binaries() {
        let haproxy = start(&binary).await;
        let map = haproxy.path("hosts.map");
        let map = map.to_str().unwrap();
        for mut connection in sessions(&haproxy).await {
            let before = connection.run_one(&Command::show_map(map).unwrap()).await.unwrap().text;
            let before = before.lines().filter(|line| !line.is_empty()).count();
            let long = "x".repeat(2000);
            let odd = ["> ", "two words", "+ + ", "\\;'\"", "ü#%[", "<<", "a<<", &long];
            let entries: Vec<_> = (0..4000)
                .map(|n| (format!("host{n}<<"), format!("v{n} {}", odd[n % odd.len()].trim())))
                .collect();
            let pairs = entries.iter();
            let mut commands: Vec<_> =
                pairs.map(|(key, value)| Command::add_map(map, key, value).unwrap()).collect();
            commands.push(Command::set_map(map, &entries[0].0, "a;b c\\").unwrap());
            for reply in connection.run(&commands).await.unwrap() {
                assert_eq!(reply.verdict, Verdict::Done, "{}", reply.text);
            }
            let mut lines = Vec::new();
            let show = Command::show_map(map).unwrap();
            let verdict = connection.run_lines(&show, |line| lines.push(line.to_owned())).await;
            assert_eq!(verdict.unwrap(), Verdict::Done);
            let whole = connection.run_one(&show).await.unwrap().text;
            assert_eq!(whole.lines().collect::<Vec<_>>(), lines);
            let read: Vec<_> = lines.iter().map(|line| line.split_once(' ').unwrap().1).collect();
            let sent: Vec<_> =
                entries.iter().map(|(key, value)| format!("{key} {value}")).collect();
            assert_eq!(read[before], "host0<< a;b c\\");
            assert_eq!(read[before + 1..], sent[1..]);
            for (key, _) in &entries {
                let delete = Command::del_map(map, key).unwrap();
                assert_eq!(connection.run_one(&delete).await.unwrap().verdict, Verdict::Done);
            }
        }
    }
}

#[tokio::test]
async fn a_life_of_a_server() {
    for binary in binaries() {
        let haproxy = start(&binary).await;
        for mut connection in sessions(&haproxy).await {
            let address = "127.0.0.9".parse().unwrap();
            let commands = [
                (Command::add_server("api", "new", "[::1]:20009", &["weight", "7", "check"]), true),
                (Command::add_server("api", "new", "[::1]:20009", &[]), false),
                (Command::add_server("api", "bad", "127.0.0.1:1", &["bogus;del server"]), false),
                (Command::enable_health("api", "new"), true),
                (Command::enable_server("api", "new"), true),
                (Command::set_server_addr("api", "new", address, 20010), true),
                (Command::set_server_maxconn("api", "new", 99), true),
                (Command::del_server("api", "new"), false),
                (Command::disable_server("api", "new"), true),
                (Command::del_server("api", "new"), true),
                (Command::del_server("api", "new"), true),
            ];
            let (commands, good): (Vec<_>, Vec<_>) =
                commands.into_iter().map(|(command, good)| (command.unwrap(), good)).unzip();
            let replies = connection.run(&commands).await.unwrap();
            for ((command, reply), good) in commands.iter().zip(&replies).zip(good) {
                assert_eq!(reply.verdict.is_success(), good, "{command} gave {reply:?}");
            }
            assert_eq!(replies[10].verdict, Verdict::Unchanged);
        }
    }
}

#[tokio::test]
async fn a_socket_of_a_lower_level_says_so() {
    for binary in binaries() {
        let sections = format!("global\n  stats socket $DIR/user.sock level user\n{SECTIONS}");
        let haproxy = Haproxy::start(&binary, &[("hosts.map", "")], &sections).await;
        let endpoint = gw::haproxy::Endpoint::Unix(haproxy.path("user.sock"));
        let mut connection = Connection::open(&endpoint, DEADLINE).await.unwrap();
        let show = Command::show_servers_state();
        assert_eq!(connection.run_one(&show).await.unwrap().verdict, Verdict::Done);
        let commands = [show.clone(), Command::disable_server("api", "a").unwrap(), show.clone()];
        let error = connection.run(&commands).await.unwrap_err();
        assert!(matches!(&error, SocketError::Level { level } if level == "user"), "{error}");
        assert_eq!(connection.run_one(&show).await.unwrap().verdict, Verdict::Done);
    }
}
