//! Pages for a person's browser, on a listener of their own, for this machine only.

use std::{io, net::SocketAddr, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::{
    net::TcpListener,
    sync::watch,
    task::{JoinHandle, spawn_blocking},
};

use crate::side;

/// Connections open at one time: a person's browser opens six.
const CONNECTIONS_MAX: usize = 64;
/// The cookie that holds the key.
const COOKIE: &str = "eosin_console";
/// What a page may load and do: its own style and icon, its own forms, and nothing else.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; \
     base-uri 'none'; frame-ancestors 'none'";

/// A page, or a part of one.
#[derive(Clone, Debug)]
pub struct PageAnswer {
    /// The status of HTTP.
    pub status: u16,
    /// The media type.
    pub media_type: &'static str,
    /// The body.
    pub body: String,
}

/// Makes the page of a target; it may block.
pub type MakePage = Arc<dyn Fn(&str) -> PageAnswer + Send + Sync>;

/// Pages that are being served.
#[derive(Debug)]
pub struct PageServer {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// Why pages are not served.
#[derive(Debug, thiserror::Error)]
pub enum PageServerError {
    /// Other machines could ask.
    #[error("`{0}` can be asked by other machines; pages are for this one: listen at 127.0.0.1 or [::1]")]
    NotLoopback(SocketAddr),
    /// The address cannot be used.
    #[error("cannot listen at {0}; is another program there?")]
    Listen(SocketAddr, #[source] io::Error),
}

impl PageServer {
    /// Serves pages to whoever has the key.
    ///
    /// Shape:  `/?key=KEY` puts the key into a cookie; everything else wants that cookie. Only `GET` and `HEAD` are answered,
    ///         and only where the request names this machine as its host, so that no other site's page can ask.
    /// Bounds: 64 connections; the key is compared without telling how much of it fits.
    /// Errors: [`PageServerError`].
    pub async fn start(listen: SocketAddr, key: String, make: MakePage) -> Result<Self, PageServerError> {
        if !listen.ip().is_loopback() {
            return Err(PageServerError::NotLoopback(listen));
        }
        let failed = |error| PageServerError::Listen(listen, error);
        let listener = TcpListener::bind(listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (stop, stopped) = watch::channel(false);
        let door = Arc::new(Door { key, port: address.port(), make });
        let answer = move |request: Request<Incoming>| {
            let door = Arc::clone(&door);
            async move { door.answer(&request).await }
        };
        let task = tokio::spawn(side::serve(listener, CONNECTIONS_MAX, stopped, answer));
        Ok(Self { address, stop, task })
    }

    /// Where they are served.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops.
    pub async fn stop(self) {
        // Both fail only where the task has ended.
        let _told = self.stop.send(true);
        let _ended = self.task.await;
    }
}

struct Door {
    key: String,
    port: u16,
    make: MakePage,
}

impl Door {
    async fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let (status, media_type, body, extra) = self.find(request).await;
        let is_head = request.method() == Method::HEAD;
        let length = HeaderValue::from(body.len());
        let mut response = Response::new(Full::from(if is_head { String::new() } else { body }));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.extend(extra);
        headers.insert(header::CONTENT_LENGTH, length);
        for (name, value) in [
            (header::CONTENT_TYPE, media_type),
            (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "no-referrer"),
            (header::CACHE_CONTROL, "no-store"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        response
    }

    async fn find(&self, request: &Request<Incoming>) -> (StatusCode, &'static str, String, HeaderMap) {
        let plain =
            |status, text: &str| (status, "text/plain; charset=utf-8", text.to_owned(), HeaderMap::new());
        if !self.is_here(request.headers()) {
            return plain(StatusCode::MISDIRECTED_REQUEST, "ask for this page at 127.0.0.1 or localhost\n");
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return plain(StatusCode::METHOD_NOT_ALLOWED, "these pages are only read: use GET\n");
        }
        if let Some(key) = request.uri().query().and_then(|query| query.strip_prefix("key=")) {
            if request.uri().path() == "/" && same(key, &self.key) {
                return self.let_in();
            }
        } else if cookie(request.headers()).is_some_and(|key| same(key, &self.key)) {
            let target = request.uri().path_and_query().map_or("/", |target| target.as_str()).to_owned();
            let make = Arc::clone(&self.make);
            return match spawn_blocking(move || make(&target)).await {
                Ok(page) => {
                    let status =
                        StatusCode::from_u16(page.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                    (status, page.media_type, page.body, HeaderMap::new())
                }
                Err(_) => plain(StatusCode::INTERNAL_SERVER_ERROR, "this page could not be made\n"),
            };
        }
        plain(StatusCode::FORBIDDEN, "open the link that `eosin console` printed: it holds the key\n")
    }

    /// Puts the key into a cookie, and out of the address.
    fn let_in(&self) -> (StatusCode, &'static str, String, HeaderMap) {
        let mut headers = HeaderMap::new();
        let cookie = format!("{COOKIE}={}; HttpOnly; SameSite=Strict; Path=/", self.key);
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            headers.insert(header::SET_COOKIE, cookie);
        }
        headers.insert(header::LOCATION, HeaderValue::from_static("/"));
        (StatusCode::SEE_OTHER, "text/plain; charset=utf-8", String::new(), headers)
    }

    /// Whether the request names this machine: a page of another site that has its name point here does not.
    fn is_here(&self, headers: &HeaderMap) -> bool {
        let mut hosts = headers.get_all(header::HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
        let host = host.to_str().unwrap_or_default();
        let (name, port) = host.rsplit_once(':').unwrap_or((host, ""));
        matches!(name, "127.0.0.1" | "localhost" | "[::1]") && port.parse() == Ok(self.port)
    }
}

/// The key that a request's cookie holds.
fn cookie(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    cookies
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(name, value)| (name == COOKIE).then_some(value))
}

/// Whether two keys are the same, in a time that does not depend on where they differ.
fn same(left: &str, right: &str) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(left.as_bytes(), right.as_bytes()).is_ok()
}
