//! What can happen to gw, to HAProxy and to the machine while a change is applied.

use std::time::Duration;

use rustix::process::Signal;

use crate::faults::files::{apply_read_only, apply_within};
use crate::kills::clocks::Clock;
use crate::rig::Rig;
use crate::support::clock;
use crate::support::random::Random;

/// Longer than most applies take.
const APPLY: usize = 400;
/// An apply comes to about as many points where it can be ended, and to so many of files.
const POINTS: usize = 30;
const POINTS_OF_FILES: usize = 16;
/// How long gw may take to see that HAProxy is gone.
const PATIENCE: Duration = Duration::from_secs(60);

const APPLYING: [&str; 3] = ["apply", "manifests", "--yes"];

/// Something bad. Moments are milliseconds from the start of gw.
#[derive(Clone, Copy, Debug)]
pub(super) enum Calamity {
    Nothing,
    /// gw is killed at this of its points.
    Point(usize),
    /// gw is killed at a moment.
    Moment(usize),
    /// There is no room for a file, at this of the points of files.
    NoRoom(usize),
    /// No file may grow beyond so many KiB.
    FullDisk(u32),
    /// The state directory can't be written.
    ReadOnly,
    /// HAProxy's worker is killed, and then started again as systemd does.
    Worker(usize),
    /// HAProxy's master is.
    Master(usize),
    /// Somebody reloads HAProxy.
    Reload(usize),
    /// The clock is wrong by so many hours, and once more by so many after a moment.
    Clock(i64, i64),
}

impl Calamity {
    pub(super) fn draw(random: &mut Random) -> Self {
        let moment = random.below(APPLY);
        match random.below(100) {
            0..35 => Self::Point(random.between(1, POINTS)),
            35..55 => Self::Moment(moment),
            55..63 => Self::NoRoom(random.between(1, POINTS_OF_FILES)),
            63..68 => Self::FullDisk(random.pick(&[0, 1])),
            68..72 => Self::ReadOnly,
            72..79 => Self::Worker(moment),
            79..86 => Self::Master(moment),
            86..92 => Self::Reload(moment),
            92..97 => {
                let hours = [-20_000, -1, 0, 1, 20_000];
                Self::Clock(random.pick(&hours), random.pick(&hours))
            }
            _ => Self::Nothing,
        }
    }

    /// Lets gw apply, and this happen. Returns whether gw was ended in the middle.
    pub(super) fn strike(self, rig: &mut Rig) -> Result<bool, String> {
        let (was_ended, said) = match self {
            Self::Nothing => (false, rig.apply().ok().stderr),
            Self::Point(_) | Self::NoRoom(_) => {
                let fault = match self {
                    Self::Point(count) => format!("kill:#{count}"),
                    Self::NoRoom(count) => format!("full:#{count}"),
                    _ => unreachable!("matched above"),
                };
                let outcome = rig.gw.clone().env("GW_FAULT", fault).run(&APPLYING);
                (outcome.code.is_none(), outcome.stderr)
            }
            Self::FullDisk(kib) => (false, apply_within(rig, kib).stdout),
            Self::ReadOnly => (false, apply_read_only(rig).stderr),
            Self::Moment(moment) => {
                let gw = rig.gw.start(&APPLYING);
                wait(moment);
                let is_running = !gw.has_ended();
                gw.signal(Signal::KILL);
                (is_running, gw.log())
            }
            Self::Worker(moment) | Self::Master(moment) | Self::Reload(moment) => {
                (false, self.disturb(moment, rig)?)
            }
            Self::Clock(hours, more) => {
                let wrong = Clock::new(rig, hours);
                let mut gw = wrong.over(&rig.gw).start(&APPLYING);
                wait(APPLY / 4);
                wrong.jump(hours + more);
                let ended = gw.wait(PATIENCE);
                let log = gw.log();
                let code = ended.and_then(|status| status.code());
                if code != Some(0) {
                    return Err(format!("a wrong clock: {code:?} {log}"));
                }
                (false, log)
            }
        };
        if said.contains("panicked") {
            return Err(said);
        }
        rig.haproxy().settle();
        Ok(was_ended)
    }

    /// Lets something happen to HAProxy. Returns what gw said.
    fn disturb(self, moment: usize, rig: &mut Rig) -> Result<String, String> {
        let mut gw = rig.gw.start(&APPLYING);
        wait(moment);
        match self {
            Self::Worker(_) => rig.haproxy().signal_worker(Signal::KILL),
            Self::Master(_) => rig.haproxy().signal(Signal::KILL),
            _ => rig.haproxy().signal(Signal::USR2),
        }
        if !matches!(self, Self::Reload(_)) {
            // A master ends when a worker fails, and a worker when its master is gone.
            rig.stop();
            rig.start();
        }
        match gw.wait(PATIENCE) {
            Some(_) => Ok(gw.log()),
            None => Err(format!("gw hangs: {}", gw.log())),
        }
    }
}

fn wait(milliseconds: usize) {
    clock::pause(Duration::from_millis(milliseconds.try_into().expect("few")));
}
