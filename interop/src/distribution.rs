//! [`Distribution`]: the jars of one release, fetched by Maven.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::{Mutex, PoisonError},
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
        /// Two tests of one process that need the same jars: the second waits.
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
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

    /// Whether this release has the proxy, the controller and what else came with 5.0.0.
    pub fn is_5(&self) -> bool {
        is_5(&self.version)
    }

    /// What has to be installed before [`fetch`](Self::fetch) of this version, and the tests, can work, and is not.
    pub fn missing_programs(version: &str) -> Vec<&'static str> {
        let fetched = cache().join(version).join("lib").exists();
        let needed = ["java", "javac", "mvn"].into_iter().take(if fetched { 2 } else { 3 });
        needed.filter(|program| require(program).is_err()).collect()
    }

    /// The class path with every jar.
    pub fn class_path(&self) -> String {
        format!("{}/*", self.jars.display())
    }

    /// Where the loaded classes of a program are kept, once it has run.
    pub(crate) fn class_archive(&self, program: &str) -> PathBuf {
        self.jars.with_file_name(format!("{program}.jsa"))
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

pub(crate) fn require(program: &'static str) -> Result<(), InteropError> {
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

fn is_5(version: &str) -> bool {
    !version.starts_with("4.")
}

fn pom_of(version: &str) -> String {
    let dependency = |artifact: &str| {
        format!(
            "<dependency><groupId>org.apache.rocketmq</groupId><artifactId>{artifact}</artifactId>\
             <version>{version}</version></dependency>"
        )
    };
    let mut wanted =
        vec!["rocketmq-namesrv", "rocketmq-broker", "rocketmq-tools", "rocketmq-client"];
    if is_5(version) {
        wanted.push("rocketmq-proxy");
    }
    let wanted: String = wanted.into_iter().map(dependency).collect();
    format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\"><modelVersion>4.0.0</modelVersion>\
         <groupId>interop</groupId><artifactId>servers</artifactId><version>1</version><packaging>pom</packaging>\
         <dependencies>{wanted}</dependencies></project>\n"
    )
}
