//! How much a target allocates: bytes from a peer must not make it more than a small multiple of their own number.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

/// The system's allocator, with a count of what is in use by the thread that asks.
pub struct Meter;

thread_local! {
    static IN_USE: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator unchanged; the counters neither allocate nor unwind.
unsafe impl GlobalAlloc for Meter {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let in_use = IN_USE.get().saturating_add(layout.size());
        IN_USE.set(in_use);
        PEAK.set(PEAK.get().max(in_use));
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        IN_USE.set(IN_USE.get().saturating_sub(layout.size()));
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// The most that was in use at a time while `run` ran, above what was in use before.
pub fn peak(run: impl FnOnce()) -> usize {
    let before = IN_USE.get();
    PEAK.set(before);
    run();
    PEAK.get() - before
}

/// What a target may use for an input of this many bytes. The bodies hold several copies of it, written in both forms, in
/// which a byte may become six; a length word that was believed would take megabytes.
pub fn allowed(input: usize) -> usize {
    64 * 1024 + 64 * input
}

/// What a target that inflates may use besides: a window and what is read through it, the decoders' tables, and output that doubles as
/// it grows.
pub fn allowed_inflating(input: usize) -> usize {
    8 * 1024 * 1024 + allowed(input)
}
