//! TLS against servers with good, bad and no certificates, over pipes in memory.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod authority;

use std::{error::Error, io, sync::Arc};

use authority::{Authority, Leaf, server_config};
use rocketmq_remoting::{ConnectFuture, Connector, Io, Tls, TlsOptions};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    sync::Mutex,
    time::{Duration, Instant},
};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig};

/// The server at the other end of every connection.
#[derive(Clone)]
enum Server {
    Tls(Arc<ServerConfig>),
    /// Answers in plaintext.
    Plain,
    /// Hangs up at the first bytes.
    HangsUp,
}

struct Pipe(Mutex<Server>);

impl Connector for Pipe {
    fn connect<'a>(&'a self, _address: &'a str, _deadline: Instant) -> ConnectFuture<'a> {
        Box::pin(async move {
            let (ours, theirs) = duplex(1 << 16);
            let server = self.0.lock().await.clone();
            serve(server, theirs);
            Ok(Box::new(ours) as Box<dyn Io>)
        })
    }
}

#[expect(clippy::disallowed_methods, reason = "a test's own task")]
fn serve(server: Server, mut stream: DuplexStream) {
    tokio::spawn(async move {
        match server {
            Server::Tls(config) => {
                let mut stream = TlsAcceptor::from(config).accept(stream).await?;
                stream.write_all(b"hello").await?;
                stream.flush().await?;
                let _ = stream.read(&mut [0]).await;
            }
            Server::Plain => {
                stream.write_all(b"\0\0\0\x08\0\0\0\x04hello").await?;
                let _ = stream.read(&mut [0]).await;
            }
            Server::HangsUp => _ = stream.read(&mut [0]).await?,
        }
        io::Result::Ok(())
    });
}

/// What comes of connecting to `host`, and reading the greeting.
async fn outcome(tls: &Tls, server: Server, host: &str) -> Result<(), String> {
    let connector = tls.over(Pipe(Mutex::new(server)));
    let deadline = Instant::now() + Duration::from_secs(10);
    let greeted = async {
        let mut stream = connector.connect(&format!("{host}:10911"), deadline).await?;
        let mut greeting = [0; 5];
        stream.read_exact(&mut greeting).await?;
        assert_eq!(&greeting, b"hello");
        io::Result::Ok(())
    };
    greeted.await.map_err(|error| chain(&error))
}

fn chain(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

fn trusting(authority: &Authority) -> TlsOptions {
    TlsOptions::default().authorities(authority.pem())
}

#[tokio::test]
async fn a_good_certificate_is_accepted() {
    let authority = Authority::new("ours");
    let tls = Tls::new(&trusting(&authority)).unwrap();
    for host in ["broker-a.test", "127.0.0.1", "[::1]"] {
        let leaf = Leaf::default().named(host.trim_matches(['[', ']']));
        let server = Server::Tls(server_config(&authority, leaf, None));
        assert_eq!(outcome(&tls, server, host).await, Ok(()), "{host}");
    }
}

#[tokio::test]
async fn ten_bad_certificates_are_refused_with_their_reason() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let tls = Tls::new(&trusting(&ours)).unwrap();
    let good = || Leaf::default().named("broker-a.test");
    let signed = |authority: &Authority, leaf| Server::Tls(server_config(authority, leaf, None));
    let stranger = Leaf::default().named("broker-a.test").signed_by_itself();
    let own_ca = Leaf::default().named("broker-a.test").an_authority().signed_by_itself();
    let cases = [
        ("wrong authority", signed(&theirs, good()), "TlsOptions::authorities"),
        ("signed by itself", signed(&ours, stranger), "UnknownIssuer"),
        ("an authority of its own", signed(&ours, own_ca), "invalid peer certificate"),
        ("wrong host", signed(&ours, Leaf::default().named("broker-b.test")), "not valid for name"),
        (
            "an address for a name",
            signed(&ours, Leaf::default().named("10.0.0.1")),
            "not valid for name",
        ),
        (
            "a wildcard too high",
            signed(&ours, Leaf::default().named("*.example")),
            "not valid for name",
        ),
        ("no name at all", signed(&ours, Leaf::default()), "not valid for name"),
        ("expired", signed(&ours, good().expired()), "expired"),
        ("not yet valid", signed(&ours, good().of_the_future()), "not valid yet"),
        ("for clients only", signed(&ours, good().for_clients()), "extended key usage"),
        ("another key", Server::Tls(authority::with_foreign_key(&ours)), "BadSignature"),
        ("no TLS", Server::Plain, "does not speak TLS"),
        ("hangs up", Server::HangsUp, "hung up"),
    ];
    for (case, server, reason) in cases {
        let error = outcome(&tls, server, "broker-a.test").await.expect_err(case);
        assert!(error.contains(reason), "{case}: {error}");
        assert!(error.contains("no TLS with broker-a.test"), "{case}: {error}");
    }
}

#[tokio::test]
async fn an_expected_name_can_be_given() {
    let authority = Authority::new("ours");
    let leaf = || Leaf::default().named("broker-a.test");
    let server = || Server::Tls(server_config(&authority, leaf(), None));
    let tls = Tls::new(&trusting(&authority).server_name("broker-a.test")).unwrap();
    assert_eq!(outcome(&tls, server(), "10.0.0.7").await, Ok(()));
    let tls = Tls::new(&trusting(&authority)).unwrap();
    assert!(outcome(&tls, server(), "10.0.0.7").await.is_err());
}

#[tokio::test]
async fn danger_has_to_be_asked_for() {
    let authority = Authority::new("nobody knows");
    let server =
        || Server::Tls(server_config(&authority, Leaf::default().named("other").expired(), None));
    let careless = Tls::new(&TlsOptions::default().danger_accept_any_certificate()).unwrap();
    assert_eq!(outcome(&careless, server(), "broker-a.test").await, Ok(()));
    let careful = Tls::new(&TlsOptions::default()).unwrap();
    assert!(outcome(&careful, server(), "broker-a.test").await.is_err());
    assert!(outcome(&careless, Server::Plain, "broker-a.test").await.is_err(), "never plaintext");
}

#[tokio::test]
async fn servers_can_ask_for_a_certificate_and_it_can_be_replaced() {
    let authority = Authority::new("ours");
    let leaf = || Leaf::default().named("broker-a.test");
    let server = || Server::Tls(server_config(&authority, leaf(), Some(&authority)));
    let tls = Tls::new(&trusting(&authority)).unwrap();
    let error = outcome(&tls, server(), "broker-a.test").await.unwrap_err();
    assert!(error.contains("CertificateRequired"), "{error}");

    let (chain, key) = authority.issue(Leaf::default().named("client").for_clients());
    let canary = key.lines().nth(1).unwrap().to_owned();
    let options = trusting(&authority).client_certificate(chain, key);
    assert!(!format!("{options:?}").contains(&canary));
    tls.replace(&options).unwrap();
    assert_eq!(outcome(&tls, server(), "broker-a.test").await, Ok(()));

    let error = tls.replace(&TlsOptions::default().authorities("no PEM")).unwrap_err();
    assert_eq!(error.to_string(), "the list of authorities is not PEM");
    assert_eq!(outcome(&tls, server(), "broker-a.test").await, Ok(()), "nothing has changed");
}
