//! What a fake vendor wants to send to the bridge: signed requests, with the vendor's own retries.

use std::sync::Arc;

/// Tells the fakes the time, in milliseconds since 1970.
pub type Now = Arc<dyn Fn() -> i64 + Send + Sync>;

/// One signed request on its way to the bridge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parcel {
    /// Names the delivery; the same over its retries.
    pub id: u64,
    /// Where on the bridge, such as `/slack/events`.
    pub path: String,
    /// Its headers, signature included.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
}

/// What became of a parcel, as its sender sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// The bridge answered: status, `Retry-After` in seconds, body.
    Answered {
        /// The HTTP status.
        status: u16,
        /// The `Retry-After` header, in seconds.
        retry_after: Option<u64>,
        /// The body.
        body: Vec<u8>,
    },
    /// The bridge did not answer in time, or the connection failed.
    Failed,
}

/// A fake vendor's outgoing side.
///
/// Somebody has to carry the parcels: the sandbox does so over the network, a test straight into the
/// bridge's router.
pub trait Sender: Send + Sync {
    /// Takes every parcel that is due now, signed now, in order.
    fn take_due(&self) -> Vec<Parcel>;
    /// Says what became of one, so that the vendor's retry rules can run.
    fn settle(&self, id: u64, receipt: Receipt);
    /// When the next parcel falls due (milliseconds since 1970), if one waits.
    fn next_due(&self) -> Option<i64>;
}
