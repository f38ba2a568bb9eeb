//! What the service manager is told: that the bridge listens, is ready, is alive, and stops.
//!
//! One datagram each to the socket that `NOTIFY_SOCKET` names, as systemd asks for under `Type=notify`; without that
//! variable nothing is said. <https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html>

use std::time::Duration;

/// Tells the service manager, if there is one.
pub struct Supervisor {
    #[cfg(unix)]
    socket: Option<(std::os::unix::net::UnixDatagram, std::os::unix::net::SocketAddr)>,
    watchdog: Option<Duration>,
}

impl Supervisor {
    /// The one that started this process. What it names and cannot be reached is said in the log.
    #[cfg(unix)]
    pub fn of_this_process() -> Supervisor {
        let Some(name) = std::env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else {
            return Supervisor { socket: None, watchdog: None };
        };
        let opened = address(&name).and_then(|address| {
            let socket = std::os::unix::net::UnixDatagram::unbound()?;
            // A manager that does not read must not hold up the bridge.
            socket.set_nonblocking(true)?;
            Ok((socket, address))
        });
        let of_others = std::env::var("WATCHDOG_PID").is_ok_and(|id| id != std::process::id().to_string());
        let micros =
            std::env::var("WATCHDOG_USEC").ok().and_then(|text| text.parse().ok()).filter(|micros| *micros > 0);
        let watchdog = micros.filter(|_| !of_others).map(Duration::from_micros);
        if let Err(error) = &opened {
            tracing::warn!(error = %error, "the service manager's NOTIFY_SOCKET cannot be used, so it is told nothing");
        }
        Supervisor { socket: opened.ok(), watchdog }
    }

    /// The one that started this process: none that is known here.
    #[cfg(not(unix))]
    pub fn of_this_process() -> Supervisor {
        Supervisor { watchdog: None }
    }

    /// The bridge listens. It need not have reached a vendor: while one is down, a restart would not help.
    pub fn listens(&self) {
        self.tell("READY=1\nSTATUS=Listening. Waiting for Slack and Zendesk to say who the app is.");
    }

    /// The bridge bridges.
    pub fn is_ready(&self) {
        self.tell("STATUS=Bridging.");
    }

    /// The bridge was told to stop.
    pub fn stops(&self) {
        self.tell("STOPPING=1\nSTATUS=Finishing what is under way.");
    }

    /// Tells that the bridge is alive, twice as often as is asked for, each time after `check` came to its end. Ends
    /// only where nobody asks for it.
    pub async fn keep_alive(&self, check: impl Fn()) {
        let Some(every) = self.watchdog else { return };
        let mut beat = tokio::time::interval(every / 2);
        loop {
            beat.tick().await;
            check();
            self.tell("WATCHDOG=1");
        }
    }

    #[cfg(unix)]
    fn tell(&self, what: &str) {
        if let Some((socket, address)) = &self.socket
            && let Err(error) = socket.send_to_addr(what.as_bytes(), address)
        {
            tracing::debug!(error = %error, "the service manager could not be told");
        }
    }

    #[cfg(not(unix))]
    fn tell(&self, _what: &str) {}
}

/// A path, or a name in Linux's abstract namespace, which begins with `@`.
#[cfg(unix)]
fn address(name: &std::ffi::OsStr) -> std::io::Result<std::os::unix::net::SocketAddr> {
    use std::os::unix::net::SocketAddr;
    #[cfg(target_os = "linux")]
    {
        use std::os::linux::net::SocketAddrExt as _;
        use std::os::unix::ffi::OsStrExt as _;
        if let Some(name) = name.as_bytes().strip_prefix(b"@") {
            return SocketAddr::from_abstract_name(name);
        }
    }
    SocketAddr::from_pathname(name)
}
