//! [`Cluster`]: a real name server and real brokers.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use bytes::BytesMut;
use rocketmq_protocol::{
    Command as Frame, FrameLimits, Serialization,
    body::{self, TopicRouteData},
    frame,
    header::{GetRouteInfoRequestHeader, TopicFields},
    names,
};

use crate::{
    Distribution, InteropError,
    distribution::{cache, run},
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

/// Options of a [`Cluster`].
#[derive(Debug, Clone)]
#[must_use = "nothing runs until `start`"]
pub struct ClusterBuilder {
    brokers: usize,
    extra: String,
}

impl ClusterBuilder {
    /// How many brokers: `broker-a`, `broker-b` and so on. Default 1.
    pub fn brokers(mut self, brokers: usize) -> Self {
        self.brokers = brokers.clamp(1, 26);
        self
    }

    /// A line for every `broker.conf`: `key=value`.
    pub fn broker_option(mut self, line: &str) -> Self {
        self.extra.push_str(line);
        self.extra.push('\n');
        self
    }

    /// Starts the servers of a release and waits until every broker is in the route.
    ///
    /// # Errors
    ///
    /// When they do not start; their logs are kept then.
    pub fn start(self, distribution: &Distribution) -> Result<Cluster, InteropError> {
        let home = fresh_home(distribution.version())?;
        let port = free_port()?;
        let name_server = start_name_server(distribution, &home.join("name-server"), port)?;
        let mut cluster = Cluster {
            distribution: distribution.clone(),
            home,
            name_server_address: format!("127.0.0.1:{port}"),
            _name_server: name_server,
            brokers: BTreeMap::new(),
            keep_files: true,
        };
        for letter in ('a'..='z').take(self.brokers) {
            cluster.prepare_broker(&format!("broker-{letter}"), &self.extra)?;
        }
        for letter in ('a'..='z').take(self.brokers) {
            cluster.start_broker(&format!("broker-{letter}"))?;
        }
        cluster.keep_files = false;
        Ok(cluster)
    }
}

/// A real name server and real brokers, on free ports of the loopback. Dropping it kills them and removes their files, unless a
/// test is failing: then their logs are kept, and named.
#[derive(Debug)]
pub struct Cluster {
    distribution: Distribution,
    home: PathBuf,
    name_server_address: String,
    _name_server: Process,
    brokers: BTreeMap<String, Broker>,
    keep_files: bool,
}

#[derive(Debug)]
struct Broker {
    home: PathBuf,
    port: u16,
    process: Option<Process>,
}

impl Cluster {
    /// Options for a cluster.
    pub fn builder() -> ClusterBuilder {
        ClusterBuilder { brokers: 1, extra: String::new() }
    }

    /// Where clients connect to.
    pub fn name_server_address(&self) -> &str {
        &self.name_server_address
    }

    /// The address of a broker.
    pub fn broker_address(&self, name: &str) -> Option<String> {
        self.brokers.get(name).map(|broker| format!("127.0.0.1:{}", broker.port))
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
        let Some(broker) = self.brokers.get_mut(name) else { return Ok(()) };
        let arguments = [
            jvm(&broker.home, 384),
            vec![
                "-XX:MaxDirectMemorySize=256m".into(),
                "-cp".into(),
                self.distribution.class_path(),
            ],
            vec!["org.apache.rocketmq.broker.BrokerStartup".into()],
            vec!["-c".into(), broker.home.join("broker.conf").display().to_string()],
        ]
        .concat();
        let process = Process::start(name, &broker.home.join("out.log"), "java", &arguments)?;
        process.wait_for("boot success", PATIENCE)?;
        // "boot success" comes up to a second before the name server knows the broker.
        let until = Instant::now() + PATIENCE;
        while !is_in_route(&self.name_server_address, name) {
            if Instant::now() > until {
                return Err(process.not_started("not in the route"));
            }
            pause();
        }
        broker.process = Some(process);
        Ok(())
    }

    /// Runs a command of the administration tool, and returns what it prints.
    ///
    /// # Errors
    ///
    /// When it fails.
    pub fn mqadmin(&self, arguments: &[&str]) -> Result<String, InteropError> {
        let home = self.home.join("tools");
        prepare_home(&home)?;
        let mut admin = Command::new("java");
        admin.args(jvm(&home, 192)).arg("-cp").arg(self.distribution.class_path());
        admin.arg("org.apache.rocketmq.tools.command.MQAdminStartup").args(arguments);
        admin.args(["-n", &self.name_server_address]);
        let output = run(&mut admin, "mqadmin")?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Creates a topic with so many queues on each broker.
    ///
    /// # Errors
    ///
    /// When the administration tool fails.
    pub fn create_topic(&self, topic: &str, queues: u16) -> Result<(), InteropError> {
        let queues = queues.to_string();
        let arguments =
            ["updateTopic", "-c", "DefaultCluster", "-t", topic, "-r", &queues, "-w", &queues];
        self.mqadmin(&arguments).map(drop)
    }

    /// The release that runs.
    pub fn distribution(&self) -> &Distribution {
        &self.distribution
    }

    /// Where the servers keep their files.
    pub fn home(&self) -> &Path {
        &self.home
    }

    fn prepare_broker(&mut self, name: &str, extra: &str) -> Result<(), InteropError> {
        let home = self.home.join(name);
        prepare_home(&home)?;
        let port = free_broker_port()?;
        let (store, ha_port) = (home.join("store").display().to_string(), port + 1);
        // Small files: a commit-log segment of 1 GiB and consume queues of 300,000 entries are mapped whole otherwise.
        let conf = format!(
            "brokerClusterName=DefaultCluster\nbrokerName={name}\nbrokerId=0\nbrokerRole=ASYNC_MASTER\n\
             brokerIP1=127.0.0.1\nbrokerIP2=127.0.0.1\nlistenPort={port}\nhaListenPort={ha_port}\n\
             namesrvAddr={name_server}\nstorePathRootDir={store}\nstorePathCommitLog={store}/commitlog\n\
             flushDiskType=ASYNC_FLUSH\nmappedFileSizeCommitLog=67108864\nmappedFileSizeConsumeQueue=600000\n\
             maxIndexNum=200000\nmaxHashSlotNum=50000\nmappedFileSizeTimerLog=10485760\ndiskMaxUsedSpaceRatio=98\n\
             autoCreateTopicEnable=true\nautoCreateSubscriptionGroup=true\nwaitTimeMillsInSendQueue=3000\n\
             messageDelayLevel=1s 1s 1s 1s 2s 2s 2s 2s 3s 3s 3s 3s 4s 4s 4s 4s 5s 5s\n\
             flushConsumerOffsetInterval=1000\nsendMessageThreadPoolNums=2\npullMessageThreadPoolNums=4\n{extra}",
            name_server = self.name_server_address,
        );
        fs::write(home.join("broker.conf"), conf)
            .map_err(InteropError::io("writing broker.conf"))?;
        self.brokers.insert(name.to_owned(), Broker { home, port, process: None });
        Ok(())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.brokers.clear();
        if self.keep_files || std::thread::panicking() {
            eprintln!("the logs of the servers are kept in {}", self.home.display());
        } else {
            let _ = fs::remove_dir_all(&self.home);
        }
    }
}

fn start_name_server(
    distribution: &Distribution,
    home: &Path,
    port: u16,
) -> Result<Process, InteropError> {
    prepare_home(home)?;
    let files = home.display();
    let conf = format!(
        "listenPort={port}\nkvConfigPath={files}/kv.json\nconfigStorePath={files}/namesrv.properties\n\
         scanNotActiveBrokerInterval=1000\n"
    );
    let conf_path = home.join("namesrv.conf");
    fs::write(&conf_path, conf).map_err(InteropError::io("writing namesrv.conf"))?;
    let arguments = [
        jvm(home, 192),
        vec!["-cp".into(), distribution.class_path()],
        vec!["org.apache.rocketmq.namesrv.NamesrvStartup".into()],
        vec!["-c".into(), conf_path.display().to_string()],
    ]
    .concat();
    let process = Process::start("name-server", &home.join("out.log"), "java", &arguments)?;
    process.wait_for("boot success", PATIENCE)?;
    Ok(process)
}

/// Options that keep a JVM small, and its files in `home`.
pub(crate) fn jvm(home: &Path, heap_mib: u32) -> Vec<String> {
    let home = home.display();
    vec![
        "-Xms64m".into(),
        format!("-Xmx{heap_mib}m"),
        "-XX:+UseSerialGC".into(),
        "-XX:TieredStopAtLevel=1".into(),
        "-XX:-UsePerfData".into(),
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
    for server in ["namesrv", "broker", "tools"] {
        fs::write(conf.join(format!("logback_{server}.xml")), LOGBACK)
            .map_err(InteropError::io("writing logback.xml"))?;
    }
    Ok(())
}

fn fresh_home(version: &str) -> Result<PathBuf, InteropError> {
    static CLUSTERS: AtomicU32 = AtomicU32::new(0);
    let nth = CLUSTERS.fetch_add(1, Ordering::Relaxed);
    let home = cache().join("run").join(format!("{version}-{}-{nth}", std::process::id()));
    fs::create_dir_all(&home).map_err(InteropError::io(format!("creating {}", home.display())))?;
    Ok(home)
}

fn free_port() -> Result<u16, InteropError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let address = listener.and_then(|listener| listener.local_addr());
    Ok(address.map_err(InteropError::io("finding a free port"))?.port())
}

/// A broker takes the port two below its own for the VIP channel, and the one above for replication.
fn free_broker_port() -> Result<u16, InteropError> {
    loop {
        let port = free_port()?;
        let neighbours = [port.checked_sub(2), port.checked_add(1)];
        let free = |port: Option<u16>| {
            port.is_some_and(|port| TcpListener::bind(("127.0.0.1", port)).is_ok())
        };
        if neighbours.into_iter().all(free) {
            return Ok(port);
        }
    }
}

/// Whether the name server lists the broker, for the topic that every broker has.
fn is_in_route(name_server: &str, broker: &str) -> bool {
    let route = ask_route(name_server, names::AUTO_CREATE_TOPIC).unwrap_or_default();
    route.broker_datas.iter().any(|data| data.broker_name == broker)
}

fn ask_route(name_server: &str, topic: &str) -> Option<TopicRouteData> {
    let request = Frame::request(&GetRouteInfoRequestHeader {
        topic: topic.to_owned().into(),
        accept_standard_json_only: Some(true),
        shared: TopicFields::default(),
    });
    let mut stream = TcpStream::connect(name_server).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
    let mut buffer = BytesMut::new();
    request.encode(Serialization::Json, &mut buffer).ok()?;
    stream.write_all(&buffer).ok()?;
    buffer.clear();
    let mut chunk = [0; 4096];
    loop {
        if let Some(answer) = frame::split(&mut buffer, &FrameLimits::default()).ok()? {
            return body::decode(&Frame::decode(answer).ok()?.body).ok();
        }
        let read = stream.read(&mut chunk).ok().filter(|read| *read > 0)?;
        buffer.extend_from_slice(chunk.get(..read)?);
    }
}
