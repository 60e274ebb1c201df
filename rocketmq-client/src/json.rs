//! Bodies that are JSON.
//!
//! ```
//! use rocketmq_client::Message;
//!
//! #[derive(serde::Serialize)]
//! struct Order {
//!     id: u64,
//! }
//!
//! let message = Message::json("orders", &Order { id: 7 })?.key(7);
//! assert_eq!(message.body(), r#"{"id":7}"#);
//! # Ok::<_, rocketmq_client::Error>(())
//! ```

use std::sync::Arc;

use serde::{Serialize, de::DeserializeOwned};

use crate::{Delivery, Error, ErrorKind, Message, Reply};

impl Message {
    /// A message for `topic` whose body is `value` as JSON.
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid) for a value that JSON cannot express.
    pub fn json<T: Serialize + ?Sized>(
        topic: impl Into<Arc<str>>,
        value: &T,
    ) -> Result<Self, Error> {
        let body = serde_json::to_vec(value);
        let body = body.map_err(|error| {
            Error::invalid("a body that cannot be expressed in JSON").with_source(error)
        })?;
        Ok(Self::new(topic, body))
    }
}

impl Delivery {
    /// Reads the body as JSON.
    ///
    /// # Errors
    ///
    /// [`Protocol`](ErrorKind::Protocol) for a body that is something else.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        read(self.body())
    }
}

impl Reply {
    /// Reads the body as JSON.
    ///
    /// # Errors
    ///
    /// [`Protocol`](ErrorKind::Protocol) for a body that is something else.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        read(self.body())
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(body).map_err(|error| {
        Error::new(ErrorKind::Protocol, "a body that is not the JSON expected").with_source(error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let message = Message::json("t", &[1, 2]).unwrap();
        assert_eq!(read::<[u8; 2]>(message.body()).unwrap(), [1, 2]);
        let error = read::<u8>(message.body()).unwrap_err();
        assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Protocol, false));
        let no_json = std::collections::BTreeMap::from([((), 1)]);
        assert_eq!(Message::json("t", &no_json).unwrap_err().kind(), ErrorKind::Invalid);
    }
}
