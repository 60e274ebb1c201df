//! Replays the fuzz corpora: the same bodies that a fuzzer runs, on what it was given and has found.

use std::{collections::BTreeSet, path::Path};

use rocketmq_protocol::header;

/// Declares a test a target. The bodies live with the fuzz targets, whose crate has a workspace and a compiler of its own;
/// `cfg(test)`, so that clippy knows that they are tests.
macro_rules! targets {
    ($($test:ident: $target:ident in $path:literal,)*) => {$(
        #[cfg(test)]
        #[path = $path]
        #[expect(unreachable_pub, reason = "public in the crate of the fuzz targets")]
        mod $target;

        #[test]
        fn $test() {
            replay(stringify!($target), $target::$target);
        }
    )*};
}

#[cfg(test)]
#[path = "../../fuzz/src/source.rs"]
#[expect(unreachable_pub, reason = "public in the crate of the fuzz targets")]
mod source;

targets! {
    frames: frame in "../../fuzz/src/frame.rs",
    commands: command in "../../fuzz/src/command.rs",
    headers_of_every_code: headers in "../../fuzz/src/headers.rs",
    bodies_in_json: bodies in "../../fuzz/src/bodies.rs",
    messages: message in "../../fuzz/src/message.rs",
    properties_of_messages: properties in "../../fuzz/src/properties.rs",
    compressed_bodies: compression in "../../fuzz/src/compression.rs",
    receipts: receipt in "../../fuzz/src/receipt.rs",
    traces: trace in "../../fuzz/src/trace.rs",
    values_made_up: round_trip in "../../fuzz/src/round_trip.rs",
}

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

/// A fuzzer does not come by the keys of the tables by itself.
#[test]
fn the_dictionary_of_headers_has_every_key() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/dictionaries/headers.dict");
    let dictionary = std::fs::read_to_string(path).unwrap();
    let rows = header::all().flat_map(|info| info.rows.iter());
    let bases = header::all().flat_map(|info| info.base.iter().flat_map(|base| base.rows));
    let words = rows.chain(bases).map(|[key, _]| format!(r#""{key}\x00""#));
    let missing: BTreeSet<_> =
        words.filter(|word| !dictionary.lines().any(|line| line == word)).collect();
    assert!(missing.is_empty(), "{missing:#?}");
}
