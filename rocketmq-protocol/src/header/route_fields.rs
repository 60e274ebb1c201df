//! Fields that whole families of requests share.

use crate::Text;

super::headers! {
    /// What any routed request may carry (`remoting/rpc/RpcRequestHeader.java`).
    RpcFields {
        /// Namespace of the second kind.
        namespace: Option<Text> = "ns",
        /// Whether a namespace of the second kind is in use.
        namespaced: Option<bool> = "nsd",
        /// The broker that the request is for. A proxy requires it of requests to a queue.
        broker_name: Option<Text> = "bname",
        /// Whether the request is one-way, between brokers.
        oneway: Option<bool> = "oway",
    }

    /// What requests about a topic may carry (`remoting/rpc/TopicRequestHeader.java`).
    TopicFields {
        /// `false` marks a request that a broker has translated for a static topic. Clients leave it out.
        logical: Option<bool> = "lo",
        ..rpc: RpcFields,
    }
}
