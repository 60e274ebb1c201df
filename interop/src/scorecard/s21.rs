//! S21: wrong keys, missing permissions and bad certificates are refused at once, by their names, and not tried again.

use std::{sync::Arc, time::Duration};

use rocketmq_client::{Client, ClientBuilder, Credentials, Error, ErrorKind, Message, TlsOptions};
use rocketmq_mock::MockCluster;
use rocketmq_protocol::code::RequestCode;
use tokio::time::{Instant, sleep};
use tokio_rustls::rustls::{
    ServerConfig,
    crypto::ring::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use super::Trial;
use crate::{ADMINISTRATOR, Authority, Cluster, DEFAULT_VERSION, Distribution, Identity, User};

const SEND: RequestCode = RequestCode::SEND_MESSAGE_V2;
const CANARY: &str = "canary-b1946ac9";

pub(super) async fn run(trial: &mut Trial) {
    if keys(trial).await.is_none() {
        trial.require(false, "the mock did not let the right user in");
    }
    if certificates(trial).await.is_none() {
        trial.require(false, "certificates could not be tried");
    }
    let missing = Distribution::missing_programs(DEFAULT_VERSION);
    if !missing.is_empty() {
        eprintln!("S21: REAL SERVERS ARE LEFT OUT: {} missing", missing.join(", "));
        return trial.note("real_servers", "left out");
    }
    if real_keys(trial).await.is_none() || real_certificates(trial).await.is_none() {
        trial.require(false, "the real servers did not start");
    }
}

/// Sends once as somebody. `Ok` carries nothing, an error what it was.
async fn send_as(name_servers: &str, user: Option<User>) -> Result<(), Error> {
    send(signed_by(Client::builder(name_servers), user)).await
}

fn signed_by(builder: ClientBuilder, user: Option<User>) -> ClientBuilder {
    match user {
        None => builder,
        Some(user) => builder.credentials(Credentials::new(user.access_key, user.secret_key)),
    }
}

async fn send(builder: ClientBuilder) -> Result<(), Error> {
    let client = builder.connect().await?;
    let producer = client.producer("p").start().await?;
    let sent = producer.send(Message::new("t", "x")).await;
    client.shutdown(Duration::from_secs(3)).await;
    sent.map(drop)
}

async fn keys(trial: &mut Trial) -> Option<()> {
    let cluster = MockCluster::builder().brokers(2).topic("t", 2).start().await.ok()?;
    let name_servers = cluster.name_server_list();
    cluster.user("adminuser", CANARY, &[]);
    cluster.user("reader", "readsecret", &[SEND]);
    let admin = User { access_key: "adminuser", secret_key: CANARY };
    send_as(&name_servers, Some(admin)).await.ok()?;
    let reader = User { access_key: "reader", secret_key: "readsecret" };
    let before = cluster.count(SEND);
    let began = Instant::now();
    let error = send_as(&name_servers, Some(reader)).await.err()?;
    trial.at_most("missing_permission_s", began.elapsed().as_secs_f64(), 1.0);
    trial.require(error.kind() == ErrorKind::Denied, format_args!("missing permission: {error:?}"));
    trial.at_most("requests_after_a_denial", (cluster.count(SEND) - before) as f64, 1.0);
    let wrong = User { secret_key: "wrong", ..admin };
    let mut shown = format!("{error:?} {error}");
    for user in [None, Some(wrong)] {
        let began = Instant::now();
        let error = send_as(&name_servers, user).await.err()?;
        shown += &format!("{error:?} {error}");
        trial
            .require(began.elapsed() < Duration::from_secs(6), "a refused user is told so in time");
    }
    shown += &format!("{:?}", Credentials::new("adminuser", CANARY).security_token(CANARY));
    trial.at_most("canary_bytes", shown.matches(CANARY).count() as f64, 0.0);
    Some(())
}

fn server(identity: &Identity) -> Option<Arc<ServerConfig>> {
    let chain = vec![CertificateDer::from_pem_slice(identity.certificate().as_bytes()).ok()?];
    let key = PrivateKeyDer::from_pem_slice(identity.key().as_bytes()).ok()?;
    let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()));
    let builder = builder.with_safe_default_protocol_versions().ok()?.with_no_client_auth();
    Some(Arc::new(builder.with_single_cert(chain, key).ok()?))
}

async fn send_over_tls(name_servers: &str, options: TlsOptions) -> Result<(), Error> {
    let builder =
        Client::builder(name_servers).tls(options).connect_timeout(Duration::from_secs(2));
    let client = builder.connect().await?;
    client.shutdown(Duration::from_secs(3)).await;
    Ok(())
}

/// What a server may show that a client who trusts `ours` must not take, and what that client asks for.
fn bad_certificates(ours: &Authority) -> Option<Vec<(&'static str, Identity, TlsOptions)>> {
    let trusting = || TlsOptions::default().authorities(ours.pem());
    let (theirs, namesake) = (Authority::new("theirs").ok()?, Authority::new("ours").ok()?);
    let cases = [
        ("wrong authority", theirs.issue("127.0.0.1", false), trusting()),
        ("wrong authority of the same name", namesake.issue("127.0.0.1", false), trusting()),
        ("wrong host", ours.issue("broker-a.test", false), trusting()),
        ("wrong address", ours.issue("127.0.0.2", false), trusting()),
        ("a wildcard for an address", ours.issue("*.0.0.1", false), trusting()),
        ("expired", ours.issue("127.0.0.1", true), trusting()),
        ("expired and wrong host", ours.issue("broker-a.test", true), trusting()),
        ("unknown to the system", ours.issue("127.0.0.1", false), TlsOptions::default()),
        (
            "another name is expected",
            ours.issue("127.0.0.1", false),
            trusting().server_name("broker-a.test"),
        ),
    ];
    cases
        .into_iter()
        .map(|(case, identity, options)| Some((case, identity.ok()?, options)))
        .collect()
}

async fn certificates(trial: &mut Trial) -> Option<()> {
    let ours = Authority::new("ours").ok()?;
    let trusting = || TlsOptions::default().authorities(ours.pem());
    let mut refused = 0;
    for (case, identity, options) in bad_certificates(&ours)? {
        let cluster = MockCluster::builder().tls(server(&identity)?).start().await.ok()?;
        let outcome = send_over_tls(&cluster.name_server_list(), options).await;
        trial.require(outcome.is_err(), format_args!("accepted: {case}"));
        trial.require(cluster.requests().is_empty(), format_args!("a request was seen: {case}"));
        refused += usize::from(outcome.is_err());
    }
    let plain = MockCluster::start().await.ok()?;
    let outcome = send_over_tls(&plain.name_server_list(), trusting()).await;
    refused += usize::from(outcome.is_err());
    trial.require(outcome.is_err() && plain.requests().is_empty(), "plaintext after all");
    trial.note("bad_certificates_refused", refused);
    let good = server(&ours.issue("127.0.0.1", false).ok()?)?;
    let cluster = MockCluster::builder().tls(good).start().await.ok()?;
    let accepted = send_over_tls(&cluster.name_server_list(), trusting()).await;
    trial.require(accepted.is_ok(), format_args!("a good certificate is refused: {accepted:?}"));
    Some(())
}

async fn real_keys(trial: &mut Trial) -> Option<()> {
    let distribution = Distribution::fetch(DEFAULT_VERSION).ok()?;
    let builder = Cluster::builder().access_control();
    // Its name server speaks TLS, its broker does not.
    let builder = builder.broker_java_option("-Dtls.server.mode=disabled");
    let start = move || builder.start(&distribution);
    let cluster = tokio::task::spawn_blocking(start).await.ok()?.ok()?;
    let name_server = cluster.name_server_address();
    send_as(name_server, Some(ADMINISTRATOR)).await.ok()?;
    let wrong = User { secret_key: "not the secret", ..ADMINISTRATOR };
    for (case, user) in [("no key", None), ("wrong secret", Some(wrong))] {
        let began = Instant::now();
        let kind = send_as(name_server, user).await.err().map(|error| error.kind());
        trial.require(kind == Some(ErrorKind::Denied), format_args!("real, {case}: {kind:?}"));
        let name = format!("real_{}_s", case.replace(' ', "_"));
        trial.at_most(name, began.elapsed().as_secs_f64(), 1.0);
    }
    let over_tls =
        Client::builder(name_server).tls(TlsOptions::default().danger_accept_any_certificate());
    let outcome = send(signed_by(over_tls, Some(ADMINISTRATOR))).await;
    let kind = outcome.err().map(|error| error.kind());
    trial.require(kind == Some(ErrorKind::Connection), format_args!("real, no TLS: {kind:?}"));
    trial.note("real_servers", DEFAULT_VERSION);
    Some(())
}

/// Real servers show each of the bad certificates in turn, and a good one before it, so that each is seen to be what is refused.
async fn real_certificates(trial: &mut Trial) -> Option<()> {
    let distribution = Distribution::fetch(DEFAULT_VERSION).ok()?;
    let ours = Authority::new("ours").ok()?;
    let trusting = || TlsOptions::default().authorities(ours.pem());
    let good = ours.issue("127.0.0.1", false).ok()?;
    let builder = Cluster::builder().tls(good.clone());
    let cluster = tokio::task::spawn_blocking(move || builder.start(&distribution));
    let cluster = cluster.await.ok()?.ok()?;
    let name_server = cluster.name_server_address();
    let mut refused = 0;
    for (case, identity, options) in bad_certificates(&ours)? {
        cluster.replace_certificate(&good).ok()?;
        let accepted = soon(async || send_over_tls(name_server, trusting()).await.is_ok()).await;
        trial.require(accepted, format_args!("real, before {case}: a good certificate is refused"));
        cluster.replace_certificate(&identity).ok()?;
        let is_refused = soon(async || {
            let outcome = send_over_tls(name_server, options.clone()).await;
            outcome.is_err_and(|error| error.to_string().contains("certificate"))
        });
        let is_refused = is_refused.await;
        trial.require(is_refused, format_args!("real, accepted: {case}"));
        refused += usize::from(is_refused);
    }
    trial.note("real_bad_certificates_refused", refused);
    Some(())
}

/// Whether something comes to hold: servers look at their files every few seconds.
async fn soon(mut holds: impl AsyncFnMut() -> bool) -> bool {
    let until = Instant::now() + Duration::from_secs(30);
    while Instant::now() < until {
        if holds().await {
            return true;
        }
        sleep(Duration::from_millis(200)).await;
    }
    false
}
