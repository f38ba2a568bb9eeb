//! The way of the calls to the vendors, with a gate before and behind each.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Poll;

use async_trait::async_trait;
use axum::Router;
use bytes::Bytes;
use sidethread::wire::{Wire, WireError};

use super::{house, tokens};

/// Lets one job at a time through to the vendors, and only so far.
#[derive(Default)]
pub struct Gates {
    /// The job that is polled; 0 for none.
    pub current: u64,
    /// How many more gates it may pass; without it, all.
    pub left: Option<u32>,
    /// Whether it stands before a gate.
    pub held: bool,
    /// Which job first carried a text to the other side.
    pub carried_by: BTreeMap<String, u64>,
}

pub struct Wires {
    pub slack: Router,
    pub zendesk: Router,
    pub gates: Arc<Mutex<Gates>>,
}

impl Wires {
    async fn gate(&self) {
        poll_fn(|_| {
            let mut gates = lock(&self.gates);
            match &mut gates.left {
                Some(0) => {
                    gates.held = true;
                    Poll::Pending
                }
                Some(left) => {
                    *left -= 1;
                    Poll::Ready(())
                }
                None => Poll::Ready(()),
            }
        })
        .await;
    }
}

#[async_trait]
impl Wire for Wires {
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, WireError> {
        let path = request.uri().path();
        // A token is asked for while all other calls wait for it.
        let gated = !path.contains("/oauth/");
        if path.ends_with("/reply") || path.ends_with("/side_conversations") || path.ends_with("chat.postMessage") {
            let mut gates = lock(&self.gates);
            let job = gates.current;
            for token in tokens(&String::from_utf8_lossy(request.body())) {
                gates.carried_by.entry(token).or_insert(job);
            }
        }
        let router = if path.starts_with("/slack") { &self.slack } else { &self.zendesk };
        if gated {
            self.gate().await;
        }
        let response = house::call(router, request).await;
        if gated {
            self.gate().await;
        }
        response
    }
}

pub fn lock(gates: &Mutex<Gates>) -> MutexGuard<'_, Gates> {
    gates.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
