//! Certificates made on the spot.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use tokio_rustls::rustls::{
    RootCertStore, ServerConfig,
    crypto::ring::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
    sign::CertifiedKey,
};

/// Somebody who signs certificates.
pub(crate) struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// What to trust.
    pub(crate) fn pem(&self) -> String {
        self.pem.clone()
    }

    /// A certificate and its private key.
    pub(crate) fn issue(&self, leaf: Leaf) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let certificate = if leaf.by_itself {
            leaf.params.self_signed(&key)
        } else {
            leaf.params.signed_by(&key, &self.issuer)
        };
        (certificate.unwrap().pem(), key.serialize_pem())
    }
}

/// What a certificate says.
pub(crate) struct Leaf {
    params: CertificateParams,
    by_itself: bool,
}

impl Default for Leaf {
    /// Good, but for no name.
    fn default() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        Self { params, by_itself: false }
    }
}

impl Leaf {
    pub(crate) fn named(mut self, name: &str) -> Self {
        let names = CertificateParams::new(vec![name.to_owned()]).unwrap().subject_alt_names;
        self.params.subject_alt_names = names;
        self
    }

    pub(crate) fn expired(mut self) -> Self {
        self.params.not_before = date_time_ymd(2020, 1, 1);
        self.params.not_after = date_time_ymd(2021, 1, 1);
        self
    }

    pub(crate) fn of_the_future(mut self) -> Self {
        self.params.not_before = date_time_ymd(4000, 1, 1);
        self.params.not_after = date_time_ymd(4001, 1, 1);
        self
    }

    pub(crate) fn for_clients(mut self) -> Self {
        self.params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self
    }

    pub(crate) fn an_authority(mut self) -> Self {
        self.params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        self
    }

    pub(crate) fn signed_by_itself(mut self) -> Self {
        self.by_itself = true;
        self
    }
}

/// A server with such a certificate, which asks clients for one that `clients` signed.
pub(crate) fn server_config(
    authority: &Authority,
    leaf: Leaf,
    clients: Option<&Authority>,
) -> Arc<ServerConfig> {
    let (chain, key) = authority.issue(leaf);
    let chain = vec![CertificateDer::from_pem_slice(chain.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let provider = Arc::new(default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(clients) => {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_slice(clients.pem().as_bytes()).unwrap()).unwrap();
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.unwrap())
        }
    };
    Arc::new(builder.with_single_cert(chain, key).unwrap())
}

/// A server that shows a good certificate and does not have its key.
pub(crate) fn with_foreign_key(authority: &Authority) -> Arc<ServerConfig> {
    let (chain, _) = authority.issue(Leaf::default().named("broker-a.test"));
    let chain = vec![CertificateDer::from_pem_slice(chain.as_bytes()).unwrap()];
    let other = KeyPair::generate().unwrap().serialize_pem();
    let other = PrivateKeyDer::from_pem_slice(other.as_bytes()).unwrap();
    let key = default_provider().key_provider.load_private_key(other).unwrap();
    let resolver =
        tokio_rustls::rustls::sign::SingleCertAndKey::from(CertifiedKey::new(chain, key));
    let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap();
    Arc::new(builder.with_no_client_auth().with_cert_resolver(Arc::new(resolver)))
}
