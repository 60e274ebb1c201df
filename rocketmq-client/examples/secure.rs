//! Signs every request, and encrypts every connection: servers know who asks, and the client knows who answers.
//!
//! Needs the feature `tls`. Runs against a broker inside this process, which has users and a certificate.

use std::{error::Error, sync::Arc, time::Duration};

use rocketmq_client::{Client, Credentials, Message, TlsOptions, protocol::code::RequestCode};
use rocketmq_mock::MockCluster;
use tokio_rustls::rustls::{ServerConfig, pki_types::PrivatePkcs8KeyDer};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let certificate = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()])?;
    let authority = certificate.cert.pem();
    let cluster = MockCluster::builder().tls(server(certificate)?).start().await?;
    cluster.user("checkout", "secret", &[]);
    cluster.user("auditor", "secret", &[RequestCode::SEND_MESSAGE_V2]);

    // Trusts this authority and no other, and proves with each request that it knows the secret.
    let client = Client::builder(cluster.name_server_address().to_string())
        .tls(TlsOptions::default().authorities(authority))
        .credentials(Credentials::new("checkout", "secret"))
        .connect()
        .await?;
    let producer = client.producer("secure-producer").start().await?;
    let receipt = producer.send(Message::new("secure", "hello")).await?;
    println!("stored: {:?}", receipt.status());

    // Keys are replaced while everything runs. A refusal is final: no other broker is asked.
    client.replace_credentials(&Credentials::new("auditor", "secret"))?;
    if let Err(error) = producer.send(Message::new("secure", "hello")).await {
        println!(
            "as somebody else: {:?}, worth trying again: {}",
            error.kind(),
            error.is_retryable()
        );
    }
    client.shutdown(Duration::from_secs(10)).await;

    // Whoever does not know the authority does not talk to the server.
    let distrustful = Client::builder(cluster.name_server_address().to_string());
    let connected = distrustful.tls(TlsOptions::default()).connect().await;
    println!("without the authority: {:?}", connected.map_err(|error| error.kind()).err());
    Ok(())
}

/// What the broker in this process proves its name with.
fn server(own: rcgen::CertifiedKey<rcgen::KeyPair>) -> Result<Arc<ServerConfig>, Box<dyn Error>> {
    let key = PrivatePkcs8KeyDer::from(own.signing_key.serialize_der());
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config =
        ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let chain = vec![own.cert.der().clone()];
    Ok(Arc::new(config.with_no_client_auth().with_single_cert(chain, key.into())?))
}
