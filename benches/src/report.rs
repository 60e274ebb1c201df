//! Lines of figures, and the gates on those that are the same on every machine.

use std::{error::Error, fmt::Display};

/// What a benchmark ends in.
pub type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// Prints a figure as a line of JSON.
pub fn figure(row: &str, what: &str, value: impl Display) {
    println!("{{\"row\":\"{row}\",\"what\":\"{what}\",\"value\":{value}}}");
}

/// Prints a figure, and fails where it is above what is allowed.
///
/// # Errors
///
/// When it is.
pub fn at_most(row: &str, what: &str, value: f64, allowed: f64) -> Outcome {
    println!(
        "{{\"row\":\"{row}\",\"what\":\"{what}\",\"value\":{value:.4},\"at_most\":{allowed}}}"
    );
    if value > allowed {
        return Err(format!("{row}: {value:.4} {what}, and {allowed} are allowed").into());
    }
    Ok(())
}
