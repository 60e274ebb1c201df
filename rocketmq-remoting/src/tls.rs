//! [`Tls`]: encrypted connections, verified unless somebody insists.

use std::{
    error::Error as StdError,
    fmt, io,
    sync::{Arc, PoisonError, RwLock},
};

use rustls_platform_verifier::Verifier;
use secrecy::{ExposeSecret, SecretSlice};
use thiserror::Error;
use tokio::time::Instant;
use tokio_rustls::{
    TlsConnector as Handshake,
    rustls::{
        CertificateError, ClientConfig, DigitallySignedStruct, Error as RustlsError,
        InvalidMessage, RootCertStore, SignatureScheme,
        client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
        pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
    },
};

use crate::{ConnectFuture, Connector, connection::Io};

/// How TLS is done. The default trusts the authorities that the operating system trusts, and checks the host name.
///
/// Upstream's client, unless told otherwise, accepts any certificate (`tls.test.mode.enable`). This one does not.
#[derive(Debug, Clone, Default)]
#[must_use = "options do nothing by themselves"]
pub struct TlsOptions {
    authorities: Option<Vec<u8>>,
    identity: Option<(Vec<u8>, SecretSlice<u8>)>,
    server_name: Option<String>,
    accept_anything: bool,
}

impl TlsOptions {
    /// Trusts the authorities in this PEM text, and no others: what a private cluster needs.
    #[doc(alias = "tls.client.trustCertPath")]
    pub fn authorities(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.authorities = Some(pem.into());
        self
    }

    /// Shows this certificate chain, with its private key, to servers that ask: both PEM, the key not encrypted.
    #[doc(alias = "tls.client.certPath")]
    #[doc(alias = "tls.client.keyPath")]
    pub fn client_certificate(
        mut self,
        chain: impl Into<Vec<u8>>,
        key: impl Into<Vec<u8>>,
    ) -> Self {
        self.identity = Some((chain.into(), SecretSlice::from(key.into())));
        self
    }

    /// The name that certificates have to be valid for. Default: the host that is dialled. Set it where servers are dialled
    /// by an address and have certificates for a name.
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    /// Accepts every certificate of every server: whoever can reach the connection can read and change all of it. For
    /// experiments on one machine, and never together with credentials.
    pub fn danger_accept_any_certificate(mut self) -> Self {
        self.accept_anything = true;
        self
    }

    fn build(&self) -> Result<Material, TlsError> {
        let provider = Arc::new(provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?;
        let builder = if self.accept_anything {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(AcceptAnything(provider)))
        } else if let Some(pem) = &self.authorities {
            builder.with_root_certificates(roots(pem)?)
        } else {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(Verifier::new(provider)?))
        };
        let config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => {
                let chain = certificates(chain, "the client's certificate")?;
                let key = PrivateKeyDer::from_pem_slice(key.expose_secret())
                    .map_err(|_| TlsError::Pem("the client's private key"))?;
                builder.with_client_auth_cert(chain, key)?
            }
        };
        let name = self.server_name.clone().map(server_name).transpose()?;
        Ok(Material { config: Arc::new(config), name })
    }
}

/// Options that TLS cannot be done with.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum TlsError {
    /// No certificate or key is in the text.
    #[error("{0} is not PEM")]
    Pem(&'static str),
    /// The name is neither a host name nor an address.
    #[error("`{0}` is not the name of a server")]
    ServerName(String),
    /// Certificate and key do not fit, or the system's authorities cannot be had.
    #[error("TLS cannot be set up")]
    Setup(#[from] RustlsError),
}

/// TLS with some options. Clones share them, and replacing them reaches every connection that is made afterwards.
#[derive(Clone)]
pub struct Tls(Arc<RwLock<Arc<Material>>>);

struct Material {
    config: Arc<ClientConfig>,
    name: Option<ServerName<'static>>,
}

impl Tls {
    /// Reads certificates and keys.
    ///
    /// # Errors
    ///
    /// When they cannot be used.
    pub fn new(options: &TlsOptions) -> Result<Self, TlsError> {
        Ok(Self(Arc::new(RwLock::new(Arc::new(options.build()?)))))
    }

    /// Takes other certificates and keys for connections that are made from now on. Those that are open stay as they are.
    ///
    /// # Errors
    ///
    /// When they cannot be used. Then nothing has changed.
    pub fn replace(&self, options: &TlsOptions) -> Result<(), TlsError> {
        let material = Arc::new(options.build()?);
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = material;
        Ok(())
    }

    /// A connector that speaks TLS over the streams of another. It never falls back to plaintext.
    pub fn over<C: Connector>(&self, inner: C) -> TlsConnector<C> {
        TlsConnector { tls: self.clone(), inner }
    }

    fn material(&self) -> Arc<Material> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("server_name", &self.material().name).finish_non_exhaustive()
    }
}

/// A connector that speaks TLS: see [`Tls::over`].
#[derive(Debug, Clone)]
pub struct TlsConnector<C> {
    tls: Tls,
    inner: C,
}

impl<C: Connector> Connector for TlsConnector<C> {
    fn connect<'a>(&'a self, address: &'a str, deadline: Instant) -> ConnectFuture<'a> {
        Box::pin(async move {
            let material = self.tls.material();
            let name = match &material.name {
                Some(name) => name.clone(),
                None => server_name(host(address).to_owned()).map_err(io::Error::other)?,
            };
            let stream = self.inner.connect(address, deadline).await?;
            let handshake = Handshake::from(Arc::clone(&material.config));
            let name_text = name.to_str().into_owned();
            match handshake.connect(name, stream).await {
                Ok(stream) => Ok(Box::new(stream) as Box<dyn Io>),
                Err(cause) => Err(HandshakeError { name: name_text, cause }.into()),
            }
        })
    }
}

/// A handshake that failed, with what to do about it.
#[derive(Debug)]
struct HandshakeError {
    name: String,
    cause: io::Error,
}

impl HandshakeError {
    fn advice(&self) -> &'static str {
        use CertificateError::{BadSignature, UnknownIssuer};
        match self.cause.get_ref().and_then(|cause| cause.downcast_ref::<RustlsError>()) {
            Some(RustlsError::InvalidCertificate(UnknownIssuer | BadSignature)) => {
                "; name the authority that signs the servers' certificates with `TlsOptions::authorities`"
            }
            Some(RustlsError::InvalidMessage(InvalidMessage::InvalidContentType)) => {
                "; the server does not speak TLS"
            }
            None if self.cause.kind() == io::ErrorKind::UnexpectedEof => {
                "; the server hung up, as one does that does not speak TLS"
            }
            _ => "",
        }
    }
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no TLS with {}{}", self.name, self.advice())
    }
}

impl StdError for HandshakeError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.cause)
    }
}

impl From<HandshakeError> for io::Error {
    fn from(error: HandshakeError) -> Self {
        Self::new(error.cause.kind(), error)
    }
}

#[cfg(feature = "tls-aws-lc")]
fn provider() -> CryptoProvider {
    tokio_rustls::rustls::crypto::aws_lc_rs::default_provider()
}

#[cfg(not(feature = "tls-aws-lc"))]
fn provider() -> CryptoProvider {
    tokio_rustls::rustls::crypto::ring::default_provider()
}

fn roots(pem: &[u8]) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem, "the list of authorities")? {
        roots.add(certificate)?;
    }
    Ok(roots)
}

fn certificates(pem: &[u8], what: &'static str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    read.ok().filter(|certificates| !certificates.is_empty()).ok_or(TlsError::Pem(what))
}

fn host(address: &str) -> &str {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    host.trim_matches(['[', ']'])
}

fn server_name(name: String) -> Result<ServerName<'static>, TlsError> {
    ServerName::try_from(name.clone()).map_err(|_| TlsError::ServerName(name))
}

/// See [`TlsOptions::danger_accept_any_certificate`]. Signatures are still checked: a broken server is not a stranger.
#[derive(Debug)]
struct AcceptAnything(Arc<CryptoProvider>);

impl ServerCertVerifier for AcceptAnything {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, RustlsError> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, RustlsError> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, RustlsError> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
