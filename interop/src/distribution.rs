//! [`Distribution`]: the jars of one release, fetched by Maven.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use crate::InteropError;

/// The release that is run unless another is asked for.
pub const DEFAULT_VERSION: &str = "5.5.0";

/// The jars of one release of Apache RocketMQ, servers, tools and client, on this machine.
#[derive(Debug, Clone)]
pub struct Distribution {
    version: String,
    jars: PathBuf,
}

impl Distribution {
    /// The jars of `version`. The first time Maven fetches them; later they are found in the cache: `$ROCKETMQ_INTEROP_CACHE`, or
    /// `target/interop` of this workspace.
    ///
    /// # Errors
    ///
    /// When Java or Maven is missing, or Maven fails.
    pub fn fetch(version: &str) -> Result<Self, InteropError> {
        require("java")?;
        let home = cache().join(version);
        let jars = home.join("lib");
        if !jars.exists() {
            require("mvn")?;
            fetch_into(&home, &jars, version)?;
        }
        Ok(Self { version: version.to_owned(), jars })
    }

    /// The release.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Whether this is a release before 5.0.0.
    pub fn is_4(&self) -> bool {
        self.version.starts_with("4.")
    }

    /// The class path with every jar.
    pub fn class_path(&self) -> String {
        format!("{}/*", self.jars.display())
    }
}

/// Fetched beside their place and moved there whole, so that nobody finds half of them.
fn fetch_into(home: &Path, jars: &Path, version: &str) -> Result<(), InteropError> {
    let fetching = home.join(format!("fetching-{}", std::process::id()));
    fs::create_dir_all(&fetching)
        .map_err(InteropError::io(format!("creating {}", fetching.display())))?;
    fs::write(fetching.join("pom.xml"), pom_of(version))
        .map_err(InteropError::io("writing a pom.xml"))?;
    let mut maven = Command::new("mvn");
    maven.args([
        "-q",
        "-B",
        "dependency:copy-dependencies",
        "-DincludeScope=runtime",
        "-DoutputDirectory=lib",
    ]);
    run(maven.current_dir(&fetching), "mvn dependency:copy-dependencies")?;
    // Whoever was faster has put the same jars there.
    let moved = fs::rename(fetching.join("lib"), jars);
    fs::remove_dir_all(&fetching).map_err(InteropError::io("cleaning up"))?;
    match moved {
        Err(error) if !jars.exists() => {
            Err(InteropError::io("moving the jars into the cache")(error))
        }
        _ => Ok(()),
    }
}

/// Where jars, compiled programs and the files of running servers are kept.
pub(crate) fn cache() -> PathBuf {
    let own = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/interop");
    let cache = std::env::var_os("ROCKETMQ_INTEROP_CACHE").map_or_else(own, PathBuf::from);
    std::path::absolute(&cache).unwrap_or(cache)
}

fn require(program: &'static str) -> Result<(), InteropError> {
    match Command::new(program).arg("-version").output() {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(InteropError::Missing(program)),
        Err(error) => Err(InteropError::io(format!("running {program}"))(error)),
    }
}

/// Runs a program to its end; an error has the end of what it printed.
pub(crate) fn run(command: &mut Command, program: &str) -> Result<Output, InteropError> {
    let output = command.output().map_err(InteropError::io(format!("running {program}")))?;
    if output.status.success() {
        return Ok(output);
    }
    let printed = [output.stdout, output.stderr].concat();
    let printed = String::from_utf8_lossy(&printed);
    Err(InteropError::Failed { program: program.to_owned(), output: tail(&printed, 20) })
}

/// The last lines of a text.
pub(crate) fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().collect();
    all.get(all.len().saturating_sub(lines)..).unwrap_or_default().join("\n")
}

fn pom_of(version: &str) -> String {
    let dependency = |artifact: &str| {
        format!(
            "<dependency><groupId>org.apache.rocketmq</groupId><artifactId>{artifact}</artifactId>\
             <version>{version}</version></dependency>"
        )
    };
    let wanted = ["rocketmq-namesrv", "rocketmq-broker", "rocketmq-tools", "rocketmq-client"];
    format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\"><modelVersion>4.0.0</modelVersion>\
         <groupId>interop</groupId><artifactId>servers</artifactId><version>1</version><packaging>pom</packaging>\
         <dependencies>{}</dependencies></project>\n",
        wanted.map(dependency).concat()
    )
}
