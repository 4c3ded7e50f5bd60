//! What the shell is told: boundaries, limits, timeouts. Plain values, no file format and no defaults.

use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use telemetry::Tracer;

/// Everything the shell needs to know before it opens a socket.
#[derive(Clone, Debug)]
pub struct Config {
    /// One listener each; names are unique.
    pub boundaries: Vec<BoundaryConfig>,
    /// How much is read and held.
    pub limits: Limits,
    /// How long is waited.
    pub timeouts: Timeouts,
    /// Where traces begin and wait; none are recorded without it.
    pub tracer: Option<Arc<Tracer>>,
}

/// One crossing: who listens where, and what is behind it.
#[derive(Clone, Debug)]
pub struct BoundaryConfig {
    /// The boundary as policy knows it; its name is the listener's.
    pub boundary: policy::Boundary,
    /// The address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The certificate shown to senders. Without it the listener speaks plain MLLP.
    pub tls: Option<TlsIdentity>,
    /// Certificates, in PEM, that senders' certificates must lead to; senders need none where this is empty.
    pub sender_roots: Vec<String>,
    /// Allows plain MLLP on an address that is not loopback: everybody on the way can read the records.
    pub danger_plain: bool,
    /// What is behind the boundary.
    pub receiver: Receiver,
}

/// What is behind a boundary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receiver {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whether it speaks TLS.
    pub tls: bool,
    /// Certificates, in PEM, trusted for it beside those of the system.
    pub roots: Vec<String>,
}

/// A certificate chain and its key, in PEM.
#[derive(Clone)]
pub struct TlsIdentity {
    /// The certificate and those that issued it, the leaf first.
    pub certificates_pem: String,
    /// The leaf's private key.
    pub key_pem: String,
}

/// How much is read and held before it is refused.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Largest frame that is judged, and largest answer, in bytes between the framing bytes.
    pub frame_bytes: usize,
    /// Bytes of long frames held at one time by one boundary; more is answered AE.
    pub held_bytes: usize,
    /// Connections open at one time to one boundary; more wait in the system's queue.
    pub connections: usize,
}

impl Limits {
    /// Suggested bounds: a report with a scanned document in it, and memory for some dozens of them.
    pub const SUGGESTED: Self =
        Self { frame_bytes: 16 * 1024 * 1024, held_bytes: 512 * 1024 * 1024, connections: 1024 };
}

/// How long the shell waits before it gives up.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// For a TLS handshake, and for a connection to the receiver.
    pub connect: Duration,
    /// Without a byte moving, in the midst of a frame, in either direction.
    pub frame: Duration,
    /// For the carriage return after a frame's end, which some senders leave out, and for each further answer to a frame of
    /// several messages.
    pub end: Duration,
    /// For the receiver's answer. Senders usually wait for 30 seconds or more.
    pub answer: Duration,
    /// Between two frames of one sender.
    pub idle: Duration,
    /// For messages under way when the shell stops.
    pub drain: Duration,
}

impl Timeouts {
    /// Suggested times.
    pub const SUGGESTED: Self = Self {
        connect: Duration::from_secs(5),
        frame: Duration::from_secs(30),
        end: Duration::from_millis(500),
        answer: Duration::from_secs(25),
        idle: Duration::from_hours(12),
        drain: Duration::from_secs(30),
    };
}

/// Debug shows no key.
impl fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsIdentity(redacted)")
    }
}
