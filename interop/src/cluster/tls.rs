//! Servers with certificates of ours.

use std::{fs, path::Path};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};

use super::{Cluster, ClusterBuilder};
use crate::{InteropError, jvm::write};

/// Signs certificates for a cluster.
#[derive(Debug)]
pub struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its private key, both PEM.
#[derive(Debug, Clone)]
pub struct Identity {
    certificate: String,
    key: String,
}

impl Authority {
    /// A new one, under this name.
    ///
    /// # Errors
    ///
    /// When no key can be made.
    pub fn new(name: &str) -> Result<Self, InteropError> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate()?;
        let pem = params.self_signed(&key)?.pem();
        Ok(Self { pem, issuer: Issuer::new(params, key) })
    }

    /// What to trust, PEM.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A certificate for a host name or an address, valid now, or expired long ago.
    ///
    /// # Errors
    ///
    /// When the name is none.
    pub fn issue(&self, host: &str, expired: bool) -> Result<Identity, InteropError> {
        let mut params = CertificateParams::new(vec![host.to_owned()])?;
        if expired {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2021, 1, 1);
        }
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?.pem();
        Ok(Identity { certificate, key: key.serialize_pem() })
    }
}

impl Identity {
    /// The certificate, PEM.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// Its private key, PEM.
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl ClusterBuilder {
    /// Name server and brokers show this certificate to whoever speaks TLS. They take plaintext too, as servers do by default.
    pub fn tls(mut self, identity: Identity) -> Self {
        self.identity = Some(identity);
        self
    }
}

impl Cluster {
    /// Has every server show another certificate. They notice within seconds.
    ///
    /// # Errors
    ///
    /// When the files cannot be written.
    pub fn replace_certificate(&self, identity: &Identity) -> Result<(), InteropError> {
        let brokers = self.brokers.values().map(|broker| broker.home.clone());
        for home in brokers.chain([self.home.join("name-server")]) {
            write_identity(&home, identity)?;
        }
        Ok(())
    }
}

/// Makes the server with this home show a certificate.
pub(super) fn prepare(home: &Path, identity: &Identity) -> Result<(), InteropError> {
    write_identity(home, identity)?;
    let files = home.display();
    let options = format!(
        "-Dtls.server.mode=permissive\n-Dtls.test.mode.enable=false\n\
         -Dtls.server.certPath={files}/server.pem\n-Dtls.server.keyPath={files}/server.key\n"
    );
    write(home, crate::jvm::MORE_OPTIONS, &options)
}

/// Each file whole, so that no server reads half of one.
fn write_identity(home: &Path, identity: &Identity) -> Result<(), InteropError> {
    for (name, text) in [("server.key", &identity.key), ("server.pem", &identity.certificate)] {
        write(home, "unfinished", text)?;
        fs::rename(home.join("unfinished"), home.join(name))
            .map_err(InteropError::io(format!("writing {name}")))?;
    }
    Ok(())
}
