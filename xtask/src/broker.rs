//! `cargo xtask broker`: a real cluster for a person.

use rocketmq_interop::{Cluster, DEFAULT_VERSION, Distribution};

use crate::shell::{Arguments, Outcome};

pub(crate) fn run(mut arguments: Arguments) -> Outcome {
    let version = arguments.value("--version")?.unwrap_or_else(|| DEFAULT_VERSION.to_owned());
    let brokers = arguments.value("--brokers")?.unwrap_or(1);
    arguments.none()?;
    println!("starting Apache RocketMQ {version}; the first time Maven fetches it");
    let distribution = Distribution::fetch(&version).map_err(|error| error.to_string())?;
    let cluster = Cluster::builder().brokers(brokers).start(&distribution);
    let cluster = cluster.map_err(|error| error.to_string())?;
    println!("NAMESRV_ADDR={}", cluster.name_server_address());
    println!("files and logs are in {}; Ctrl-C stops it", cluster.home().display());
    wait_for_ctrl_c()?;
    println!("stopping");
    drop(cluster);
    Ok(())
}

fn wait_for_ctrl_c() -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    runtime.block_on(tokio::signal::ctrl_c()).map_err(|error| error.to_string())
}
