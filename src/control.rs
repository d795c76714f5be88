//! What people told gw to do or not to do, kept in the state directory.

mod suspension;

pub use self::suspension::Suspension;
