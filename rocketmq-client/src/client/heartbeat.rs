//! Telling brokers, again and again, which groups live here.

use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
    time::Duration,
};

use rocketmq_protocol::{
    body::{self, HeartbeatData},
    header::{HeartbeatRequestHeader, HeartbeatResponseHeader},
};
use rocketmq_remoting::CallError;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};

use super::Core;

/// How long a broker may take to answer (`client/impl/factory/MQClientInstance.java`).
const TIMEOUT: Duration = Duration::from_secs(3);

/// Sends heartbeats at the client's interval and whenever somebody wants one, until the client stops.
pub(super) async fn run(core: Weak<Core>) {
    let Some((registry, tasks)) =
        core.upgrade().map(|core| (Arc::clone(&core.registry), core.tasks.clone()))
    else {
        return;
    };
    let mut round = Round::default();
    let mut next = Instant::now();
    loop {
        tokio::select! {
            () = sleep_until(next) => {}
            () = registry.heartbeat_wanted.notified() => {}
            Some(told) = round.under_way.join_next(), if !round.under_way.is_empty() => {
                let Some(core) = core.upgrade() else { return };
                if let Ok(address) = told {
                    round.finished(&core, address);
                }
                continue;
            }
            () = tasks.cancelled() => return,
        }
        let Some(core) = core.upgrade() else { return };
        next = Instant::now() + around(core.options.heartbeat_interval);
        round.beat(&core);
    }
}

/// The heartbeats under way: to each broker one at a time, with a deadline of its own. One that hangs delays the news to nobody
/// else, nor the next round.
#[derive(Default)]
struct Round {
    under_way: JoinSet<Arc<str>>,
    /// Who is being told, and whether there has been news for it since.
    told: BTreeMap<Arc<str>, Again>,
}

type Again = bool;

impl Round {
    fn beat(&mut self, core: &Arc<Core>) {
        let Some((heartbeat, addresses)) = core.registry.heartbeat(&core.id, &core.routes.table())
        else {
            return;
        };
        let heartbeat = Arc::new(heartbeat);
        for address in addresses {
            match self.told.get_mut(&address) {
                Some(again) => *again = true,
                None => self.tell(core, address, Arc::clone(&heartbeat)),
            }
        }
    }

    fn tell(&mut self, core: &Arc<Core>, address: Arc<str>, heartbeat: Arc<HeartbeatData>) {
        self.told.insert(Arc::clone(&address), false);
        let core = Arc::clone(core);
        self.under_way.spawn(async move {
            tell(&core, &address, &heartbeat).await;
            address
        });
    }

    fn finished(&mut self, core: &Arc<Core>, address: Arc<str>) {
        let again = self.told.remove(&address).unwrap_or_default();
        let news = core.registry.heartbeat(&core.id, &core.routes.table()).filter(|_| again);
        if let Some((heartbeat, addresses)) = news
            && addresses.contains(&address)
        {
            self.tell(core, address, Arc::new(heartbeat));
        }
    }
}

async fn tell(core: &Core, address: &Arc<str>, full: &HeartbeatData) {
    let counters = &core.telemetry.counters;
    let message = match core.options.short_heartbeats {
        true => core.registry.briefing(address, full),
        false => full.clone(),
    };
    match send(core, address, &message).await {
        Ok(answer) => {
            counters.heartbeats_answered.add_one();
            if message.without_sub {
                counters.heartbeats_short.add_one();
            }
            core.registry.told(address, &message, &answer, full);
        }
        Err(cause) => {
            counters.heartbeats_failed.add_one();
            core.registry.not_told(address);
            tracing::debug!(%address, cause = &cause as &dyn std::error::Error, "heartbeat failed");
        }
    }
}

async fn send(
    core: &Core,
    address: &str,
    message: &HeartbeatData,
) -> Result<HeartbeatResponseHeader, CallError> {
    let deadline = Instant::now() + TIMEOUT.min(core.options.heartbeat_interval);
    let request = HeartbeatRequestHeader::default();
    let answer = core.remoting.call(address, &request, body::encode(message), deadline).await?;
    Ok(answer.header)
}

/// Up to a tenth less, so that clients started together do not beat together. Never more: brokers count.
fn around(interval: Duration) -> Duration {
    interval.mul_f64(1.0 - 0.1 * fastrand::f64())
}
