//! Arguments that came, and commands that are run.

use std::{
    collections::VecDeque,
    env,
    path::Path,
    process::{Command, ExitStatus},
    str::FromStr,
    time::Instant,
};

/// `Err` says what failed, for people.
pub(crate) type Outcome<T = ()> = Result<T, String>;

/// The words after `cargo xtask`.
pub(crate) struct Arguments(VecDeque<String>);

impl Arguments {
    pub(crate) fn of_process() -> Self {
        Self(env::args().skip(1).collect())
    }

    /// The next word, whatever it is.
    pub(crate) fn next_word(&mut self) -> Option<String> {
        self.0.pop_front()
    }

    /// Whether there is this word; it is taken.
    pub(crate) fn flag(&mut self, flag: &str) -> bool {
        let found = self.0.iter().position(|word| word == flag);
        found.and_then(|at| self.0.remove(at)).is_some()
    }

    /// The value behind this word; both are taken.
    pub(crate) fn value<T: FromStr>(&mut self, flag: &str) -> Outcome<Option<T>> {
        let Some(at) = self.0.iter().position(|word| word == flag) else { return Ok(None) };
        self.0.remove(at);
        let value = self.0.remove(at).ok_or_else(|| format!("{flag} needs a value"))?;
        value.parse().map(Some).map_err(|_| format!("{flag} {value}: not a value for it"))
    }

    /// What is left, none of which may be an option.
    pub(crate) fn words(self) -> Outcome<Vec<String>> {
        match self.0.iter().find(|word| word.starts_with('-')) {
            Some(unknown) => Err(format!("{unknown}: there is no such option here")),
            None => Ok(self.0.into()),
        }
    }

    /// Nothing may be left.
    pub(crate) fn none(self) -> Outcome {
        match self.words()?.first() {
            Some(unknown) => Err(format!("{unknown}: not expected here")),
            None => Ok(()),
        }
    }
}

/// The root of the workspace.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or_else(|| Path::new("."))
}

/// `cargo` with arguments, in the root of the workspace.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    command
}

/// Runs one step, says which and how long it took, and stops everything if it fails.
pub(crate) fn step(name: &str, command: &mut Command) -> Outcome {
    println!("── {name}");
    let began = Instant::now();
    let status = status(command)?;
    let took = began.elapsed().as_secs();
    if !status.success() {
        return Err(format!("{name} failed after {took} s: {}", shown(command)));
    }
    println!("── {name}: done in {took} s");
    Ok(())
}

/// Runs a command and returns what it prints.
pub(crate) fn output(command: &mut Command) -> Outcome<String> {
    Ok(run(command)?.0)
}

/// Runs a command and returns what it prints as errors: some print everything there.
pub(crate) fn errors(command: &mut Command) -> Outcome<String> {
    Ok(run(command)?.1)
}

fn run(command: &mut Command) -> Outcome<(String, String)> {
    let output = command.output().map_err(|error| format!("{}: {error}", shown(command)))?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() {
        Ok((printed, errors))
    } else {
        Err(format!("{}: {printed}{errors}", shown(command)))
    }
}

/// Whether a command can be run and succeeds. What it prints is dropped.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

fn status(command: &mut Command) -> Outcome<ExitStatus> {
    command.status().map_err(|error| format!("{}: {error}", shown(command)))
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// Whether this runs where a check that cannot run is a failure.
pub(crate) fn is_ci() -> bool {
    env::var_os("CI").is_some_and(|value| value == "true" || value == "1")
}

/// Says in one line that cannot be overlooked what was left out; where everything has to run, it is an error.
pub(crate) fn left_out(what: &str, why: &str, required: bool) -> Outcome {
    let line = format!("LEFT OUT: {what}: {why}");
    if required {
        return Err(line);
    }
    println!("!!!! {line}");
    Ok(())
}
