//! The genuine Java client of a release as a [`Peer`].

use std::{fs, path::Path, process::Command};

use crate::{
    Distribution, InteropError, Peer,
    distribution::{cache, run},
    jvm::{options, prepare_home},
};

impl Peer {
    /// The genuine Java client of a release. Its programs are compiled first.
    ///
    /// # Errors
    ///
    /// When there is no compiler, or it fails.
    pub fn java(distribution: &Distribution) -> Result<Self, InteropError> {
        let classes = cache().join(distribution.version()).join("classes");
        fs::create_dir_all(&classes)
            .map_err(InteropError::io("creating a directory for classes"))?;
        prepare_home(&classes)?;
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("java");
        let mut compiler = Command::new("javac");
        compiler.args(["-nowarn", "-d"]).arg(&classes);
        compiler.arg("-cp").arg(distribution.class_path());
        run(
            compiler.args(PROGRAMS.map(|name| sources.join(name).with_extension("java"))),
            "javac",
        )?;

        let mut line = vec!["java".to_owned()];
        line.extend(options(&classes, 192));
        line.extend(["-Drocketmq.client.logUseSlf4j=true".into(), "-cp".into()]);
        line.push(format!("{}:{}", classes.display(), distribution.class_path()));
        let program = |name: &str| [line.as_slice(), &[name.to_owned()]].concat();
        let [crossing, member] = PROGRAMS.map(program);
        Ok(Self { name: "java", line: crossing, member })
    }
}

const PROGRAMS: [&str; 2] = ["Crossing", "Member"];
