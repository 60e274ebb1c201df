//! [`JavaClient`]: the genuine Java client on the other side.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::{
    Distribution, InteropError,
    distribution::{cache, run},
    jvm::{options, prepare_home},
};

/// The genuine Java client of a release, behind a small program.
#[derive(Debug, Clone)]
pub struct JavaClient {
    distribution: Distribution,
    classes: PathBuf,
}

/// What crosses from one client to the other.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Crossing {
    /// The body, as hexadecimal digits.
    pub body: String,
    /// The keys, joined by blanks.
    pub keys: String,
    /// The tag.
    pub tag: String,
    /// The property `größe`.
    pub property: String,
}

impl JavaClient {
    /// Compiles the program, once for each release.
    ///
    /// # Errors
    ///
    /// When there is no compiler, or it fails.
    pub fn new(distribution: &Distribution) -> Result<Self, InteropError> {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("java/Crossing.java");
        let classes = cache().join(distribution.version()).join("classes");
        fs::create_dir_all(&classes)
            .map_err(InteropError::io("creating a directory for classes"))?;
        prepare_home(&classes)?;
        let mut compiler = Command::new("javac");
        compiler
            .args(["-nowarn", "-d"])
            .arg(&classes)
            .arg("-cp")
            .arg(distribution.class_path())
            .arg(source);
        run(&mut compiler, "javac")?;
        Ok(Self { distribution: distribution.clone(), classes })
    }

    /// Has Java send `count` messages, and returns what it sent.
    ///
    /// # Errors
    ///
    /// When it fails.
    pub fn produce(
        &self,
        name_server: &str,
        topic: &str,
        count: usize,
    ) -> Result<Vec<Crossing>, InteropError> {
        self.run(&["produce", name_server, topic, &count.to_string()])
    }

    /// Has Java consume `count` messages as a new group from the beginning, and returns what it received.
    ///
    /// # Errors
    ///
    /// When it fails, or gets fewer within a minute.
    pub fn consume(
        &self,
        name_server: &str,
        topic: &str,
        group: &str,
        count: usize,
    ) -> Result<Vec<Crossing>, InteropError> {
        self.run(&["consume", name_server, topic, &count.to_string(), group])
    }

    /// Has Java send `count` messages to the queues that belong to their keys. The property is the number of the queue.
    ///
    /// # Errors
    ///
    /// When it fails.
    pub fn send_by_key(
        &self,
        name_server: &str,
        topic: &str,
        count: usize,
    ) -> Result<Vec<Crossing>, InteropError> {
        self.run(&["send-by-key", name_server, topic, &count.to_string()])
    }

    /// Has Java make `count` requests, and returns the replies.
    ///
    /// # Errors
    ///
    /// When it fails, or gets no reply within a minute.
    pub fn request(
        &self,
        name_server: &str,
        topic: &str,
        count: usize,
    ) -> Result<Vec<Crossing>, InteropError> {
        self.run(&["request", name_server, topic, &count.to_string()])
    }

    /// Has Java reply to `count` requests with what they say in capitals, and returns the requests.
    ///
    /// # Errors
    ///
    /// When it fails, or gets fewer within a minute.
    pub fn reply(
        &self,
        name_server: &str,
        topic: &str,
        group: &str,
        count: usize,
    ) -> Result<Vec<Crossing>, InteropError> {
        self.run(&["reply", name_server, topic, &count.to_string(), group])
    }

    fn run(&self, arguments: &[&str]) -> Result<Vec<Crossing>, InteropError> {
        let mut java = Command::new("java");
        java.args(options(&self.classes, 192)).arg("-Drocketmq.client.logUseSlf4j=true").arg("-cp");
        java.arg(format!("{}:{}", self.classes.display(), self.distribution.class_path()));
        let output = run(java.arg("Crossing").args(arguments), "the Java client")?;
        let text = String::from_utf8_lossy(&output.stdout);
        let lines = text.lines().filter(|line| line.starts_with('{'));
        Ok(lines.filter_map(|line| serde_json::from_str(line).ok()).map(crossing).collect())
    }
}

fn crossing(line: Value) -> Crossing {
    let text = |key: &str| line.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    Crossing {
        body: text("body"),
        keys: text("keys"),
        tag: text("tag"),
        property: text("property"),
    }
}
