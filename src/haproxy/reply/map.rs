//! Maps.
/// x
pub fn prepared_version(_: &str) -> Option<u32> {
    None
}
