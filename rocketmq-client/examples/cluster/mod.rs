//! Where the examples connect to: the cluster of `NAMESRV_ADDR`, or one of their own inside the process.

use rocketmq_mock::MockCluster;

pub(crate) struct Cluster {
    pub(crate) name_servers: String,
    /// A cluster of one's own lives as long as this.
    _own: Option<MockCluster>,
}

pub(crate) async fn start() -> std::io::Result<Cluster> {
    if let Ok(name_servers) = std::env::var("NAMESRV_ADDR") {
        return Ok(Cluster { name_servers, _own: None });
    }
    let own = MockCluster::builder().topic("RMQ_SYS_TRACE_TOPIC", 1).recall(true).start().await?;
    Ok(Cluster { name_servers: own.name_server_address().to_string(), _own: Some(own) })
}
