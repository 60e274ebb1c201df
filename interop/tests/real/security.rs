//! Servers that want TLS verified and requests signed.

use rocketmq_client::{
    Client, Credentials, Error, ErrorKind, Message, TlsOptions,
    protocol::{
        body::{self, UserInfo},
        header::CreateUserRequestHeader,
    },
};
use rocketmq_interop::{ADMINISTRATOR, Authority, Cluster, GUEST, User};

use crate::{PATIENCE, distribution, eventually, shared};

fn chain(error: &Error) -> String {
    let first: &(dyn std::error::Error + 'static) = error;
    let causes = std::iter::successors(Some(first), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Whether a client with these options connects and sends.
async fn sends(cluster: &Cluster, options: TlsOptions) -> Result<(), String> {
    let builder = Client::builder(cluster.name_server_address()).tls(options);
    let client = builder.connect().await.map_err(|error| chain(&error))?;
    let producer = client.producer("p").start().await.map_err(|error| chain(&error))?;
    let sent = producer.send(Message::new("Encrypted", "x")).await;
    client.shutdown(PATIENCE).await;
    sent.map(drop).map_err(|error| chain(&error))
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_verified() {
    let ours = Authority::new("ours").unwrap();
    let good = ours.issue("127.0.0.1", false).unwrap();
    let cluster = Cluster::builder().tls(good.clone()).start(&distribution()).unwrap();
    let trusting = || TlsOptions::default().authorities(ours.pem());
    assert_eq!(sends(&cluster, trusting()).await, Ok(()));

    let theirs = Authority::new("theirs").unwrap();
    let refused = sends(&cluster, TlsOptions::default().authorities(theirs.pem())).await;
    let reason = refused.unwrap_err();
    assert!(reason.contains("TlsOptions::authorities"), "{reason}");
    let refused = sends(&cluster, TlsOptions::default()).await;
    assert!(refused.is_err(), "the system does not know our authority");
    let renamed = sends(&cluster, trusting().server_name("broker-a.test")).await.unwrap_err();
    assert!(renamed.contains("not valid for name"), "{renamed}");

    for (identity, reason) in [
        (ours.issue("broker-a.test", false).unwrap(), "not valid for name"),
        (ours.issue("127.0.0.1", true).unwrap(), "expired"),
    ] {
        cluster.replace_certificate(&identity).unwrap();
        eventually(reason, async || {
            sends(&cluster, trusting()).await.is_err_and(|error| error.contains(reason))
        })
        .await;
    }
    cluster.replace_certificate(&ours.issue("broker-a.test", false).unwrap()).unwrap();
    eventually("the name that is given counts", async || {
        sends(&cluster, trusting().server_name("broker-a.test")).await.is_ok()
    })
    .await;
}

/// Servers that were not configured have a certificate that nobody has signed.
#[tokio::test(flavor = "multi_thread")]
async fn servers_with_the_certificate_they_come_with_are_not_trusted() {
    let refused = sends(shared(), TlsOptions::default()).await.unwrap_err();
    assert!(refused.contains("invalid peer certificate"), "{refused}");
    let careless = TlsOptions::default().danger_accept_any_certificate();
    assert_eq!(sends(shared(), careless).await, Ok(()));
}

async fn client_of(cluster: &Cluster, user: Option<User>) -> Client {
    let builder = Client::builder(cluster.name_server_address());
    let builder = match user {
        None => builder,
        Some(User { access_key, secret_key }) => {
            builder.credentials(Credentials::new(access_key, secret_key))
        }
    };
    builder.connect().await.unwrap()
}

async fn send_as(cluster: &Cluster, user: Option<User>, topic: &str) -> Result<(), Error> {
    let client = client_of(cluster, user).await;
    let producer = client.producer("p").start().await?;
    let sent = producer.send(Message::new(topic, "x")).await;
    client.shutdown(PATIENCE).await;
    sent.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_is_told_so_and_does_not_try_again() {
    let cluster = Cluster::builder().access_control().start(&distribution()).unwrap();
    for topic in ["Allowed", "Denied"] {
        send_as(&cluster, Some(ADMINISTRATOR), topic).await.unwrap();
    }
    if cluster.distribution().is_5() {
        let admin = client_of(&cluster, Some(ADMINISTRATOR)).await;
        let user = UserInfo {
            username: GUEST.access_key.into(),
            password: Some(GUEST.secret_key.into()),
            user_type: Some("Normal".into()),
            ..UserInfo::default()
        };
        let request = CreateUserRequestHeader { username: Some(GUEST.access_key.into()) };
        let broker = cluster.broker_address("broker-a").unwrap();
        admin.call_broker(&broker, &request, body::encode(&user)).await.unwrap();
        admin.shutdown(PATIENCE).await;
    } else {
        send_as(&cluster, Some(GUEST), "Allowed").await.unwrap();
    }
    let wrong = User { secret_key: "not the secret", ..ADMINISTRATOR };
    let nobody = User { access_key: "nobody at all", secret_key: "whatever" };
    for (case, user) in [
        ("no key", None),
        ("wrong secret", Some(wrong)),
        ("unknown", Some(nobody)),
        ("no right", Some(GUEST)),
    ] {
        let began = std::time::Instant::now();
        let error = send_as(&cluster, user, "Denied").await.expect_err(case);
        println!("{case}: {error} after {:?}", began.elapsed());
        assert_eq!(error.kind(), ErrorKind::Denied, "{case}: {error:?}");
        assert!(!error.is_retryable() && !error.outcome_unknown(), "{case}: {error:?}");
    }
}
