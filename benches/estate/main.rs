//! `make bench`: what gw costs on estates of growing size, beside what HAProxy costs by itself.
//!
//! Every figure stands beside a baseline that was measured in the same run, in turns with it, since
//! the machine's own speed is nobody's merit. Times are medians. See [`Options`] for the variables
//! that choose what is measured.

#[path = "../../tests/support/mod.rs"]
mod support;

mod bulk;
mod by_hand;
mod estate;
mod idle;
mod latency;
mod moving;
mod options;
mod probe;
mod push;
mod stage;
mod table;

use std::time::Instant;

use self::{
    options::{Figure, Options},
    table::Table,
};

fn main() {
    let options = Options::from_environment();
    let start = Instant::now();
    println!("{options}\n");
    for version in &options.versions {
        for &size in &options.sizes {
            let mut table = Table::new(version, size);
            if options.measures(Figure::Idle) || options.measures(Figure::Bulk) {
                let mut stage = stage::Stage::new(version, size);
                if options.measures(Figure::Idle) {
                    idle::measure(&mut stage, &mut table, options.runs);
                }
                if options.measures(Figure::Bulk) {
                    bulk::measure(&mut stage, &mut table, options.runs);
                }
            }
            if options.measures(Figure::Moving) {
                moving::measure(version, size, &mut table, options.runs);
            }
            if options.measures(Figure::Push) {
                push::measure(version, size, &mut table, options.runs);
            }
            table.print();
        }
    }
    if options.measures(Figure::Latency) {
        for version in &options.all_versions {
            let mut table = Table::new(version, options.latency_size);
            latency::measure(version, options.latency_size, &mut table, options.runs);
            table.print();
        }
    }
    println!("Measured in {:.0?}.", start.elapsed());
}
