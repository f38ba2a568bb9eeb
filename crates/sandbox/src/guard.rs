//! Keeps other web pages out of a sandbox that anybody may use without a password.
//!
//! A page on another site could post forms to a port of this machine, or have its own name resolve to the sandbox's
//! address and read what is answered. So the `Host` has to be one of the sandbox's own, and what changes something has to
//! come from the sandbox's own page or from no page at all: `curl`, SDKs and the bridge send neither `Origin` nor
//! `Sec-Fetch-Site`. A sandbox that other machines reach cannot know under which address and port they do; but only a
//! name can be made to resolve to it, so there any IP address will do, and no name that it was not told.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method, Response, StatusCode, header};
use axum::middleware::{Next, from_fn};

struct Guard {
    /// With their port; lower case.
    hosts: Vec<String>,
    /// Names under which it is known besides, at whatever port; lower case.
    names: Vec<String>,
    /// Whether any IP address will do, at whatever port.
    elsewhere: bool,
    port: u16,
}

/// Puts the guard around a router that listens on `listen`, and is known under these names besides.
pub fn layer(router: Router, listen: SocketAddr, names: &[String]) -> Router {
    let guard = Arc::new(Guard::new(listen, names));
    router.layer(from_fn(move |request: Request, next: Next| {
        let guard = guard.clone();
        async move {
            match guard.check(&request) {
                Ok(()) => next.run(request).await,
                Err((status, why)) => refusal(status, &why),
            }
        }
    }))
}

impl Guard {
    fn new(listen: SocketAddr, names: &[String]) -> Self {
        let port = listen.port();
        let mut hosts = vec![listen.to_string()];
        hosts.extend(["localhost", "127.0.0.1", "[::1]"].map(|name| format!("{name}:{port}")));
        if port == 80 {
            let bare: Vec<String> =
                hosts.iter().filter_map(|host| host.strip_suffix(":80")).map(String::from).collect();
            hosts.extend(bare);
        }
        let names = names.iter().map(|name| name.to_ascii_lowercase()).collect();
        Guard { hosts, names, elsewhere: !listen.ip().is_loopback(), port }
    }

    fn knows(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        if self.hosts.contains(&host) {
            return true;
        }
        let Ok(authority) = host.parse::<Authority>() else { return false };
        let name = authority.host();
        // Only a port may follow, and what stands before an `@` is no part of a host.
        let is_bare = host == name || host.strip_prefix(name).is_some_and(|_| authority.port_u16().is_some());
        if !is_bare {
            return false;
        }
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        self.names.iter().any(|known| known == name)
            || self.elsewhere && (name == "localhost" || bare.parse::<IpAddr>().is_ok())
    }

    fn check(&self, request: &Request) -> Result<(), (StatusCode, String)> {
        let host = self.host(request)?;
        if matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
            return Ok(());
        }
        let foreign = |what: &str| {
            let why = format!("This request was sent by another page ({what}); the sandbox does nothing for it.");
            Err((StatusCode::FORBIDDEN, why))
        };
        for origin in texts(request.headers(), header::ORIGIN.as_str()) {
            let same = ["http://", "https://"].iter().any(|scheme| {
                origin.strip_prefix(scheme).is_some_and(|authority| authority.eq_ignore_ascii_case(&host))
            });
            if !same {
                return foreign("Origin");
            }
        }
        for site in texts(request.headers(), "sec-fetch-site") {
            if !matches!(site.as_str(), "same-origin" | "none") {
                return foreign("Sec-Fetch-Site");
            }
        }
        Ok(())
    }

    /// The name the request was sent to, if all it says of it is in order.
    fn host(&self, request: &Request) -> Result<String, (StatusCode, String)> {
        let misdirected = || {
            let port = self.port;
            let why = format!(
                "This sandbox answers at http://localhost:{port}/ and at its own address only. \
                 If people reach it under a name, begin it with --host NAME."
            );
            (StatusCode::MISDIRECTED_REQUEST, why)
        };
        let mut named = texts(request.headers(), header::HOST.as_str());
        named.extend(request.uri().authority().map(|authority| authority.as_str().to_owned()));
        if !named.iter().all(|host| self.knows(host)) {
            return Err(misdirected());
        }
        named.into_iter().next().ok_or_else(misdirected)
    }
}

/// All values of a header; one that is no text counts as an empty one, which nothing matches.
fn texts(headers: &HeaderMap, name: &str) -> Vec<String> {
    headers.get_all(name).iter().map(|value| value.to_str().unwrap_or_default().trim().to_owned()).collect()
}

fn refusal(status: StatusCode, why: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(format!("{why}\n")));
    *response.status_mut() = status;
    let plain = header::HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, plain);
    response
}
