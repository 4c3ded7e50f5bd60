//! A fake upstream on loopback: HTTP/1.1 by hand, so that it sees every byte as sent and can misbehave on purpose.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "testkit is for tests, and a test stops at the first surprise"
)]

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

/// A server that remembers what it was sent and answers as its script says. Stops when dropped.
pub struct Upstream {
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// One request as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The method.
    pub method: String,
    /// The target, as on the wire.
    pub target: String,
    /// Header fields in order, names as on the wire.
    pub headers: Vec<(String, String)>,
    /// The body's first bytes, up to [`KEPT_BYTES`].
    pub body: Vec<u8>,
    /// How long the body was.
    pub body_bytes: u64,
    /// Trailer lines.
    pub trailers: Vec<String>,
    /// Which connection it came on, counted from 0.
    pub connection: usize,
}

/// How much of a body is kept.
pub const KEPT_BYTES: usize = 4 * 1024 * 1024;

/// What to answer.
#[derive(Clone, Debug)]
pub enum Reply {
    /// A whole answer with a content length.
    Whole {
        /// The status code.
        status: u16,
        /// Header fields besides `Content-Length`.
        headers: Vec<(String, String)>,
        /// The body.
        body: Vec<u8>,
    },
    /// An answer of so many bytes of `x`, chunked.
    Stream {
        /// How many.
        bytes: u64,
    },
    /// A head that promises 1,000 bytes, ten of them, and then the end.
    CutOff,
    /// A head that promises 1,000 bytes, ten of them, and then silence.
    FallSilent,
    /// Nothing, and the connection stays open.
    Silent,
    /// Nothing, and the connection is closed.
    Close,
    /// These bytes, whatever they are, and then the end.
    Raw(Vec<u8>),
}

impl Reply {
    /// A JSON answer.
    pub fn json(status: u16, body: &str) -> Self {
        let headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
        Self::Whole { status, headers, body: body.as_bytes().to_vec() }
    }
}

struct Shared {
    received: Mutex<Vec<Received>>,
    arrived: Condvar,
    stopped: AtomicBool,
    script: Box<dyn Fn(&Received) -> Reply + Send + Sync>,
}

/// How often a connection looks whether the test is over.
const LOOK: Duration = Duration::from_millis(50);
/// A test that waits longer than this has failed.
const PATIENCE: Duration = Duration::from_secs(30);

impl Upstream {
    /// Starts on a free port of loopback. The script runs on the connection's own thread, so it may block.
    pub fn start(script: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            received: Mutex::default(),
            arrived: Condvar::new(),
            stopped: AtomicBool::new(false),
            script: Box::new(script),
        });
        let sharing = Arc::clone(&shared);
        thread::spawn(move || {
            for (connection, stream) in listener.incoming().enumerate() {
                if sharing.stopped.load(Ordering::Relaxed) {
                    return;
                }
                let (stream, shared) = (stream.unwrap(), Arc::clone(&sharing));
                thread::spawn(move || shared.serve(&stream, connection));
            }
        });
        Self { address, shared }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:port`.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What has arrived so far.
    pub fn received(&self) -> Vec<Received> {
        self.shared.received.lock().unwrap().clone()
    }

    /// Waits until so many requests have arrived, bodies and all.
    pub fn wait_for(&self, count: usize) -> Vec<Received> {
        let received = self.shared.received.lock().unwrap();
        let (received, timeout) = self
            .shared
            .arrived
            .wait_timeout_while(received, PATIENCE, |received| received.len() < count)
            .unwrap();
        assert!(!timeout.timed_out(), "{count} requests were expected, {} came", received.len());
        received.clone()
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
        // Wakes the listener, which then sees that it is over.
        drop(TcpStream::connect(self.address));
    }
}

impl std::fmt::Debug for Upstream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Upstream({})", self.address)
    }
}

impl Received {
    /// The one value of a header field, if it came exactly once.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        let (_, value) = values.next()?;
        values.next().is_none().then_some(value)
    }
}

impl Shared {
    fn serve(&self, stream: &TcpStream, connection: usize) {
        let mut reader = BufReader::new(stream);
        while let Ok(Some(received)) = read_request(&mut reader, connection) {
            self.received.lock().unwrap().push(received.clone());
            self.arrived.notify_all();
            let reply = (self.script)(&received);
            if self.reply(stream, reply, received.method == "HEAD").is_none() {
                return;
            }
        }
    }

    /// Nothing if the connection ends with this answer.
    fn reply(&self, mut stream: &TcpStream, reply: Reply, head_only: bool) -> Option<()> {
        let promise =
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n0123456789";
        match reply {
            Reply::Whole { status, headers, body } => {
                let mut answer = format!("HTTP/1.1 {status} Said\r\nContent-Length: {}\r\n", body.len());
                for (name, value) in headers {
                    answer.extend([&name, ": ", &value, "\r\n"]);
                }
                answer.push_str("\r\n");
                let mut answer = answer.into_bytes();
                if !head_only {
                    answer.extend(body);
                }
                stream.write_all(&answer).ok()
            }
            Reply::Stream { bytes } => stream_answer(stream, bytes).ok(),
            Reply::CutOff => {
                stream.write_all(promise).ok()?;
                None
            }
            Reply::FallSilent => {
                stream.write_all(promise).ok()?;
                self.keep_still();
                None
            }
            Reply::Silent => {
                self.keep_still();
                None
            }
            Reply::Close => None,
            Reply::Raw(bytes) => {
                stream.write_all(&bytes).ok()?;
                None
            }
        }
    }

    fn keep_still(&self) {
        while !self.stopped.load(Ordering::Relaxed) {
            thread::sleep(LOOK);
        }
    }
}

fn stream_answer(mut stream: &TcpStream, bytes: u64) -> io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nTransfer-Encoding: chunked\r\n\r\n")?;
    let piece = vec![b'x'; 64 * 1024];
    let mut left = bytes;
    while left > 0 {
        let length = usize::try_from(left).unwrap_or(usize::MAX).min(piece.len());
        write!(stream, "{length:x}\r\n")?;
        stream.write_all(piece.get(..length).expect("no longer than the piece"))?;
        stream.write_all(b"\r\n")?;
        left -= u64::try_from(length).expect("a length fits");
    }
    stream.write_all(b"0\r\n\r\n")
}

fn read_request(reader: &mut impl BufRead, connection: usize) -> io::Result<Option<Received>> {
    let first = line(reader)?;
    if first.is_empty() {
        return Ok(None);
    }
    let mut words = first.splitn(3, ' ');
    let (Some(method), Some(target), Some("HTTP/1.1")) = (words.next(), words.next(), words.next()) else {
        panic!("not a request line: {first}");
    };
    let mut received = Received {
        method: method.to_owned(),
        target: target.to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
        body_bytes: 0,
        trailers: Vec::new(),
        connection,
    };
    loop {
        let field = line(reader)?;
        if field.is_empty() {
            break;
        }
        let (name, value) = field.split_once(':').expect("a header field has a colon");
        received.headers.push((name.to_owned(), value.trim().to_owned()));
    }
    let length = received.header("content-length").map(|text| text.parse::<u64>().unwrap());
    let chunked = received.header("transfer-encoding").is_some();
    assert!(!(chunked && length.is_some()), "both framings went upstream");
    if let Some(length) = length {
        received.take(reader, length)?;
    }
    if chunked {
        loop {
            let size =
                u64::from_str_radix(line(reader)?.split(';').next().unwrap_or(""), 16).unwrap_or(u64::MAX);
            if size == u64::MAX {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if size == 0 {
                break;
            }
            received.take(reader, size)?;
            line(reader)?;
        }
        loop {
            let trailer = line(reader)?;
            if trailer.is_empty() {
                break;
            }
            received.trailers.push(trailer);
        }
    }
    Ok(Some(received))
}

impl Received {
    fn take(&mut self, reader: &mut impl Read, count: u64) -> io::Result<()> {
        let mut piece = vec![0; 64 * 1024];
        let mut left = count;
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(usize::MAX).min(piece.len());
            let read = reader.read(piece.get_mut(..most).expect("no longer than the piece"))?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let kept = read.min(KEPT_BYTES.saturating_sub(self.body.len()));
            self.body.extend_from_slice(piece.get(..kept).expect("no longer than what was read"));
            left -= u64::try_from(read).expect("a length fits");
            self.body_bytes += u64::try_from(read).expect("a length fits");
        }
        Ok(())
    }
}

/// One line without its end; at most 64 KiB. Empty at the end of the stream.
fn line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut bytes = Vec::new();
    reader.take(64 * 1024).read_until(b'\n', &mut bytes)?;
    let text = String::from_utf8(bytes).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}
