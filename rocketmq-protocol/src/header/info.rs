//! The tables as data.

use super::{
    Header, auth, broker, controller, empty, group, inspect, lite, name_server, offset, plain_acl,
    pop, pull, query, queue_lock, reply, route_fields, send, statistics, subscription_group, topic,
    transaction,
};
use crate::{
    Command, ExtFields, HeaderError,
    code::{RequestCode, ResponseCode},
};

/// A table as data.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct HeaderInfo {
    /// The name of the type, which is upstream's.
    pub name: &'static str,
    /// Key and type of each row.
    pub rows: &'static [[&'static str; 2]],
    /// The fields shared with other headers, where there are any.
    pub base: &'static [&'static Self],
    /// What is asked with this header, if it is one of a request.
    pub request: Option<RequestInfo>,
    pub(super) through: fn(&ExtFields) -> Result<ExtFields, HeaderError>,
}

/// What a header asks for, and what comes back.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct RequestInfo {
    /// The code of the request.
    pub code: RequestCode,
    /// The codes with which `response` comes back.
    pub accepts: &'static [ResponseCode],
    /// The header of the answer.
    pub response: &'static HeaderInfo,
}

impl HeaderInfo {
    /// Reads ext fields as this header and writes them again: in the order of the rows, without other keys and without nulls.
    ///
    /// # Errors
    ///
    /// When the fields are not this header's.
    pub fn canonical(&self, fields: &ExtFields) -> Result<ExtFields, HeaderError> {
        (self.through)(fields)
    }
}

pub(super) fn through<H: Header>(fields: &ExtFields) -> Result<ExtFields, HeaderError> {
    let header = H::decode(fields)?;
    Ok(Command::default().with_header(&header).ext_fields)
}

/// Every header table of this crate, for tests and tools.
pub fn all() -> impl Iterator<Item = &'static HeaderInfo> {
    let tables = [
        auth::TABLE,
        broker::TABLE,
        controller::TABLE,
        empty::TABLE,
        group::TABLE,
        inspect::TABLE,
        lite::TABLE,
        name_server::TABLE,
        offset::TABLE,
        plain_acl::TABLE,
        pop::TABLE,
        pull::TABLE,
        query::TABLE,
        queue_lock::TABLE,
        reply::TABLE,
        route_fields::TABLE,
        send::TABLE,
        statistics::TABLE,
        subscription_group::TABLE,
        topic::TABLE,
        transaction::TABLE,
    ];
    tables.into_iter().flatten().copied()
}
