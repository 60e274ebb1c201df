//! A slave for each broker.

use super::{Cluster, ClusterBuilder, builder::Copies};
use crate::InteropError;

impl ClusterBuilder {
    /// Gives each broker a slave, `broker-a-slave` and so on, that serves reading when the master does not. New topics reach it
    /// up to 25 s after their creation.
    pub fn with_slaves(mut self) -> Self {
        self.copies = Copies::Slave;
        // Without it a slave answers every pull with REJECTREQUEST.
        self.broker_option("slaveReadEnable=true")
    }
}

pub(super) fn start_slaves(cluster: &mut Cluster, options: &str) -> Result<(), InteropError> {
    let masters: Vec<String> = cluster.brokers.keys().cloned().collect();
    let options = format!("brokerId=1\nbrokerRole=SLAVE\n{options}");
    for master in masters {
        cluster.prepare_broker(&format!("{master}-slave"), &master, &options)?;
    }
    cluster.boot()
}
