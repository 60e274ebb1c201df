//! Pairs of brokers, of which a controller elects the master (5.x).

use std::path::Path;

use super::{Cluster, ClusterBuilder, builder::Copies};
use crate::{InteropError, admin, ports::free_port};

impl ClusterBuilder {
    /// Runs two brokers for each name, `broker-a` and `broker-a-2`, and a controller in the name server that makes one of them the
    /// master. 5.x only.
    pub fn with_controller(mut self) -> Self {
        self.copies = Copies::Elected;
        self
    }
}

impl Cluster {
    /// Which of the brokers that share this broker name is the master now, and runs.
    pub fn master_of(&self, broker_name: &str) -> Option<String> {
        let route = admin::default_route(&self.name_server_address);
        let data = route.broker_datas.into_iter().find(|data| data.broker_name == broker_name)?;
        let master = data.broker_addrs.get(&0)?;
        let running = self.brokers.iter().filter(|(_, broker)| broker.process.is_some());
        running
            .into_iter()
            .find(|(_, broker)| broker.address() == *master)
            .map(|(name, _)| name.clone())
    }

    /// How many of the brokers that share this broker name have everything that is acknowledged: only one of them can become the
    /// master.
    pub fn in_sync(&self, broker_name: &str) -> usize {
        let controller = self.controller.map(|controller| format!("127.0.0.1:{}", controller.port));
        controller.map_or(0, |address| admin::in_sync(&address, broker_name))
    }
}

/// The controller inside a name server.
#[derive(Debug, Clone, Copy)]
pub(super) struct Controller {
    port: u16,
}

impl Controller {
    pub(super) fn new() -> Self {
        Self { port: free_port(0..=0) }
    }

    /// What the name server needs to be one.
    pub(super) fn options(&self, home: &Path) -> String {
        format!(
            "enableControllerInNamesrv=true\ncontrollerType=DLedger\ncontrollerDLegerGroup=group1\n\
             controllerDLegerPeers=n0-127.0.0.1:{}\ncontrollerDLegerSelfId=n0\ncontrollerStorePath={}/controller\n\
             enableElectUncleanMaster=false\nnotifyBrokerRoleChanged=true\n",
            self.port,
            home.display()
        )
    }

    pub(super) fn prepare_pair(
        &self,
        cluster: &mut Cluster,
        broker_name: &str,
        options: &str,
    ) -> Result<(), InteropError> {
        let options = format!(
            "enableControllerMode=true\ncontrollerAddr=127.0.0.1:{}\nallAckInSyncStateSet=true\n\
             controllerHeartBeatTimeoutMills=3000\nslaveReadEnable=true\n{options}",
            self.port
        );
        cluster.prepare_broker(broker_name, broker_name, &options)?;
        cluster.prepare_broker(&format!("{broker_name}-2"), broker_name, &options)
    }
}
