//! Hooks see every request and how it ended.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use rocketmq_protocol::{
    Command,
    code::{RequestCode, ResponseCode},
};
use rocketmq_remoting::{CallError, Config, Mailbox, Reply, RpcHook};

use crate::support::*;

#[derive(Debug, Default)]
struct Witness(Mutex<Vec<String>>);

impl RpcHook for Witness {
    fn before_request(&self, address: &str, request: &mut Command) {
        request.ext_fields.push("seenBy", "witness");
        self.0.lock().unwrap().push(format!("{address} {}", request.code));
    }

    fn after_response(&self, _: &str, request: RequestCode, outcome: &Result<Reply, CallError>) {
        let outcome = match outcome {
            Ok(reply) => reply.command().response_code().to_string(),
            Err(error) => error.to_string(),
        };
        self.0.lock().unwrap().push(format!("{} {outcome}", request.0));
    }
}

#[tokio::test(start_paused = true)]
async fn hooks_see_requests_and_outcomes_whoever_waits() {
    let witness = Arc::new(Witness::default());
    let mut config = Config::default();
    config.hooks = vec![Arc::<Witness>::clone(&witness)];
    let mut rig = rig(config);

    let call = rig.call(1, within(3));
    let request_1 = rig.peer.next().await;
    assert_eq!(request_1.ext_fields.get("seenBy").unwrap(), "witness");
    assert_eq!(number(&request_1), 1);
    rig.peer.answer(&request_1).await;
    assert_eq!(call.await.unwrap().unwrap().header.offset, 1);

    let mailbox = Mailbox::new();
    let body = Bytes::from(vec![7; 100_000]);
    rig.channel.submit(&request(2), body.clone(), within(3), &mailbox, "token").unwrap();
    let request_2 = rig.peer.next().await;
    assert_eq!(request_2.body, body);
    rig.peer.send(&Command::answer(&request_2, ResponseCode::SYSTEM_BUSY)).await;
    assert_eq!(mailbox.recv().await.0, "token");

    let lost = rig.call(3, within(1));
    rig.peer.next().await;
    lost.await.unwrap().unwrap_err();
    rig.channel.oneway(&request(4), Bytes::new(), within(1)).await.unwrap();
    rig.peer.next().await;

    let withdrawn =
        rig.channel.submit(&request(5), Bytes::new(), within(3), &mailbox, "withdrawn").unwrap();
    assert!(withdrawn.cancel());
    assert_eq!(mailbox.outstanding(), 0);

    let code = RequestCode::GET_MIN_OFFSET.0;
    let asked = format!("peer:1 {code}");
    assert_eq!(
        *witness.0.lock().unwrap(),
        [
            asked.clone(),
            format!("{code} {}", ResponseCode::SUCCESS),
            asked.clone(),
            format!("{code} {}", ResponseCode::SYSTEM_BUSY),
            asked.clone(),
            format!("{code} peer:1: sent, outcome unknown"),
            asked.clone(),
            asked,
        ]
    );
}
