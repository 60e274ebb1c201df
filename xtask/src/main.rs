//! What people and CI run: `cargo xtask help`.

fn main() {}
