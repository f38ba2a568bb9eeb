//! Whether something answers at the public address, as far as this machine can see.

use bytes::Bytes;

use super::Report;
use super::ask::printable;
use crate::config::Config;
use crate::wire::{Wire, WireError};

/// What `/healthz` of a running bridge answers.
const ALIVE: &[u8] = b"ok\n";

pub(super) async fn check(config: &Config, wire: &dyn Wire, report: &mut Report) {
    let base = config.server.public_url.as_str().trim_end_matches('/');
    let url = format!("{base}/healthz");
    let Ok(request) = http::Request::get(url.as_str()).body(Bytes::new()) else {
        return report.warn(format!("{url} cannot be asked for."), "Check server.public_url.");
    };
    let answer = match wire.send(request).await {
        Ok(answer) => answer,
        Err(error) => {
            let why = match error {
                WireError::NotSent => "no connection could be made",
                WireError::Broken => "the connection broke",
                WireError::TimedOut => "no answer came within 30 seconds",
            };
            return report.warn(
                format!("Nothing answers at {url}, asked from this machine: {why}."),
                "Before the first start this is expected if the proxy is not set up yet. Otherwise check the name in \
                 server.public_url, the proxy and its certificate. A firewall may also keep this machine, but not the \
                 vendors, from that address.",
            );
        }
    };
    let status = answer.status();
    if status == http::StatusCode::OK && answer.body().as_ref() == ALIVE {
        report.good(format!("Sidethread answers at {url}, asked from this machine."));
    } else if status == http::StatusCode::OK {
        report.warn(
            format!("Something else than Sidethread answers at {url}."),
            "Have the proxy pass everything below server.public_url on to server.listen, with the path unchanged.",
        );
    } else if status.is_redirection() {
        let location = answer.headers().get(http::header::LOCATION).and_then(|value| value.to_str().ok());
        report.warn(
            format!("{url} redirects to {}.", printable(location.unwrap_or("another address"))),
            "Slack and Zendesk do not follow redirects: set server.public_url to the address that answers itself.",
        );
    } else {
        let remedy = match status.as_u16() {
            502..=504 => {
                "The proxy answers, but not the bridge behind it: start `sidethread serve`, or check that the \
                          proxy passes on to server.listen."
            }
            401 | 403 => {
                "Let Slack and Zendesk through without a login: their requests are signed, and Sidethread \
                          refuses all others."
            }
            _ => "Have the proxy pass everything below server.public_url on to server.listen, with the path unchanged.",
        };
        report.warn(format!("{url} answers {status}, asked from this machine."), remedy);
    }
}
