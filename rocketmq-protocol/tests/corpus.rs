//! Replays the fuzz corpora: the same bodies that a fuzzer runs, on what it was given and has found.

use std::path::Path;

// The bodies live with the fuzz targets, whose crate has a workspace and a compiler of its own. `cfg(test)`, so that
// clippy knows that they are tests.
#[cfg(test)]
#[path = "../../fuzz/src/bodies.rs"]
#[expect(unreachable_pub, reason = "public in the crate of the fuzz targets")]
mod bodies;
#[cfg(test)]
#[path = "../../fuzz/src/command.rs"]
#[expect(unreachable_pub, reason = "public in the crate of the fuzz targets")]
mod command;
#[cfg(test)]
#[path = "../../fuzz/src/compression.rs"]
#[expect(unreachable_pub, reason = "public in the crate of the fuzz targets")]
mod compression;
#[cfg(test)]
#[path = "../../fuzz/src/frame.rs"]
#[expect(unreachable_pub, reason = "public in the crate of the fuzz targets")]
mod frame;
#[cfg(test)]
#[path = "../../fuzz/src/message.rs"]
#[expect(unreachable_pub, reason = "public in the crate of the fuzz targets")]
mod message;
#[cfg(test)]
#[path = "../../fuzz/src/properties.rs"]
#[expect(unreachable_pub, reason = "public in the crate of the fuzz targets")]
mod properties;
#[cfg(test)]
#[path = "../../fuzz/src/receipt.rs"]
#[expect(unreachable_pub, reason = "public in the crate of the fuzz targets")]
mod receipt;
#[cfg(test)]
#[path = "../../fuzz/src/trace.rs"]
#[expect(unreachable_pub, reason = "public in the crate of the fuzz targets")]
mod trace;

fn replay(target: &str, body: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let mut inputs = 0;
    for entry in std::fs::read_dir(&corpus).unwrap_or_else(|error| panic!("{corpus:?}: {error}")) {
        let path = entry.unwrap_or_else(|error| panic!("{corpus:?}: {error}")).path();
        let input = std::fs::read(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        // A panic in the body is reported with the input that caused it.
        if std::panic::catch_unwind(|| body(&input)).is_err() {
            panic!("{target} fails on {path:?}");
        }
        inputs += 1;
    }
    assert!(inputs > 0, "{corpus:?} is empty");
}

#[test]
fn commands() {
    replay("command", command::command);
}

#[test]
fn frames() {
    replay("frame", frame::frame);
}

#[test]
fn bodies() {
    replay("bodies", bodies::bodies);
}

#[test]
fn compressed_bodies() {
    replay("compression", compression::compression);
}

#[test]
fn messages() {
    replay("message", message::message);
}

#[test]
fn properties_of_messages() {
    replay("properties", properties::properties);
}

#[test]
fn receipts() {
    replay("receipt", receipt::receipt);
}

#[test]
fn traces() {
    replay("trace", trace::trace);
}
