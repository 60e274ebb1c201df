//! Memory for short texts that are made all the time: many of them share one allocation.

use std::cell::RefCell;

use bytes::BytesMut;

/// What is allocated at a time. It is freed when the last text in it is.
const CHUNK: usize = 8 << 10;

thread_local! {
    static REST: RefCell<BytesMut> = RefCell::default();
}

/// An empty buffer with room for so many bytes.
pub(crate) fn buffer(len: usize) -> BytesMut {
    REST.with_borrow_mut(|rest| {
        if rest.capacity() < len {
            *rest = BytesMut::with_capacity(len.max(CHUNK));
        }
        let behind = rest.split_off(len);
        std::mem::replace(rest, behind)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_lie_side_by_side_and_apart() {
        let (mut first, mut second) = (buffer(5), buffer(6));
        first.extend_from_slice(b"first");
        second.extend_from_slice(b"second");
        assert_eq!((&first[..], &second[..]), (&b"first"[..], &b"second"[..]));
        assert_eq!(first.as_ptr() as usize + 5, second.as_ptr() as usize);

        second.extend_from_slice(b" outgrows its room");
        let long = buffer(2 * CHUNK);
        assert!(long.capacity() >= 2 * CHUNK);
        assert_eq!((&first[..], &second[..6]), (&b"first"[..], &b"second"[..]));
    }
}
