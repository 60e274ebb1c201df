//! [`Cluster`]: a real name server and real brokers.

mod acl;
mod builder;
mod controller;
mod proxy;
mod slave;
mod tls;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

pub use acl::{ADMINISTRATOR, GUEST, User};
pub use builder::ClusterBuilder;
pub use tls::{Authority, Identity};

use crate::{
    Distribution, InteropError, admin,
    distribution::run,
    jvm::{Program, prepare_home},
    process::{Process, pause},
};

/// How long a server may take to start: they need 15 s on an idle machine with two cores.
const PATIENCE: Duration = Duration::from_secs(180);

/// How a broker is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// It stores what it has and takes leave. Takes 5 to 17 s.
    Term,
    /// It is gone at once.
    Kill,
}

/// A real name server and real brokers, on free ports of the loopback.
///
/// They never outlive this process, however it ends. Dropping the cluster kills them and removes their files, unless a test is
/// failing: then their logs are kept until a cluster of the same release is started again.
#[derive(Debug)]
pub struct Cluster {
    distribution: Distribution,
    home: PathBuf,
    name_server_address: String,
    name_server: Process,
    brokers: BTreeMap<String, Broker>,
    proxy: Option<proxy::Proxy>,
    controller: Option<controller::Controller>,
    keep_files: bool,
}

#[derive(Debug)]
struct Broker {
    home: PathBuf,
    port: u16,
    process: Option<Process>,
}

impl Broker {
    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

impl Cluster {
    /// Options for a cluster.
    pub fn builder() -> ClusterBuilder {
        ClusterBuilder::default()
    }

    /// Where clients connect to.
    pub fn name_server_address(&self) -> &str {
        &self.name_server_address
    }

    /// The address of a broker.
    pub fn broker_address(&self, name: &str) -> Option<String> {
        self.brokers.get(name).map(Broker::address)
    }

    /// Stops a broker, and returns when its process is gone. What it has stored stays.
    pub fn stop_broker(&mut self, name: &str, signal: Signal) {
        if let Some(process) = self.brokers.get_mut(name).and_then(|broker| broker.process.take()) {
            process.stop(match signal {
                Signal::Term => "-TERM",
                Signal::Kill => "-KILL",
            });
        }
    }

    /// Starts a broker, again or for the first time, and waits until it is in the route.
    ///
    /// # Errors
    ///
    /// When it does not start.
    pub fn start_broker(&mut self, name: &str) -> Result<(), InteropError> {
        self.launch_broker(name)?;
        self.await_broker(name)
    }

    fn launch_broker(&mut self, name: &str) -> Result<(), InteropError> {
        let Some(broker) = self.brokers.get_mut(name) else { return Ok(()) };
        let conf = broker.home.join("broker.conf").display().to_string();
        let line = Program::Broker.command_line(&self.distribution, &broker.home, &["-c", &conf]);
        broker.process = Some(Process::start(name, &broker.home.join("out.log"), "java", &line)?);
        Ok(())
    }

    fn await_broker(&self, name: &str) -> Result<(), InteropError> {
        let Some(broker) = self.brokers.get(name) else { return Ok(()) };
        let Some(process) = &broker.process else { return Ok(()) };
        process.wait_for("boot success", PATIENCE)?;
        // "boot success" comes up to a second before the name server knows the broker.
        let until = Instant::now() + PATIENCE;
        while !self.is_in_route(broker.port) {
            if Instant::now() > until || !process.is_alive() {
                return Err(process.not_started("it did not get into the route"));
            }
            pause();
        }
        Ok(())
    }

    /// Whatever host it is advertised with.
    fn is_in_route(&self, port: u16) -> bool {
        let port = format!(":{port}");
        let route = admin::default_route(&self.name_server_address);
        route
            .broker_datas
            .iter()
            .flat_map(|data| data.broker_addrs.values())
            .any(|at| at.ends_with(&port))
    }

    /// Runs a command of the administration tool, and returns what it prints.
    ///
    /// # Errors
    ///
    /// When it fails.
    pub fn mqadmin(&self, arguments: &[&str]) -> Result<String, InteropError> {
        let home = self.home.join("tools");
        prepare_home(&home)?;
        let arguments = [arguments, &["-n", &self.name_server_address]].concat();
        let mut java = Command::new("java");
        let unfinished = Program::Admin.archive_at_exit(&self.distribution, &mut java);
        java.args(Program::Admin.command_line(&self.distribution, &home, &arguments));
        // Some commands write files where they are run.
        let output = run(java.current_dir(&home), "mqadmin")?;
        if let Some((unfinished, archive)) = unfinished {
            let _ = fs::rename(unfinished, archive);
        }
        // It succeeds even when it fails, and says why only here.
        let printed = [output.stdout, output.stderr].concat();
        Ok(String::from_utf8_lossy(&printed).into_owned())
    }

    /// Creates a topic with so many queues on every master.
    ///
    /// # Errors
    ///
    /// When a broker refuses.
    pub fn create_topic(&self, topic: &str, queues: u16) -> Result<(), InteropError> {
        let route = admin::default_route(&self.name_server_address);
        for master in route.broker_datas.iter().filter_map(|data| data.broker_addrs.get(&0)) {
            if !admin::create_topic(master, topic, queues) {
                return Err(InteropError::Refused { what: format!("topic {topic} on {master}") });
            }
        }
        Ok(())
    }

    /// Whether a broker, a master or a slave, knows a topic.
    pub fn has_topic(&self, broker: &str, topic: &str) -> bool {
        self.broker_address(broker).is_some_and(|address| admin::has_topic(&address, topic))
    }

    /// How many messages a broker, a master or a slave, has stored in the queues of a topic.
    pub fn stored(&self, broker: &str, topic: &str, queues: u16) -> i64 {
        self.broker_address(broker).map_or(0, |address| admin::stored(&address, topic, queues))
    }

    /// What a group has committed at a broker in the queues of a topic, all together.
    pub fn committed(&self, broker: &str, topic: &str, group: &str, queues: u16) -> i64 {
        let address = self.broker_address(broker);
        address.map_or(0, |address| admin::committed(&address, topic, group, queues))
    }

    /// The offsets that the members of a group hold, by client and number of the queue. The broker asks them.
    pub fn held_offsets(
        &self,
        broker: &str,
        topic: &str,
        group: &str,
    ) -> BTreeMap<String, BTreeMap<i32, i64>> {
        let address = self.broker_address(broker);
        address.map(|address| admin::held_offsets(&address, topic, group)).unwrap_or_default()
    }

    /// The release that runs.
    pub fn distribution(&self) -> &Distribution {
        &self.distribution
    }

    /// Where the servers keep their files.
    pub fn home(&self) -> &Path {
        &self.home
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.brokers.clear();
        self.proxy = None;
        self.name_server.end();
        if self.keep_files || std::thread::panicking() {
            eprintln!("the logs of the servers are kept in {}", self.home.display());
        } else {
            let _ = fs::remove_dir_all(&self.home);
        }
    }
}
