//! Instructions, counted by callgrind: the same on a busy machine as on a quiet one.

use std::{env, io, process::Command};

/// Instructions of the running program for one more of `what`: it is run twice under callgrind, as `what <count>`, and what is the
/// same in both does not count. `None` where there is no valgrind.
///
/// # Errors
///
/// When such a run fails.
pub fn for_one_more(what: &str, counts: [u64; 2]) -> io::Result<Option<f64>> {
    let [few, many] = counts;
    let (Some(less), Some(more)) = (count(what, few)?, count(what, many)?) else { return Ok(None) };
    Ok(Some((more as f64 - less as f64) / (many - few) as f64))
}

fn count(what: &str, number: u64) -> io::Result<Option<u64>> {
    let run = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(env::current_exe()?)
        .args([what, &number.to_string()])
        .output();
    let output = match run {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        output => output?,
    };
    let said = String::from_utf8_lossy(&output.stderr);
    let counted = said.split_once("Collected : ").and_then(|(_, rest)| rest.lines().next());
    let counted = counted.and_then(|number| number.trim().parse().ok());
    counted.map(Some).ok_or_else(|| io::Error::other(said.into_owned()))
}
