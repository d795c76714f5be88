use crate::model::Severity;

use super::*;

const GOOD: &str = include_str!("samples/good.yaml");

fn read(text: &str) -> Parsed {
    parse(&SourceFile { path: "a.yaml".into(), text: text.into() })
}
#[test]
fn explore() {
    let parsed = read(GOOD);
    for p in &parsed.problems { println!("{:?} {} {} | {:?}", p.severity, p.at, p.message, p.hint); }
    for d in &parsed.documents { println!("{:?}", d.name); }
    println!("{:#?}", parsed.documents.iter().find(|d| d.name.name()=="api"));
    println!("{}", serde_json::to_string_pretty(&schema::json_schema()).unwrap().len());
}
