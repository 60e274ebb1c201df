//! What a client believes about the cluster: names, routes, heartbeats, and which server to ask next.
