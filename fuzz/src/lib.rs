//! The bodies of the fuzz targets, one file each. A test of the crate they are about includes the same files and replays the
//! corpus with them, so that what a fuzzer has found once is tried on every run.

pub mod bodies;
pub mod command;
pub mod compression;
pub mod consumer_ops;
pub mod frame;
pub mod headers;
pub mod message;
pub mod meter;
pub mod properties;
pub mod receipt;
pub mod round_trip;
pub mod source;
pub mod trace;

/// Runs a body under libFuzzer, and watches what it allocates: no more than [`meter::allowed`], or what the second argument says.
#[macro_export]
macro_rules! target {
    ($body:path) => {
        $crate::target!($body, $crate::meter::allowed);
    };
    ($body:path, $allowed:path) => {
        #[global_allocator]
        static ALLOCATOR: $crate::meter::Meter = $crate::meter::Meter;

        libfuzzer_sys::fuzz_target!(|data: &[u8]| {
            let peak = $crate::meter::peak(|| $body(data));
            assert!(
                peak <= $allowed(data.len()),
                "{peak} bytes allocated for {} of input",
                data.len()
            );
        });
    };
}
