//! Telling brokers, again and again, which groups live here.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use bytes::Bytes;
use rocketmq_protocol::{body, header::HeartbeatRequestHeader};
use tokio::{task::JoinSet, time::Instant};

use super::Core;

/// How long a broker may take to answer (`client/impl/factory/MQClientInstance.java`).
const TIMEOUT: Duration = Duration::from_secs(3);

/// Sends heartbeats at the client's interval and whenever somebody wants one, until the client stops.
pub(super) async fn run(core: Weak<Core>) {
    while let Some(strong) = core.upgrade() {
        let next = Instant::now() + around(strong.options.heartbeat_interval);
        let (registry, tasks) = (Arc::clone(&strong.registry), strong.tasks.clone());
        drop(strong);
        tokio::select! {
            () = tokio::time::sleep_until(next) => {}
            () = registry.heartbeat_wanted.notified() => {}
            () = tasks.cancelled() => return,
        }
        if let Some(strong) = core.upgrade() {
            beat(&strong).await;
        }
    }
}

/// Every broker is told at once, each with a deadline of its own: one that hangs keeps the news from nobody else.
async fn beat(core: &Arc<Core>) {
    let Some((heartbeat, addresses)) = core.registry.heartbeat(&core.id, &core.routes.table())
    else {
        return;
    };
    let bytes = body::encode(&heartbeat);
    let mut told = JoinSet::new();
    for address in addresses {
        told.spawn(tell(Arc::clone(core), address, bytes.clone()));
    }
    let mut reached = 0;
    while let Some(answer) = told.join_next().await {
        if matches!(answer, Ok(true)) {
            reached += 1;
            // The first answer is enough to begin with; later ones may be from brokers that did not know us.
            core.registry.registered(&heartbeat);
        }
    }
    tracing::trace!(reached, "heartbeat sent");
}

async fn tell(core: Arc<Core>, address: Arc<str>, heartbeat: Bytes) -> bool {
    let deadline = Instant::now() + TIMEOUT;
    let told = async {
        let channel = core.remoting.channel(&address, deadline).await?;
        channel.call(&HeartbeatRequestHeader::default(), heartbeat, deadline).await?;
        Ok::<_, crate::BoxError>(())
    };
    match told.await {
        Ok(()) => true,
        Err(cause) => {
            tracing::debug!(%address, %cause, "heartbeat failed");
            false
        }
    }
}

/// Up to a tenth less, so that clients started together do not beat together. Never more: brokers count.
fn around(interval: Duration) -> Duration {
    interval.mul_f64(1.0 - 0.1 * fastrand::f64())
}
