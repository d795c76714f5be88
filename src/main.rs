//! The `gw` command.
use gw::{reconcile::Reconciler, settings::Settings};
use std::path::PathBuf;
#[tokio::main]
async fn main() {
    let a: Vec<String> = std::env::args().skip(1).collect();
    let e = |k: &str| std::env::var(k).ok();
    let settings = Settings {
        socket: e("GW_SOCKET").map(|s| s.parse().unwrap()),
        master: e("GW_MASTER").map(|s| s.parse().unwrap()),
        base: e("GW_BASE").map(PathBuf::from),
        state: e("GW_STATE").unwrap().into(),
        haproxy: e("GW_HAPROXY").unwrap_or("haproxy".into()).into(),
        ready_timeout: std::time::Duration::from_secs(5),
        removal_timeout: std::time::Duration::from_secs(5),
    };
    if a[0] == "init" {
        println!("{:?}", gw::init::init(&gw::store::Store::new(&settings.state)));
        return;
    }
    let paths = vec![PathBuf::from(&a[1])];
    let mut r = Reconciler::new(&settings);
    let intent = r.compile(&paths).unwrap();
    eprintln!("{}", gw::report::snippet::problems(&intent.problems, &intent.files, true));
    let t = std::time::Instant::now();
    let pass = match r.plan(&intent).await {
        Ok(p) => p,
        Err(e) => {
            println!("ERROR {e:?}");
            return;
        }
    };
    println!("plan in {:?}: {:?} reload {}", t.elapsed(), pass.plan.summary(), pass.plan.reload);
    for s in &pass.plan.steps {
        println!(
            "{} {} [{}] {} {:?}",
            s.action.as_str(),
            s.object,
            s.mechanism.as_str(),
            s.because,
            s.fields
                .iter()
                .map(|f| format!("{}: {:?}->{:?}", f.name, f.from, f.to))
                .collect::<Vec<_>>()
        );
        for c in s.commands() {
            println!("      {c}");
        }
    }
    for d in &pass.config_diff {
        println!("DIFF {}", d.path);
    }
    println!("held {:?} remarks {:?}", pass.plan.held, pass.remarks);
    if a[0] == "apply" {
        let t = std::time::Instant::now();
        println!("{:#?} in {:?}", r.apply(&intent, pass, &mut |_| {}).await, t.elapsed());
    }
}
