//! A proxy in front of the brokers (5.x).

use super::{Cluster, ClusterBuilder, PATIENCE};
use crate::{
    InteropError,
    jvm::{Program, prepare_home, write},
    ports::free_port,
    process::Process,
};

impl ClusterBuilder {
    /// Puts a proxy in front of the brokers, which speaks the remoting protocol as name server and broker in one. 5.x only.
    pub fn with_proxy(mut self) -> Self {
        self.proxy = true;
        self
    }
}

impl Cluster {
    /// What clients of the proxy connect to.
    pub fn proxy_address(&self) -> Option<String> {
        self.proxy.as_ref().map(|proxy| format!("127.0.0.1:{}", proxy.port))
    }
}

#[derive(Debug)]
pub(super) struct Proxy {
    port: u16,
    _process: Process,
}

impl Proxy {
    pub(super) fn start(cluster: &Cluster) -> Result<Self, InteropError> {
        let (name_server, port) = (&cluster.name_server_address, free_port(0..=1));
        let home = cluster.home.join("proxy");
        prepare_home(&home)?;
        let conf = format!(
            "{{\"rocketMQClusterName\": \"DefaultCluster\", \"proxyClusterName\": \"DefaultCluster\", \"proxyName\": \"proxy-1\",\n\
             \"proxyMode\": \"CLUSTER\", \"namesrvAddr\": \"{name_server}\", \"localServeAddr\": \"127.0.0.1\",\n\
             \"remotingListenPort\": {port}, \"grpcServerPort\": {}, \"grpcThreadPoolNums\": 4, \"grpcBossLoopNum\": 1,\n\
             \"grpcWorkerLoopNum\": 1, \"remotingSendMessageThreadPoolNums\": 2, \"remotingPullMessageThreadPoolNums\": 4,\n\
             \"remotingUpdateOffsetThreadPoolNums\": 1, \"remotingHeartbeatThreadPoolNums\": 1,\n\
             \"remotingTopicRouteThreadPoolNums\": 1, \"remotingDefaultThreadPoolNums\": 2, \"enableACL\": false}}\n",
            port + 1
        );
        write(&home.join("conf"), "rmq-proxy.json", &conf)?;
        let conf = home.join("conf/rmq-proxy.json").display().to_string();
        let arguments = ["-pc", &conf, "-n", name_server, "-pm", "cluster"];
        let mut line = Program::Proxy.command_line(&cluster.distribution, &home, &arguments);
        line.insert(0, format!("-DRMQ_PROXY_HOME={}", home.display()));
        let process = Process::start("proxy", &home.join("out.log"), "java", &line)?;
        process.wait_for("startup successfully", PATIENCE)?;
        Program::Proxy.archive_classes(&cluster.distribution, &process);
        Ok(Self { port, _process: process })
    }
}
