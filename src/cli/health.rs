//! `sidethread health`: whether the bridge of these settings answers, for a container that has no other program to ask.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;

use crate::config::Config;
use crate::wire::Wire;

/// How long an answer may take: less than those who ask regularly wait.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks `/healthz` on `server.listen`, or `/readyz` if `ready`; gives what was answered.
///
/// # Errors
/// Nothing answers there, or not with 200; the text says which.
pub async fn run(config: &Config, ready: bool, wire: &dyn Wire) -> anyhow::Result<String> {
    let path = if ready { "/readyz" } else { "/healthz" };
    let address = reachable(config.server.listen);
    let request = http::Request::get(format!("http://{address}{path}")).body(Bytes::new())?;
    let asked = tokio::time::timeout(PATIENCE, wire.send(request)).await;
    let answer = asked
        .with_context(|| {
            format!("nothing answered at {address} (server.listen) within {} seconds", PATIENCE.as_secs())
        })?
        .with_context(|| format!("nothing answers at {address} (server.listen); is `sidethread serve` running?"))?;
    if answer.status() != http::StatusCode::OK {
        bail!("{path} at {address} answered {}; the log of `sidethread serve` says why", answer.status());
    }
    Ok(String::from_utf8_lossy(answer.body()).trim_end().to_owned())
}

/// Where this machine reaches what listens on `address`.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_listens_everywhere_is_asked_on_loopback() {
        for (listen, asked) in
            [("0.0.0.0:8080", "127.0.0.1:8080"), ("[::]:8080", "[::1]:8080"), ("192.0.2.7:80", "192.0.2.7:80")]
        {
            assert_eq!(reachable(listen.parse().unwrap()), asked.parse().unwrap());
        }
    }
}
