//! Requests and responses over sockets: one owner task per connection, one connection per address.
