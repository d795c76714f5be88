//! The one integration binary. Every file beside this one is listed here.

mod wire;
