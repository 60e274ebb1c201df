//! Requests and responses over sockets: one owner task per connection, one connection per address.
#![doc = include_str!("../README.md")]

mod address_map;
mod allow_list;
mod backoff;
mod channel;
mod cidr;
mod config;
mod connection;
#[cfg(feature = "acl")]
mod credentials;
mod dial;
mod error;
mod hook;
mod inbound;
mod input;
mod link;
mod liveness;
mod mailbox;
mod outbound;
mod pending;
mod pool;
mod proxy_header;
#[cfg(feature = "socks")]
mod socks;
mod stats;
mod tasks;
#[cfg(feature = "_tls")]
mod tls;

pub use address_map::{AddressMap, Mapped};
pub use allow_list::{AllowList, AllowListError, Guarded};
pub use backoff::Backoff;
pub use channel::{Answer, Channel, Reply, Submitted};
pub use config::Config;
pub use connection::{Connection, Io};
#[cfg(feature = "acl")]
pub use credentials::{Credentials, CredentialsFileError, Signing};
pub use dial::{ConnectFuture, Connector, ResolveFuture, Resolver, SystemResolver, TcpConnector};
pub use error::{CallError, CloseReason, DialError, NotSent, Refusal, Unanswered};
pub use hook::RpcHook;
pub use inbound::{HandlerFuture, NoRequests, RequestHandler};
pub use mailbox::Mailbox;
pub use pool::{AddressState, Remoting};
pub use proxy_header::ProxyHeader;
#[cfg(feature = "socks")]
pub use socks::{SocksProxies, SocksProxiesError, SocksProxy};
pub use stats::Stats;
pub use tasks::Tasks;
#[cfg(feature = "_tls")]
pub use tls::{Tls, TlsConnector, TlsError, TlsOptions};
