//! Reloads through a real master.
