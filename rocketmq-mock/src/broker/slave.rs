//! Slaves: copies of a broker that can be read.

use rocketmq_protocol::{Command, code::RequestCode, code::ResponseCode};

use super::{Broker, Outgoing, Peer, Refusal};

impl Broker {
    /// Takes over what the master has stored. Who is connected is each one's own affair.
    pub(crate) fn follow(&mut self, master: &Self) {
        self.topics.clone_from(&master.topics);
        self.log.clone_from(&master.log);
        self.offsets.clone_from(&master.offsets);
    }

    /// As [`handle`](Self::handle), but nothing is stored here that the master does not have: a slave that took an offset would
    /// lose it to the master's next word.
    pub(crate) fn handle_as_slave(
        &mut self,
        now: i64,
        from: Peer,
        request: &Command,
    ) -> Vec<Outgoing> {
        let served = matches!(
            request.request_code(),
            RequestCode::PULL_MESSAGE
                | RequestCode::HEART_BEAT
                | RequestCode::UNREGISTER_CLIENT
                | RequestCode::GET_CONSUMER_LIST_BY_GROUP
                | RequestCode::QUERY_CONSUMER_OFFSET
                | RequestCode::GET_MAX_OFFSET
                | RequestCode::GET_MIN_OFFSET
                | RequestCode::CHECK_CLIENT_CONFIG
        );
        if served {
            return self.handle(now, from, request);
        }
        let remark = "broker is slave mode, so putMessage is forbidden";
        let refusal = Refusal::new(ResponseCode::SERVICE_NOT_AVAILABLE, remark);
        vec![Outgoing { to: from, command: refusal.to_answer(request) }]
    }

    /// Answers pulls that have waited long enough.
    pub(crate) fn tick_as_slave(&mut self, now: i64) -> Vec<Outgoing> {
        let mut out = Vec::new();
        self.expire_held(now, &mut out);
        out
    }
}
