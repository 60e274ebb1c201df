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
use rocketmq_remoting::{CallError, NotSent, Unanswered};
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
            () = sleep_until(round.next_retry().unwrap_or(next)) => {
                let Some(core) = core.upgrade() else { return };
                round.retry(&core, Instant::now());
                continue;
            }
            () = registry.heartbeat_wanted.notified() => {}
            Some(told) = round.under_way.join_next(), if !round.under_way.is_empty() => {
                let Some(core) = core.upgrade() else { return };
                if let Ok((address, again_at)) = told {
                    round.finished(&core, address, again_at);
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
    under_way: JoinSet<(Arc<str>, Option<Instant>)>,
    /// Who is being told, and whether there has been news for it since.
    told: BTreeMap<Arc<str>, Again>,
    /// Who could not be reached, and from when it may be tried again: without a heartbeat a broker serves nobody, so the next round
    /// is too late.
    unreached: BTreeMap<Arc<str>, Instant>,
}

type Again = bool;

/// Between a connection that was lost and the next attempt.
const PAUSE: Duration = Duration::from_secs(1);

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
        self.unreached.remove(&address);
        self.told.insert(Arc::clone(&address), false);
        let core = Arc::clone(core);
        self.under_way.spawn(async move {
            let again_at = tell(&core, &address, &heartbeat).await;
            (address, again_at)
        });
    }

    fn finished(&mut self, core: &Arc<Core>, address: Arc<str>, again_at: Option<Instant>) {
        let has_news = self.told.remove(&address).unwrap_or_default();
        if let Some(at) = again_at {
            self.unreached.insert(address, at);
        } else if has_news {
            self.tell_the_latest(core, address);
        }
    }

    fn next_retry(&self) -> Option<Instant> {
        self.unreached.values().min().copied()
    }

    fn retry(&mut self, core: &Arc<Core>, now: Instant) {
        let (due, later) =
            std::mem::take(&mut self.unreached).into_iter().partition(|(_, at)| *at <= now);
        self.unreached = later;
        for address in BTreeMap::into_keys(due) {
            self.tell_the_latest(core, address);
        }
    }

    /// Unless it is in no route any more.
    fn tell_the_latest(&mut self, core: &Arc<Core>, address: Arc<str>) {
        if let Some((heartbeat, addresses)) =
            core.registry.heartbeat(&core.id, &core.routes.table())
            && addresses.contains(&address)
        {
            self.tell(core, address, Arc::new(heartbeat));
        }
    }
}

/// Tells a broker, and when it is to be told again, if that is sooner than in the next round.
async fn tell(core: &Core, address: &Arc<str>, full: &HeartbeatData) -> Option<Instant> {
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
            None
        }
        Err(cause) => {
            counters.heartbeats_failed.add_one();
            core.registry.not_told(address);
            tracing::debug!(%address, %cause, "heartbeat failed");
            again_at(&cause)
        }
    }
}

/// As soon as an address may be dialled again. Who hangs or refuses is left alone until the next round.
fn again_at(cause: &CallError) -> Option<Instant> {
    match cause {
        CallError::NotSent { reason: NotSent::Unreachable(error), .. } => Some(error.retry_at),
        CallError::NotSent { reason: NotSent::Closed(_), .. }
        | CallError::OutcomeUnknown { reason: Unanswered::Closed(_), .. } => {
            Some(Instant::now() + PAUSE)
        }
        _ => None,
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
