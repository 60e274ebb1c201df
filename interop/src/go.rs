//! The Go client, `github.com/apache/rocketmq-client-go`, as a [`Peer`].

use std::{
    fs,
    path::Path,
    process::Command,
    sync::{Mutex, PoisonError},
};

use crate::{
    InteropError, Peer,
    distribution::{cache, require, run},
};

impl Peer {
    /// The Go client. Its program is built first, for which Go fetches what it needs.
    ///
    /// # Errors
    ///
    /// When Go is missing, or fails.
    pub fn go() -> Result<Self, InteropError> {
        /// Two tests of one process that need it: the second waits.
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        require("go")?;
        let home = cache().join("go");
        fs::create_dir_all(&home).map_err(InteropError::io("creating a directory for Go"))?;
        let program = home.join("crossing");
        let mut compiler = Command::new("go");
        compiler.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("go"));
        run(compiler.args(["build", "-buildvcs=false", "-o"]).arg(&program), "go build")?;
        let line = vec![program.display().to_string()];
        let member = [line.as_slice(), &["member".to_owned()]].concat();
        Ok(Self { name: "go", line, member })
    }
}
