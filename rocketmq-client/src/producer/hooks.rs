//! [`SendHook`]: seeing messages before they are sent, and what became of them.

use std::{any::Any, fmt};

use rocketmq_route::MessageQueue;

use super::SendReceipt;
use crate::{BoxError, Error, Message};

/// Sees every message of a producer before it is encoded, may add properties or refuse it, and sees what became of it.
///
/// All methods run in the sender's task and must not block. A producer without hooks pays nothing for them. The messages of a
/// batch are seen one by one before, and the batch as one after.
#[doc(alias = "SendMessageHook")]
#[doc(alias = "CheckForbiddenHook")]
pub trait SendHook: fmt::Debug + Send + Sync + 'static {
    /// A message is about to be sent; this comes before it is checked, so that what is added is checked as well.
    ///
    /// # Errors
    ///
    /// An error refuses the message: the send fails as [`Vetoed`](crate::ErrorKind::Vetoed), and nothing was sent.
    fn before_send(
        &self,
        message: &mut Message,
        context: &mut SendContext,
    ) -> Result<(), BoxError> {
        let _ = (message, context);
        Ok(())
    }

    /// An attempt is about to be made at a queue.
    ///
    /// # Errors
    ///
    /// An error forbids it, and ends the send.
    fn before_attempt(&self, queue: &MessageQueue, context: &SendContext) -> Result<(), BoxError> {
        let _ = (queue, context);
        Ok(())
    }

    /// The send has ended, after its last attempt. Not called for a send whose future was dropped.
    fn after_send(&self, context: &mut SendContext, outcome: Result<&SendReceipt, &Error>) {
        let _ = (context, outcome);
    }

    /// The outcome of a transaction was sent to the broker, or could not be.
    #[doc(alias = "EndTransactionHook")]
    fn after_transaction(&self, ended: &super::EndedTransaction<'_>) {
        let _ = ended;
    }
}

/// What one send's hooks tell each other: values by their type, from *before* to *after*.
#[derive(Default)]
pub struct SendContext {
    /// One of each type. A list, since few hooks have few values, and one without values costs nothing.
    values: Vec<Box<dyn Any + Send + Sync>>,
}

impl SendContext {
    /// Keeps a value, in place of one of the same type.
    pub fn insert<T: Any + Send + Sync>(&mut self, value: T) {
        drop(self.remove::<T>());
        self.values.push(Box::new(value));
    }

    /// The value of this type.
    pub fn get<T: Any + Send + Sync>(&self) -> Option<&T> {
        self.values.iter().find_map(|value| value.downcast_ref())
    }

    /// Takes the value of this type out.
    pub fn remove<T: Any + Send + Sync>(&mut self) -> Option<T> {
        let at = self.values.iter().position(|value| value.is::<T>())?;
        self.values.swap_remove(at).downcast().ok().map(|value| *value)
    }
}

impl fmt::Debug for SendContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendContext").field("values", &self.values.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_kept_by_type() {
        let mut context = SendContext::default();
        context.insert(1_u8);
        context.insert("span");
        context.insert(2_u8);
        assert_eq!((context.get(), context.get()), (Some(&2_u8), Some(&"span")));
        assert_eq!(context.remove::<u8>(), Some(2));
        assert_eq!(context.get::<u8>(), None);
    }
}
