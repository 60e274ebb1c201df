//! Making sure that a broker knows this client before something depends on it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use rocketmq_protocol::{body, header::HeartbeatRequestHeader};
use rocketmq_remoting::Channel;
use tokio::time::Instant;

use super::{Core, from_call};
use crate::Error;

/// The connections over which a heartbeat was answered, by address. A broker forgets a client whose connection ends.
#[derive(Default)]
pub(crate) struct Met(Mutex<HashMap<Arc<str>, Channel>>);

impl Core {
    /// Returns when the master of a broker name has taken a heartbeat over the present connection: from then on it can push
    /// replies and ask about transactions.
    pub(crate) async fn meet(&self, broker_name: &str, deadline: Instant) -> Result<(), Error> {
        let address = self.master(broker_name)?;
        let met =
            |met: &HashMap<Arc<str>, Channel>| met.get(&address).is_some_and(Channel::is_open);
        if met(&self.met.0.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(());
        }
        let channel = self.channel(&address, deadline).await?;
        let Some((heartbeat, _)) = self.registry.heartbeat(&self.id, &self.routes.table()) else {
            return Ok(());
        };
        let body = body::encode(&heartbeat);
        let told = channel.call(&HeartbeatRequestHeader::default(), body, deadline).await;
        told.map_err(|error| from_call(error, &address))?;
        let mut connections = self.met.0.lock().unwrap_or_else(PoisonError::into_inner);
        connections.insert(address, channel);
        Ok(())
    }
}
