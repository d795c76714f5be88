//! temp stub
use super::Version;
/// temp
#[derive(Clone, Debug)]
pub struct Capabilities {
    /// v
    pub version: Version,
    /// d
    pub dynamic_backends: bool,
    /// c
    pub add_server_cookie: bool,
    /// i
    pub init_state: bool,
    /// w
    pub wait_srv_removable: bool,
    /// p
    pub payload_max: usize,
}
