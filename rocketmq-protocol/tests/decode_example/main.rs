//! Runs the example `decode` over captured frames, and over what is none.

// `cfg(test)` on a module of a test: so clippy knows that its helpers are tests and may unwrap.
#[cfg(test)]
mod running;
