//! Lines of figures, and the gates on those that are the same on every machine.

use std::{
    error::Error,
    fmt::Display,
    sync::{Mutex, PoisonError},
};

/// What a benchmark ends in.
pub type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// What was above its gate.
static EXCEEDED: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Prints a figure as a line of JSON.
pub fn figure(row: &str, what: &str, value: impl Display) {
    println!("{{\"row\":\"{row}\",\"what\":\"{what}\",\"value\":{value}}}");
}

/// Prints a figure beside what is wanted of it. No gate: it depends on the machine, and on who else uses it.
pub fn wanted(row: &str, what: &str, value: impl Display, wanted: &str) {
    println!("{{\"row\":\"{row}\",\"what\":\"{what}\",\"value\":{value},\"wanted\":\"{wanted}\"}}");
}

/// Prints a figure with the most that is allowed. Above it, the [`verdict`] is a failure.
pub fn at_most(row: &str, what: &str, value: f64, allowed: f64) {
    println!(
        "{{\"row\":\"{row}\",\"what\":\"{what}\",\"value\":{value:.4},\"at_most\":{allowed}}}"
    );
    if value > allowed {
        let mut exceeded = EXCEEDED.lock().unwrap_or_else(PoisonError::into_inner);
        exceeded.push(format!("{row}: {value:.4} {what}, and {allowed} are allowed"));
    }
}

/// Asked once all figures are printed, so that one red gate hides no other.
///
/// # Errors
///
/// When a figure was above what is allowed.
pub fn verdict() -> Outcome {
    let exceeded = EXCEEDED.lock().unwrap_or_else(PoisonError::into_inner);
    if exceeded.is_empty() { Ok(()) } else { Err(exceeded.join("; ").into()) }
}
