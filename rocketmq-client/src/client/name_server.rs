//! Asking name servers: every one of them within one deadline, the one that answered last first.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use rocketmq_protocol::{
    body::{self, TopicRouteData},
    code::ResponseCode,
    header::{GetRouteInfoRequestHeader, TopicFields},
};
use rocketmq_remoting::Remoting;
use rocketmq_route::NameServers;
use tokio::{task::JoinSet, time::Instant};

#[cfg(feature = "acl")]
use super::exposure;
use super::telemetry::Telemetry;
use crate::{BoxError, events::ClientEvent};

/// How long a name server may keep silent before the next is asked beside it. The first answer counts.
const STAGGER: Duration = Duration::from_millis(250);

/// What the name servers say about a topic.
#[derive(Debug)]
pub(crate) enum RouteAnswer {
    Found(TopicRouteData),
    /// Every name server that answered knows no such topic.
    Unknown,
}

/// The name servers of a client.
pub(crate) struct NameServerCalls {
    servers: Mutex<NameServers>,
    remoting: Remoting,
    telemetry: Arc<Telemetry>,
}

impl NameServerCalls {
    pub(crate) fn new(servers: NameServers, remoting: Remoting, telemetry: Arc<Telemetry>) -> Self {
        Self { servers: Mutex::new(servers), remoting, telemetry }
    }

    /// Takes another list, and hangs up on servers that are not on it.
    pub(crate) fn replace(&self, list: NameServers) {
        let gone = self.servers().replace(list);
        self.remoting.retain(|address| !gone.iter().any(|removed| &**removed == address));
        self.telemetry.events.tell(ClientEvent::NameServersReplaced);
    }

    /// Every server, in the order given.
    pub(crate) fn addresses(&self) -> Vec<Arc<str>> {
        self.servers().addresses().to_vec()
    }

    fn servers(&self) -> MutexGuard<'_, NameServers> {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for the route of a topic.
    ///
    /// Servers are asked in turn: the next as soon as one fails, or has been silent for a moment. A server that does not know the
    /// topic is not the last word while another has not had that moment, since servers may disagree.
    pub(crate) async fn route(
        &self,
        topic: &Arc<str>,
        deadline: Instant,
    ) -> Result<RouteAnswer, NameServersFailed> {
        let mut waiting: Vec<Arc<str>> = self.servers().candidates().cloned().collect();
        waiting.reverse();
        let mut attempts = JoinSet::new();
        let mut unknown = false;
        let mut failures = Vec::new();
        loop {
            if let Some(address) = waiting.pop() {
                let (remoting, topic) = (self.remoting.clone(), Arc::clone(topic));
                attempts.spawn(async move {
                    let answer = ask_one(&remoting, &address, &topic, deadline).await;
                    (address, answer)
                });
            }
            let hurry = unknown || !waiting.is_empty();
            let finished = tokio::select! {
                finished = attempts.join_next() => finished,
                () = tokio::time::sleep(stagger(waiting.len(), deadline)), if hurry => {
                    if waiting.is_empty() {
                        return Ok(RouteAnswer::Unknown);
                    }
                    continue;
                }
            };
            match finished {
                Some(Ok((address, Ok(RouteAnswer::Found(data))))) => {
                    self.servers().answered(&address);
                    if unknown {
                        self.telemetry.disagreement(topic);
                    }
                    return Ok(RouteAnswer::Found(data));
                }
                Some(Ok((_, Ok(RouteAnswer::Unknown)))) => unknown = true,
                Some(Ok((address, Err(cause)))) => {
                    self.servers().failed(&address);
                    failures.push(cause);
                }
                Some(Err(_)) => {} // a task of ours that was aborted: nobody does that
                None if waiting.is_empty() && unknown => return Ok(RouteAnswer::Unknown),
                None if waiting.is_empty() => return Err(NameServersFailed { failures }),
                None => {}
            }
        }
    }
}

/// With little time left, each server that waits still gets its share of it.
fn stagger(waiting: usize, deadline: Instant) -> Duration {
    let left = deadline.saturating_duration_since(Instant::now());
    STAGGER.min(left / (u32::try_from(waiting).unwrap_or(u32::MAX).saturating_add(1)))
}

async fn ask_one(
    remoting: &Remoting,
    address: &str,
    topic: &Arc<str>,
    deadline: Instant,
) -> Result<RouteAnswer, BoxError> {
    let request = GetRouteInfoRequestHeader {
        topic: topic.into(),
        accept_standard_json_only: Some(true),
        shared: TopicFields::default(),
    };
    let channel = remoting.channel(address, deadline).await?;
    match channel.call(&request, Bytes::new(), deadline).await {
        Ok(answer) => match body::decode(&answer.body) {
            Ok(data) => Ok(RouteAnswer::Found(data)),
            Err(error) => Err(format!("{address}: {}", Chain(&error)).into()),
        },
        Err(error) if error.response_code() == Some(ResponseCode::TOPIC_NOT_EXIST) => {
            Ok(RouteAnswer::Unknown)
        }
        Err(error) => Err(error.into()),
    }
}

/// No name server gave an answer: the failure of each, which names its address.
#[derive(Debug)]
pub(crate) struct NameServersFailed {
    failures: Vec<BoxError>,
}

impl NameServersFailed {
    /// Whether each of them is a reason to stop asking until somebody changes an option.
    #[cfg(feature = "acl")]
    pub(crate) fn is_refusal(&self) -> bool {
        let is_refusal =
            |failure: &BoxError| failure.downcast_ref().is_some_and(exposure::is_refusal);
        !self.failures.is_empty() && self.failures.iter().all(is_refusal)
    }
}

impl fmt::Display for NameServersFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, failure) in self.failures.iter().enumerate() {
            let comma = if nth == 0 { "" } else { "; " };
            write!(f, "{comma}{}", Chain(&**failure))?;
        }
        Ok(())
    }
}

impl std::error::Error for NameServersFailed {}

/// An error with all of its causes, for where several chains have to be told in one text.
struct Chain<'a>(&'a (dyn std::error::Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.0, f)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
