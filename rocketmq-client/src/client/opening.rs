//! Opening a client: what it is made of, what runs, and the first answer of a name server.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use rocketmq_protocol::{
    message::{UniqueIdPrefix, UniqueIds},
    names,
};
use rocketmq_remoting::{Remoting, Tasks};
use rocketmq_route::NameServers;
use tokio::time::Instant;

use super::{
    Client, ClientBuilder, Closers, Core, StopWithLast,
    builder::{ClientOptions, Wiring},
    cluster_url, heartbeat, identity,
    inbound::{Inbound, KnownRoutes},
    meeting::Met,
    name_server::NameServerCalls,
    parse_list,
    registry::Registry,
    routes::Routes,
    telemetry::Telemetry,
    wiring::Wired,
};
#[cfg(feature = "http-discovery")]
use super::{builder::Discovery, discovery};
use crate::{
    Error,
    producer::{CheckedGroups, Replies},
};

impl Client {
    pub(super) async fn open(builder: ClientBuilder) -> Result<Self, Error> {
        let ClientBuilder { name_servers, options, wiring } = cluster_url::apply(builder)?;
        #[cfg(feature = "http-discovery")]
        let (name_servers, discovery) = match &wiring.discovery {
            None => (name_servers, None),
            Some(Discovery { endpoint, interval }) => {
                let endpoint = discovery::Endpoint::parse(endpoint, options.unit_name.as_deref())?;
                (endpoint.ask().await?, Some((endpoint, *interval)))
            }
        };
        let servers = parse_list(&name_servers)?;
        let tasks = Tasks::new("client");
        let connected = AtomicBool::new(false);
        let last = Arc::new(StopWithLast { tasks: tasks.clone(), connected });
        let core = assemble(servers, options, wiring, &tasks).await?;
        let (routes, registry) = (Arc::clone(&core.routes), Arc::clone(&core.registry));
        tasks.spawn("routes", routes.refresh(registry, tasks.clone()));
        tasks.spawn("heartbeat", heartbeat::run(Arc::downgrade(&core)));
        #[cfg(feature = "http-discovery")]
        if let Some((endpoint, interval)) = discovery {
            tasks.spawn("discovery", discovery::run(endpoint, interval, Arc::downgrade(&core)));
        }
        // Any answer shows that the cluster can be reached; this one will be needed for topics that do not exist yet.
        let deadline = Instant::now() + core.options.connect_timeout;
        core.routes.refreshed(&names::AUTO_CREATE_TOPIC.into(), deadline).await?;
        last.connected.store(true, Ordering::Relaxed);
        tracing::info!(messaging.client.id = %core.id, "connected");
        Ok(Self { core, _last: last })
    }
}

/// What a client is made of. Nothing of it has a task yet.
async fn assemble(
    servers: NameServers,
    options: ClientOptions,
    wiring: Wiring,
    tasks: &Tasks,
) -> Result<Arc<Core>, Error> {
    let known_routes = KnownRoutes::default();
    let wired = Wired::new(wiring, &options, &known_routes)?;
    let (registry, telemetry) = (Arc::new(Registry::new()), Arc::<Telemetry>::default());
    let (replies, checked_groups) = (Arc::<Replies>::default(), Arc::<CheckedGroups>::default());
    let inbound = Inbound {
        registry: Arc::clone(&registry),
        routes: Arc::clone(&known_routes),
        telemetry: Arc::clone(&telemetry),
        replies: Arc::clone(&replies),
        checked_groups: Arc::clone(&checked_groups),
    };
    let remoting =
        Remoting::new(wired.config.clone(), Arc::clone(&wired.connector), inbound, tasks);
    let address = match options.client_ip {
        Some(address) => address,
        None => own_address(&servers).await,
    };
    let calls = NameServerCalls::new(servers, remoting.clone(), Arc::clone(&telemetry));
    let (interval, timeout) = (options.route_refresh_interval, options.request_timeout);
    let routes = Arc::new(Routes::new(calls, interval, timeout, Arc::clone(&telemetry)));
    let _ = known_routes.set(Arc::downgrade(&routes));
    let (instance, unit) = (options.instance_name.as_deref(), options.unit_name.as_deref());
    let prefix = UniqueIdPrefix::new(address, std::process::id(), fastrand::u32(..));
    Ok(Arc::new(Core {
        id: identity::client_id(address, instance, unit),
        options,
        tasks: tasks.clone(),
        remoting,
        registry,
        routes,
        telemetry,
        closers: Closers::default(),
        #[cfg(any(feature = "acl", feature = "_tls"))]
        wired,
        replies,
        checked_groups,
        met: Met::default(),
        ids: UniqueIds::new(prefix),
    }))
}

/// The address this machine shows to the first name server whose name can be resolved; the loopback if there is none.
async fn own_address(servers: &NameServers) -> IpAddr {
    for address in servers.addresses() {
        if let Ok(mut resolved) = tokio::net::lookup_host(&**address).await
            && let Some(own) = resolved.find_map(identity::local_address_towards)
        {
            return own;
        }
    }
    IpAddr::V4(Ipv4Addr::LOCALHOST)
}
