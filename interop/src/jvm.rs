//! [`Program`]: what is run on a JVM, and with which options.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
};

use crate::{Distribution, InteropError, distribution::run, process::Process};

/// A program of the distribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Program {
    NameServer,
    Broker,
    Proxy,
    Admin,
}

impl Program {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::NameServer => "name-server",
            Self::Broker => "broker",
            Self::Proxy => "proxy",
            Self::Admin => "mqadmin",
        }
    }

    fn main_class(self) -> &'static str {
        match self {
            Self::NameServer => "org.apache.rocketmq.namesrv.NamesrvStartup",
            Self::Broker => "org.apache.rocketmq.broker.BrokerStartup",
            Self::Proxy => "org.apache.rocketmq.proxy.ProxyStartup",
            Self::Admin => "org.apache.rocketmq.tools.command.MQAdminStartup",
        }
    }

    fn heap_mib(self) -> u32 {
        match self {
            Self::Broker => 384,
            Self::Proxy => 256,
            Self::NameServer | Self::Admin => 192,
        }
    }

    /// The arguments of `java` that run it with its files in `home`.
    pub(crate) fn command_line(
        self,
        distribution: &Distribution,
        home: &Path,
        arguments: &[&str],
    ) -> Vec<String> {
        let mut line = options(home, self.heap_mib());
        let archive = distribution.class_archive(self.name());
        if archive.exists() {
            line.push(format!("-XX:SharedArchiveFile={}", archive.display()));
        } else if self != Self::Admin {
            line.push("-XX:+RecordDynamicDumpInfo".into());
        }
        let more = home.join(MORE_OPTIONS);
        if more.exists() {
            line.push(format!("@{}", more.display()));
        }
        line.extend(["-cp".into(), distribution.class_path(), self.main_class().into()]);
        line.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        line
    }

    /// Has a program that ends by itself write down the classes it has loaded, like [`archive_classes`](Self::archive_classes) does for
    /// servers, unless that has been done. Returns where they are afterwards, and where they belong.
    pub(crate) fn archive_at_exit(
        self,
        distribution: &Distribution,
        java: &mut Command,
    ) -> Option<(PathBuf, PathBuf)> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let archive = distribution.class_archive(self.name());
        if archive.exists() {
            return None;
        }
        let nth = NEXT.fetch_add(1, Ordering::Relaxed);
        let unfinished = archive.with_extension(format!("{}-{nth}", std::process::id()));
        // What it says about that would be in the middle of what it is asked for.
        java.args(["-Xlog:disable", "-Xlog:all=error:stderr", "-XX:+IgnoreUnrecognizedVMOptions"]);
        java.arg(format!("-XX:ArchiveClassesAtExit={}", unfinished.display()));
        Some((unfinished, archive))
    }

    /// Has a running server write down the classes it has loaded, so that the next one finds them parsed and verified: that is more
    /// than half of the CPU time that booting takes. Only a matter of speed: a JVM older than 17 cannot do it, and no harm is done.
    pub(crate) fn archive_classes(self, distribution: &Distribution, server: &Process) {
        let archive = distribution.class_archive(self.name());
        if archive.exists() {
            return;
        }
        let unfinished = archive.with_extension(std::process::id().to_string());
        let mut dump = Command::new("jcmd");
        dump.arg(server.id().to_string()).args(["VM.cds", "dynamic_dump"]).arg(&unfinished);
        let dumped = run(&mut dump, "jcmd");
        if let Err(error) = dumped.and_then(|_| {
            fs::rename(&unfinished, &archive).map_err(InteropError::io("keeping the classes"))
        }) {
            eprintln!("the next {} will start no faster: {error}", self.name());
        }
    }
}

/// A file in the home of a server with further options of its JVM, one a line.
pub(crate) const MORE_OPTIONS: &str = "jvm.options";

/// Options that keep a JVM small, and its files in `home`.
pub(crate) fn options(home: &Path, heap_mib: u32) -> Vec<String> {
    let home = home.display();
    vec![
        "-Xms64m".into(),
        format!("-Xmx{heap_mib}m"),
        "-XX:MaxDirectMemorySize=256m".into(),
        "-XX:+UseSerialGC".into(),
        "-XX:TieredStopAtLevel=1".into(),
        "-XX:-UsePerfData".into(),
        "-XX:+IgnoreUnrecognizedVMOptions".into(),
        // 4.x unmaps files by reflection; a broker that cannot does not start again after a crash.
        "--add-opens=java.base/java.nio=ALL-UNNAMED".into(),
        "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED".into(),
        "--add-opens=java.base/jdk.internal.ref=ALL-UNNAMED".into(),
        "-Djava.net.preferIPv4Stack=true".into(),
        format!("-Duser.home={home}"),
        format!("-Drocketmq.home.dir={home}"),
        format!("-Drocketmq.log.root={home}"),
    ]
}

const LOGBACK: &str = "<configuration><appender name=\"A\" class=\"ch.qos.logback.core.FileAppender\">\
    <file>${user.home}/all.log</file><encoder><pattern>%d %p %c{0} - %m%n</pattern></encoder></appender>\
    <root level=\"WARN\"><appender-ref ref=\"A\"/></root></configuration>\n";

/// 4.x does not start without these files.
pub(crate) fn prepare_home(home: &Path) -> Result<(), InteropError> {
    let conf = home.join("conf");
    fs::create_dir_all(&conf).map_err(InteropError::io(format!("creating {}", conf.display())))?;
    for server in ["namesrv", "broker", "tools", "proxy", "controller"] {
        write(&conf, &format!("logback_{server}.xml"), LOGBACK)?;
    }
    Ok(())
}

pub(crate) fn write(directory: &Path, name: &str, text: &str) -> Result<(), InteropError> {
    fs::write(directory.join(name), text).map_err(InteropError::io(format!("writing {name}")))
}
