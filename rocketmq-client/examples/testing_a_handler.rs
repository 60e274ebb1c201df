//! Tests a handler without a broker: it is a function like any other.

use rocketmq_client::{Batch, BatchOutcome, Delivery, Message, Outcome};

/// The handler: `consumer.start(bill)`.
async fn bill(delivery: Delivery) -> Result<Outcome, std::num::ParseIntError> {
    let Some(amount) = delivery.property("amount") else { return Ok(Outcome::DeadLetter) };
    let amount: u32 = amount.parse()?;
    // What has failed for long waits longer.
    Ok(if amount > 0 || delivery.reconsume_times() < 3 {
        Outcome::Ack
    } else {
        Outcome::RetryAfter(10)
    })
}

/// A handler of batches: `consumer.start_batch(32, store)`.
async fn store(batch: Batch) -> BatchOutcome {
    let good = batch.iter().take_while(|item| !item.body().is_empty()).count();
    BatchOutcome::AckFirst(good)
}

#[tokio::main]
async fn main() {
    let order = || Message::new("orders", "order 42").tag("paid").key(42);

    let good = Delivery::for_test(order().property("amount", "12"));
    assert_eq!(bill(good).await, Ok(Outcome::Ack));
    println!("a good order is acknowledged");

    let nameless = Delivery::for_test(order());
    assert_eq!(bill(nameless).await, Ok(Outcome::DeadLetter));
    println!("one without an amount is given up");

    let odd = Delivery::for_test(order().property("amount", "many"));
    assert!(bill(odd).await.is_err());
    println!("one that cannot be read comes again");

    let old = Delivery::for_test(order().property("amount", "0")).after_attempts(5);
    assert_eq!(bill(old).await, Ok(Outcome::RetryAfter(10)));
    println!("one that has failed for long waits longer");

    let body = |text: &'static str| Delivery::for_test(Message::new("orders", text));
    let outcome = store(Batch::for_test([body("1"), body("2"), body("")])).await;
    assert_eq!(outcome, BatchOutcome::AckFirst(2));
    println!("of a batch, what comes before the first bad one is acknowledged");
}
