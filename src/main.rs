//! The `gw` command.

fn main() {
    let paths: Vec<_> = std::env::args_os().skip(1).map(std::path::PathBuf::from).collect();
    let mut b = gw::intent::Builder::new(&paths, std::path::Path::new("/var/lib/gw/servers.state"));
    let i = b.build(None).unwrap();
    eprintln!("{}", gw::report::snippet::problems(&i.problems, &i.files, true));
    for (f, t) in &i.rendered.files {
        println!("# file: {f}\n{t}");
    }
}
