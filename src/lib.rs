//! GitOps for HAProxy, without Kubernetes.
//!
//! gw makes three states equal: what manifests ask for, the files that HAProxy would load, and the
//! process that runs. `README.md` tells how to use it; this is how it is made.
//!
//! # The pipeline
//!
//! ```text
//!  source ─→ manifest ─→ compile ─→ render ─┐
//!    IO       Document    Desired   Rendered├─→ diff ─────→ plan ─→ apply ─→ HAProxy
//!                                    observe┘   Differences  Plan    IO        │
//!                                      IO  Live                                │
//!                                       └──────────────────────────────────────┘
//! ```
//!
//! Modules are stages, and the words between them are types. The middle is pure: [`model`],
//! [`manifest`], [`compile`], [`render`], [`diff`], [`plan`], [`guard`], [`report`], [`config`],
//! [`webhook`], and in
//! [`haproxy`] the commands, the framing and the replies do no IO, read no clock and write no log.
//! What they need they are handed. The edge does IO and decides nothing: [`source`], [`observe`],
//! [`store`], [`journal`], [`control`], [`service`], [`apply`]. [`reconcile`] puts a pass together,
//! [`up`] makes a loop of passes, [`cli`] talks to people. A module uses only modules above it in the
//! list below.
//!
//! # Invariants
//!
//! - **The plan decides, the executor obeys.** A [`plan::Plan`] holds every command that will be
//!   sent, in its order, with the reason in words. What is shown is what is carried out.
//! - **The process is asked, never remembered.** What the socket can't read back is noted in the
//!   process itself: the notebook ([`model::Note`]), a map that no request is looked up in, and the
//!   structure digest, a process variable. Both die with the worker, so they are always about it.
//!   What a long-running gw remembers only narrows where it looks, and any sign of another process
//!   or generation voids it.
//! - **Disk is never behind the process.** The generation is written and switched to before a
//!   command is sent, so a reload at any moment, by anyone, changes nothing.
//! - **A value is checked once, at the border, and is a type from then on** ([`model::BackendName`],
//!   [`model::RoutePath`], …). Whoever has one may write it into a configuration line, a map key or a
//!   command. What is a text nevertheless goes through [`config::argument`].
//! - **Routes and servers are data.** The frontends hold a fixed program that looks hosts, paths,
//!   methods and weights up in maps. Only what no command can set is structure: its digest tells
//!   whether a reload is needed.
//! - **Success is an allow-list.** Each command knows the replies that mean success; anything else is
//!   a refusal, in HAProxy's words. Then what was changed is read back.
//! - **The same input gives the same bytes**: ordered maps wherever order shows.
//! - **What a person set by hand is held**, unless a manifest names the field.
//!
//! # Deliberately absent
//!
//! - A database, or a record of what gw did that a plan would be made from: the journal is for people.
//! - `default_backend`, and slots of placeholder servers.
//! - Settings of single servers that the socket can't read back: all else is the backend's.
//! - A template language. The configuration is generated, your own file stands beside it.
//! - A way to force everything. Each refusal has its own remedy.
//! - Background tasks that change anything: there is one loop, and one owner of every resource. What
//!   answers HTTP and notifies others only sees events of the loop.
//! - Host names of servers: HAProxy resolves none of servers that come at runtime.
//!
//! # Modules, in reading order
//!
//! | Module | What it does |
//! |---|---|
//! | [`model`] | the words of the domain: names, `Desired`, `Live`, routing tables, notes, problems |
//! | [`config`] | the syntax of HAProxy's files: quoting, and its inverse |
//! | [`manifest`] | text to typed documents; decoder and JSON Schema are one description |
//! | [`compile`] | documents to `Desired`: references, defaults, precedence, split weights |
//! | [`render`] | `Desired` to files: the program, profiles, backends in shards, maps |
//! | [`diff`] | `Desired` against `Live`: what differs, and what is held |
//! | [`haproxy`] | commands and replies, the runtime and master sockets, `haproxy -c`, capabilities |
//! | [`plan`] | differences to steps: runtime or reload and why, in which order |
//! | [`guard`] | which plans are refused unless somebody says that they are meant |
//! | [`report`] | plans, reports and status as text and as JSON; problems as snippets |
//! | [`webhook`] | whether a request of a forge is authentic, and what it hints at |
//! | [`fault`] | where tests end gw, in builds for tests only |
//! | [`source`] | manifests and the files they name, from disk or from Git; the revision; whose commits are trusted |
//! | [`store`] | generations on disk, the link to the current one, the lock |
//! | [`journal`] | what was done, when, why and for whom |
//! | [`control`] | what people told gw: that following is suspended, that servers are held |
//! | [`settings`] | gw's own settings: flag, environment, `gw.yaml`, default |
//! | [`observe`] | a process to `Live` |
//! | [`service`] | the HAProxy of this machine: its check, its reload, what `/proc` tells of it |
//! | [`apply`] | the three waves of a plan on the socket, and the transaction around a reload |
//! | [`intent`] | source to files in one go, where only what changed is done again |
//! | [`reconcile`] | one pass: plan, apply, read back, status |
//! | [`init`] | an empty generation to start HAProxy with |
//! | [`up`] | an HAProxy of our own, and the loop that follows the manifests |
//! | [`metrics`] | what is counted, as Prometheus reads it |
//! | [`http`] | what a gw that follows answers: metrics, health, status, history |
//! | [`notification`] | others are told how passes end |
//! | [`systemd`] | the service manager is told that gw is ready and alive |
//! | [`telemetry`] | puts these together: each event of the loop goes to all of them |
//! | [`doctor`] | what is wrong with a set-up, and how to mend it; changes nothing |
//! | [`cli`] | a file per command; errors and exit codes in one place each |
//!
//! # Where to make which change
//!
//! | Change | Where |
//! |---|---|
//! | a field of a manifest | its reader in `manifest/`, `manifest/document*.rs`, then `compile/`; `make schema` |
//! | a setting of backends | also `compile/profile.rs`; nothing else: profiles are lines to the rest |
//! | a setting of single servers | `model::Server`, `diff/server.rs`, `plan/server.rs`, `render/backends.rs`; it must be readable on the socket |
//! | a condition of routes | `compile/routing.rs`, `render/program.rs`, and `model::Rank` for its order |
//! | a command, or the reading of a reply | `haproxy/command/`, `haproxy/reply/`, with recordings of all versions (`tests/record-replies.sh`) |
//! | what a newer HAProxy can do | `haproxy/capabilities.rs`, then the reason in `plan/reason.rs` |
//! | a reason for a reload | `plan/reason.rs`, and the table in `README.md` follows by its test |
//! | the order of steps | `plan/order.rs` |
//! | a guard | `guard/`, its setting in `settings/guards.rs`, its flag in `cli/guards.rs` |
//! | a metric | `metrics.rs`, and the table in `README.md`; facts come from events (`report/watch.rs`, `report/pass.rs`) |
//! | an exit code | `cli/exit.rs` and the table in `README.md` |
//! | a transport or a credential of Git | `source/git/access.rs`, `source/git/transfer/` (runs as a process of its own) |
//! | a field of JSON output | `report/json/`; `make schema`; add, never change |

pub mod apply;
pub mod cli;
pub mod compile;
pub mod config;
pub mod control;
pub mod diff;
pub mod doctor;
pub mod fault;
pub mod guard;
pub mod haproxy;
pub mod health;
pub mod http;
pub mod init;
pub mod intent;
pub mod journal;
pub mod manifest;
pub mod metrics;
pub mod model;
pub mod notification;
pub mod observe;
pub mod plan;
pub mod reconcile;
pub mod render;
pub mod report;
pub mod service;
pub mod settings;
pub mod source;
pub mod store;
pub mod systemd;
pub mod telemetry;
pub mod up;
pub mod watch;
pub mod webhook;
