//! Takes part in side-by-side comparisons of RocketMQ clients: one program a client, all under one contract.
//!
//! `driver <name servers> <work> <topic> <n> <size> <concurrency>` does one piece of work and prints one JSON line of figures. It uses the
//! public API with default options, `#[tokio::main]`, the system's allocator and the release profile: what a user gets.
//!
//! | work | what it does | what is measured |
//! |---|---|---|
//! | `sync` | `concurrency` callers, each waits for its send | `n` sends after `JUDGE_WARM` of the same kind |
//! | `async` | one caller with `concurrency` sends in flight | the same |
//! | `oneway` | `concurrency` callers; one acknowledged send at the end is the barrier | the same |
//! | `push` | a push consumer drains a topic of `n` messages | from the `JUDGE_WARM`-th to the last |
//! | `pushb`, `orderly`, `pop` | the same by 32, in order, and popped if the group is set to | the same |
//! | `lite` | a lite pull consumer polls such a topic | the same |
//! | `e2e` | `concurrency` messages a second, sent and consumed here | from when a message is due to its handler |
//! | `hello` | connects and sends one message | the whole process, from `JUDGE_T0_MS` |
//! | `idle` | a push consumer on a topic without messages | `n` seconds, from 5 s after its first allotment |
//! | `reb` | a push consumer prints its allotment at every change, until standard input ends | by whoever started it |
//!
//! Bodies have a number in their first eight bytes; those of the warm-up count from 2⁴⁰, and consumers pass over them.

mod drain;
mod end_to_end;
mod job;
mod membership;
mod report;
mod send;

use rocketmq_client::BoxError;

use job::Job;
use report::Report;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let job = Job::from_env()?;
    match job.work.as_str() {
        "sync" | "async" | "oneway" | "batch" | "load" => send::run(job).await?.print(),
        "push" | "pushb" | "orderly" | "pop" | "lite" => drain::run(job).await?.print(),
        "e2e" => end_to_end::run(job).await?.print(),
        "hello" => send::hello(job).await?.print(),
        "idle" => membership::idle(job).await?.print(),
        "reb" => membership::until_stdin_ends(job).await?,
        _ => Report::unsupported(&job.work),
    }
    Ok(())
}
