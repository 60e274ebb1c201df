//! Name servers that an HTTP endpoint names (`common/namesrv/DefaultTopAddressing.java`).

use std::{sync::Weak, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{Request, StatusCode, client::conn::http1, header::HOST};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::timeout};

use super::{Core, parse_list};
use crate::{BoxError, Error, ErrorKind};

/// How long an answer may take, as in Java.
const PATIENCE: Duration = Duration::from_secs(3);
/// No list of name servers is longer.
const LONGEST: usize = 64 << 10;

/// Where to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoint {
    /// `host:port`.
    authority: String,
    path: String,
}

impl Endpoint {
    /// Reads `http://host[:port]/path`, or Java's domain: `host[:port]`, of which the path is `/rocketmq/nsaddr`. In a unit
    /// deployment the path names the unit.
    pub(super) fn parse(text: &str, unit: Option<&str>) -> Result<Self, Error> {
        let (authority, path, port) = match text.strip_prefix("http://") {
            Some(rest) => {
                let slash = rest.find('/').unwrap_or(rest.len());
                let (authority, path) = rest.split_at(slash);
                (authority, if path.is_empty() { "/" } else { path }, 80)
            }
            None if text.contains('/') => {
                return Err(Error::invalid(
                    "an endpoint that names servers is `http://host/path` or a host",
                ));
            }
            None => (text, "/rocketmq/nsaddr", 8080),
        };
        if authority.is_empty() {
            return Err(Error::invalid("the endpoint that names servers has no host"));
        }
        let has_port =
            authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let authority = if has_port { authority.to_owned() } else { format!("{authority}:{port}") };
        let path = match unit {
            Some(unit) => format!("{path}-{unit}?nofix=1"),
            None => path.to_owned(),
        };
        Ok(Self { authority, path })
    }

    /// The list it gives now.
    pub(super) async fn ask(&self) -> Result<String, Error> {
        let list = match timeout(PATIENCE, self.fetch()).await {
            Ok(list) => list,
            Err(elapsed) => Err(elapsed.into()),
        };
        list.map_err(|cause| {
            let text = format!("http://{}{} names no name servers", self.authority, self.path);
            Error::new(ErrorKind::NameServer, text).with_source(cause)
        })
    }

    async fn fetch(&self) -> Result<String, BoxError> {
        let stream = TcpStream::connect(&*self.authority).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let request =
            Request::get(&*self.path).header(HOST, &*self.authority).body(Empty::<Bytes>::new())?;
        let answered = async {
            let answer = sender.send_request(request).await?;
            if answer.status() != StatusCode::OK {
                return Err(format!("status {}", answer.status()).into());
            }
            let body = Limited::new(answer.into_body(), LONGEST).collect().await?;
            Ok::<_, BoxError>(body.to_bytes())
        };
        tokio::pin!(connection, answered);
        let body = tokio::select! {
            biased;
            body = &mut answered => body?,
            ended = &mut connection => {
                ended?;
                answered.await?
            }
        };
        let text = std::str::from_utf8(&body)?.trim();
        Ok(text.lines().next().unwrap_or_default().to_owned())
    }
}

/// Asks again from time to time, until the client stops. What was known stays known while there is no better answer.
pub(super) async fn run(endpoint: Endpoint, interval: Duration, core: Weak<Core>) {
    let Some(tasks) = core.upgrade().map(|core| core.tasks.clone()) else { return };
    let mut known = String::new();
    loop {
        tokio::select! {
            () = tokio::time::sleep(interval) => {}
            () = tasks.cancelled() => return,
        }
        let list = tokio::select! {
            list = endpoint.ask() => list,
            () = tasks.cancelled() => return,
        };
        let Some(core) = core.upgrade() else { return };
        match list {
            Ok(list) if list == known => {}
            Ok(list) => match parse_list(&list) {
                Ok(servers) => {
                    core.routes.name_servers().replace(servers);
                    known = list;
                }
                Err(error) => {
                    tracing::warn!(%error, "an endpoint gives a list that names no server");
                }
            },
            Err(error) => {
                tracing::warn!(?error, "name servers are not renewed");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_those_of_java() {
        let check = |text: &str, unit, authority: &str, path: &str| {
            let expected = Endpoint { authority: authority.into(), path: path.into() };
            assert_eq!(Endpoint::parse(text, unit).unwrap(), expected);
        };
        check("jmenv.tbsite.net", None, "jmenv.tbsite.net:8080", "/rocketmq/nsaddr");
        check("host:81", None, "host:81", "/rocketmq/nsaddr");
        check("http://host:8080/rocketmq/x", None, "host:8080", "/rocketmq/x");
        check("http://host", None, "host:80", "/");
        check("host", Some("u"), "host:8080", "/rocketmq/nsaddr-u?nofix=1");
        for bad in ["", "https://host/x", "http:///x", "host/path"] {
            assert!(Endpoint::parse(bad, None).is_err(), "{bad}");
        }
    }
}
