//! Avoiding brokers that are slow or out of reach.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use bytes::Bytes;
use rocketmq_protocol::header::{GetMaxOffsetRequestHeader, RpcFields, TopicFields};
use rocketmq_route::{Contact, FaultTable, Penalties};
use tokio::time::{Instant, sleep};

use super::Shared;

/// Avoids brokers that have been slow or out of reach lately, where there are others
/// ([`ProducerBuilder::avoid_slow_brokers`](super::ProducerBuilder::avoid_slow_brokers)).
///
/// Messages for a chosen queue or key are not diverted.
#[derive(Debug, Clone)]
#[non_exhaustive]
#[doc(alias = "sendLatencyFaultEnable")]
#[doc(alias = "LatencyFaultTolerance")]
pub struct LatencyFaults {
    /// How long a broker is avoided. Default: the table of Java since 5.1.4.
    pub penalties: Penalties,
    /// How often a broker that did not answer is asked whether it is back. Default 2 s, as in Java (`detectInterval`); `None`: it
    /// is tried again when its penalty is over, or when there is no other.
    #[doc(alias = "startDetectorEnable")]
    pub probe_interval: Option<Duration>,
    /// How long a probe may take. Default 200 ms, as in Java (`detectTimeout`).
    pub probe_timeout: Duration,
}

impl Default for LatencyFaults {
    fn default() -> Self {
        Self {
            penalties: Penalties::default(),
            probe_interval: Some(Duration::from_secs(2)),
            probe_timeout: Duration::from_millis(200),
        }
    }
}

/// What a producer knows of its brokers' faults.
pub(super) struct Faults {
    table: Mutex<FaultTable>,
}

impl Faults {
    pub(super) fn new(options: &LatencyFaults) -> Self {
        Self { table: Mutex::new(FaultTable::new(options.penalties.clone())) }
    }

    pub(super) fn table(&self) -> MutexGuard<'_, FaultTable> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn record(&self, broker_name: &Arc<str>, contact: Contact) {
        self.table().record(broker_name, contact, Instant::now().into_std());
    }
}

/// Asks brokers that did not answer whether they are back, as long as the producer lives.
pub(super) async fn probe(producer: Weak<Shared>, options: LatencyFaults) {
    let Some(interval) = options.probe_interval else { return };
    let Some(tasks) = producer.upgrade().map(|shared| shared.client.core().tasks.clone()) else {
        return;
    };
    loop {
        tokio::select! {
            () = sleep(interval) => {}
            () = tasks.cancelled() => return,
        }
        let Some(shared) = producer.upgrade() else { return };
        let Some(faults) = &shared.faults else { return };
        let due = faults.table().due_for_probe(interval, Instant::now().into_std());
        for broker_name in due {
            let deadline = Instant::now() + options.probe_timeout;
            if shared.reaches(&broker_name, deadline).await {
                faults.table().reached(&broker_name);
            }
        }
    }
}

impl Shared {
    /// Whether a broker answers, whatever it says. One that no route names any more is forgotten.
    async fn reaches(&self, broker_name: &Arc<str>, deadline: Instant) -> bool {
        let core = self.client.core();
        if core.routes.table().master(broker_name).is_none() {
            return true;
        }
        // Brokers answer for topics that they do not have.
        let request = GetMaxOffsetRequestHeader {
            topic: (&self.group).into(),
            queue_id: 0,
            shared: TopicFields {
                rpc: RpcFields { broker_name: Some(broker_name.into()), ..RpcFields::default() },
                ..TopicFields::default()
            },
            ..GetMaxOffsetRequestHeader::default()
        };
        match core.call_master(broker_name, &request, Bytes::new(), deadline).await {
            Ok(_) => true,
            Err(error) => error.response_code().is_some(),
        }
    }
}
