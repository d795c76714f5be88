//! What the generator draws from. Small pools, so that sets overlap and names come back.

/// A hundred characters of a path.
macro_rules! hundred {
    () => {
        "p23456789/p23456789/p23456789/p23456789/p23456789/\
         p23456789/p23456789/p23456789/p23456789/p23456789/"
    };
}

/// 63 characters, the most that a name may have.
pub(super) const LONGEST_LABEL: &str =
    "l23456789-123456789-123456789-123456789-123456789-123456789-123";

/// 253 characters, the most that a host name may have.
pub(super) const LONGEST_HOST: &str = concat!(
    "h23456789-123456789-123456789-123456789-123456789-123456789-123.",
    "h23456789-123456789-123456789-123456789-123456789-123456789-123.",
    "h23456789-123456789-123456789-123456789-123456789-123456789-123.",
    "h23456789-123456789-123456789-123456789-123456789-123456789.a",
);

/// 1024 characters, the most that a path may have.
pub(super) const LONGEST_PATH: &str = concat!(
    "/",
    hundred!(),
    hundred!(),
    hundred!(),
    hundred!(),
    hundred!(),
    hundred!(),
    hundred!(),
    hundred!(),
    hundred!(),
    hundred!(),
    "12345678901234567890/23",
);

/// `shop-b/x` comes before `shop/x` in the order of the Gateway API, though not label by label.
pub(super) const NAMESPACES: [&str; 5] = ["default", "default", "default", "shop", "shop-b"];

pub(super) const BACKENDS: [&str; 7] = ["web", "api", "blog", "b-1", "b-10", "0", LONGEST_LABEL];

pub(super) const ROUTES: [&str; 9] =
    ["r0", "r1", "r2", "r3", "r4", "r5", "site", "web", LONGEST_LABEL];

pub(super) const GATEWAYS: [&str; 3] = ["public", "inner", LONGEST_LABEL];

pub(super) const LISTENERS: [&str; 5] = ["http", "https", "all", "l.1", "0"];

pub(super) const SERVERS: [&str; 8] =
    ["s1", "s2", "s3", "a", "z", "s10", "10-0-0-1-8080", LONGEST_LABEL];

/// Of routes and of listeners. They nest, and some differ in little.
pub(super) const HOSTS: [&str; 16] = [
    "a.test",
    "b.a.test",
    "c.b.a.test",
    "x.org",
    "xa.test",
    "a",
    "*.test",
    "*.a.test",
    "*.b.a.test",
    "*.org",
    "*.a",
    "a.test",
    "*.test",
    "a-b.xn--bcher-kva.test",
    "h8.h7.h6.h5.h4.h3.h2.h1.test",
    LONGEST_HOST,
];

/// What requests ask for, besides the hosts of the manifests and of their neighbours.
pub(super) const OTHER_HOSTS: [&str; 8] =
    ["a.test", "z.test", "d.c.b.a.test", "x.x.org", "nowhere.net", "test", "1.a", "b.xa.test"];

pub(super) const PATHS: [&str; 19] = [
    "/",
    "/",
    "/a",
    "/a",
    "/a/",
    "/a/b",
    "/a/b/c",
    "/ab",
    "/a.b",
    "/A",
    "/a;v=1",
    "/it's",
    "/$x",
    "/%2e",
    "/f(x)",
    "/a%20b",
    "/+*~!&=,@:",
    "/-_.",
    LONGEST_PATH,
];

pub(super) const METHODS: [&str; 4] = ["GET", "POST", "DELETE", "OPTIONS"];

/// Of the shares of a rule's backends. None is so small that it takes long to be seen.
pub(super) const SHARES: [u32; 6] = [1, 1, 1, 2, 3, 0];

/// Of servers.
pub(super) const WEIGHTS: [Option<u32>; 8] =
    [None, None, None, Some(0), Some(1), Some(2), Some(3), Some(256)];

pub(super) const STATES: [Option<&str>; 6] =
    [None, None, None, Some("ready"), Some("drain"), Some("maint")];

pub(super) const TIMEOUTS: [Option<&str>; 4] = [None, None, Some("5s"), Some("1m30s")];
