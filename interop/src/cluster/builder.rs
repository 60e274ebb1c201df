//! [`ClusterBuilder`]: which servers a cluster has, and starting them.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering},
};

use super::{Broker, Cluster, Identity, PATIENCE, acl, controller, proxy, slave, tls};
use crate::{
    Distribution, InteropError,
    distribution::cache,
    jvm::{MORE_OPTIONS, Program, prepare_home, write},
    ports::free_port,
    process::{Process, is_alive},
};

/// Options of a [`Cluster`].
#[derive(Debug, Clone)]
#[must_use = "nothing runs until `start`"]
pub struct ClusterBuilder {
    brokers: u8,
    options: String,
    java_options: String,
    pub(super) copies: Copies,
    pub(super) proxy: bool,
    pub(super) access_control: bool,
    pub(super) identity: Option<Identity>,
}

/// Who else holds what a broker has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Copies {
    None,
    /// A slave that stays one.
    Slave,
    /// Two brokers, of which a controller in the name server makes one the master.
    Elected,
}

impl Default for ClusterBuilder {
    fn default() -> Self {
        Self {
            brokers: 1,
            options: String::new(),
            java_options: String::new(),
            copies: Copies::None,
            proxy: false,
            access_control: false,
            identity: None,
        }
    }
}

impl ClusterBuilder {
    /// How many brokers: `broker-a`, `broker-b` and so on. Default 1.
    pub fn brokers(mut self, brokers: u8) -> Self {
        self.brokers = brokers.clamp(1, 26);
        self
    }

    /// A line for every `broker.conf`: `key=value`.
    pub fn broker_option(mut self, line: &str) -> Self {
        self.options.push_str(line);
        self.options.push('\n');
        self
    }

    /// An option of the JVM of every master: `-Dkey=value`.
    pub fn broker_java_option(mut self, option: &str) -> Self {
        self.java_options.push_str(option);
        self.java_options.push('\n');
        self
    }

    /// Starts the servers of a release and waits until every broker is in the route.
    ///
    /// # Errors
    ///
    /// When they do not start; their logs are kept then.
    pub fn start(self, distribution: &Distribution) -> Result<Cluster, InteropError> {
        let home = fresh_home(distribution.version())?;
        let port = free_port(0..=0);
        let name_server_home = home.join("name-server");
        let elects = (self.copies == Copies::Elected).then(controller::Controller::new);
        let mut cluster = Cluster {
            distribution: distribution.clone(),
            name_server_address: format!("127.0.0.1:{port}"),
            name_server: self.start_name_server(
                distribution,
                &name_server_home,
                port,
                elects.as_ref(),
            )?,
            home,
            brokers: BTreeMap::new(),
            proxy: None,
            controller: elects,
            keep_files: true,
        };
        for letter in ('a'..='z').take(self.brokers.into()) {
            let name = format!("broker-{letter}");
            match elects {
                None => self.prepare_master(&mut cluster, &name)?,
                Some(controller) => controller.prepare_pair(&mut cluster, &name, &self.options)?,
            }
        }
        cluster.boot()?;
        if self.copies == Copies::Slave {
            slave::start_slaves(&mut cluster, &self.options)?;
        }
        if self.proxy {
            cluster.proxy = Some(proxy::Proxy::start(&cluster)?);
        }
        cluster.keep_files = false;
        Ok(cluster)
    }

    fn prepare_master(&self, cluster: &mut Cluster, name: &str) -> Result<(), InteropError> {
        let mut options = format!("brokerId=0\nbrokerRole=ASYNC_MASTER\n{}", self.options);
        let home = cluster.home.join(name);
        prepare_home(&home)?;
        if self.access_control {
            options.push_str(&acl::options(&cluster.distribution, &home)?);
        }
        if let Some(identity) = &self.identity {
            tls::prepare(&home, identity)?;
        }
        let more = fs::read_to_string(home.join(MORE_OPTIONS)).unwrap_or_default();
        write(&home, MORE_OPTIONS, &format!("{more}{}", self.java_options))?;
        cluster.prepare_broker(name, name, &options)
    }

    fn start_name_server(
        &self,
        distribution: &Distribution,
        home: &Path,
        port: u16,
        elects: Option<&controller::Controller>,
    ) -> Result<Process, InteropError> {
        prepare_home(home)?;
        if let Some(identity) = &self.identity {
            tls::prepare(home, identity)?;
        }
        start_name_server(distribution, home, port, elects)
    }
}

impl Cluster {
    /// Starts every broker that does not run yet, all at once, and waits for them.
    pub(super) fn boot(&mut self) -> Result<(), InteropError> {
        let idle = self.brokers.iter().filter(|(_, broker)| broker.process.is_none());
        let names: Vec<String> = idle.map(|(name, _)| name.clone()).collect();
        for name in &names {
            self.launch_broker(name)?;
        }
        for name in &names {
            self.await_broker(name)?;
        }
        let first = names.first().and_then(|name| self.brokers.get(name)?.process.as_ref());
        if let Some(first) = first {
            Program::Broker.archive_classes(&self.distribution, first);
        }
        Ok(())
    }

    /// Writes the configuration of a broker. `name` is what it is called here; brokers that are copies of one another share a
    /// `broker_name`.
    pub(super) fn prepare_broker(
        &mut self,
        name: &str,
        broker_name: &str,
        options: &str,
    ) -> Result<(), InteropError> {
        let home = self.home.join(name);
        prepare_home(&home)?;
        // A broker takes the port two below its own for the VIP channel, and the one above for replication.
        let port = free_port(-2..=1);
        let (store, ha_port) = (home.join("store").display().to_string(), port + 1);
        // Small files: a commit-log segment of 1 GiB and consume queues of 300,000 entries are mapped whole otherwise.
        let conf = format!(
            "brokerClusterName=DefaultCluster\nbrokerName={broker_name}\nbrokerIP1=127.0.0.1\nbrokerIP2=127.0.0.1\n\
             listenPort={port}\nhaListenPort={ha_port}\nnamesrvAddr={name_server}\n\
             storePathRootDir={store}\nstorePathCommitLog={store}/commitlog\n\
             storePathEpochFile={store}/epoch\nstorePathBrokerIdentity={store}/identity\n\
             flushDiskType=ASYNC_FLUSH\nmappedFileSizeCommitLog=67108864\nmappedFileSizeConsumeQueue=600000\n\
             maxIndexNum=200000\nmaxHashSlotNum=50000\nmappedFileSizeTimerLog=10485760\ndiskMaxUsedSpaceRatio=98\n\
             autoCreateTopicEnable=true\nautoCreateSubscriptionGroup=true\nenablePropertyFilter=true\n\
             messageDelayLevel=1s 1s 1s 1s 2s 2s 2s 2s 3s 3s 3s 3s 4s 4s 4s 4s 5s 5s\n\
             transactionTimeOut=1000\ntransactionCheckInterval=1000\ntransactionCheckMax=5\n\
             waitTimeMillsInSendQueue=3000\nflushConsumerOffsetInterval=1000\nreviveInterval=500\n\
             sendMessageThreadPoolNums=2\npullMessageThreadPoolNums=4\n{options}",
            name_server = self.name_server_address,
        );
        write(&home, "broker.conf", &conf)?;
        self.brokers.insert(name.to_owned(), Broker { home, port, process: None });
        Ok(())
    }
}

fn start_name_server(
    distribution: &Distribution,
    home: &Path,
    port: u16,
    elects: Option<&controller::Controller>,
) -> Result<Process, InteropError> {
    let (files, elections) = (home.display(), elects.map(|elects| elects.options(home)));
    let conf = format!(
        "listenPort={port}\nkvConfigPath={files}/kv.json\nconfigStorePath={files}/namesrv.properties\n\
         scanNotActiveBrokerInterval=1000\n{}",
        elections.unwrap_or_default()
    );
    write(home, "namesrv.conf", &conf)?;
    let conf = home.join("namesrv.conf").display().to_string();
    let line = Program::NameServer.command_line(distribution, home, &["-c", &conf]);
    let process = Process::start("name-server", &home.join("out.log"), "java", &line)?;
    process.wait_for("boot success", PATIENCE)?;
    Program::NameServer.archive_classes(distribution, &process);
    Ok(process)
}

/// A directory for one cluster. Those whose process has ended are removed: nobody could do that when it ended.
fn fresh_home(version: &str) -> Result<PathBuf, InteropError> {
    static CLUSTERS: AtomicU32 = AtomicU32::new(0);
    let runs = cache().join(version).join("run");
    for old in fs::read_dir(&runs).into_iter().flatten().flatten() {
        let name = old.file_name();
        let owner = name.to_str().and_then(|name| name.split('-').next()?.parse().ok());
        if owner.is_some_and(|owner| owner != process::id() && !is_alive(owner)) {
            let _ = fs::remove_dir_all(old.path());
        }
    }
    let nth = CLUSTERS.fetch_add(1, Ordering::Relaxed);
    let home = runs.join(format!("{}-{nth}", process::id()));
    // What a process with the same id has left, long ago.
    let _ = fs::remove_dir_all(&home);
    fs::create_dir_all(&home).map_err(InteropError::io(format!("creating {}", home.display())))?;
    Ok(home)
}
