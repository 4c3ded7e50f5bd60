//! Pages for a person's browser, on a listener of their own, for this machine or behind a proxy on it that speaks TLS.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use tokio::{
    net::TcpListener,
    sync::watch,
    task::{JoinHandle, spawn_blocking},
    time::timeout,
};

use crate::{
    head::cookie,
    side::{self, Peer},
    upstream::names_this_machine,
};

mod programs;

pub use programs::{MakeProgramAnswer, PROGRAM_BODY_BYTES_MAX, ProgramAnswer, ProgramRequest};

/// Connections open at one time: a person's browser opens six.
const CONNECTIONS_MAX: usize = 64;
/// The cookie that holds the key or the session; where only TLS is spoken, with the prefix that browsers enforce.
const COOKIE: &str = "eosin_console";
const SECURE_COOKIE: &str = "__Host-eosin_console";
/// Bytes of the id of an event.
const LAST_EVENT_MAX: usize = 1024;
/// Bytes of a form at most, and seconds for its arrival.
const FORM_BYTES_MAX: usize = 512 * 1024;
const FORM_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(10);
/// What a page may load and do: its own style, icon, script and forms, and nothing else.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; \
     connect-src 'self'; form-action 'self'; \
     base-uri 'none'; frame-ancestors 'none'";

/// What somebody asks for.
#[derive(Clone, Debug)]
pub struct PageRequest {
    /// The path and the query.
    pub target: String,
    /// The form that was posted; nothing where the page is only read.
    pub form: Option<String>,
    /// What the cookie holds.
    pub cookie: Option<String>,
    /// The token of an `Authorization: Bearer`.
    pub bearer: Option<String>,
    /// The event that a browser had last, where it asks for events.
    pub last_event: Option<String>,
    /// Who asks, as far as the network says.
    pub address: IpAddr,
    /// The method: `GET`, `HEAD` or `POST`.
    pub method: Method,
    /// The span that it comes from, if it names one.
    pub traced_by: Option<telemetry::Context>,
}

/// What becomes of the browser's cookie.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Cookie {
    /// Nothing.
    #[default]
    Keep,
    /// It holds this from now on.
    Set(String),
    /// It is taken away.
    Clear,
}

/// A page, or a part of one.
#[derive(Clone, Debug)]
pub struct PageAnswer {
    /// The status of HTTP.
    pub status: u16,
    /// The media type.
    pub media_type: &'static str,
    /// The body.
    pub body: String,
    /// Where the browser goes instead: a target of these pages, or where somebody signs in.
    pub location: Option<String>,
    /// What becomes of its cookie.
    pub cookie: Cookie,
}

/// Makes the answer to a request; it may block.
pub type MakePage = Arc<dyn Fn(&PageRequest) -> PageAnswer + Send + Sync>;

/// Who gets in.
#[derive(Clone)]
pub enum Entry {
    /// Whoever has the key, on this machine, and only to read.
    Key(String),
    /// Whoever the maker of the pages lets in.
    SignIn {
        /// The host that browsers ask for at a proxy on this machine, which speaks TLS for it.
        secure_host: Option<String>,
    },
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.write_str(match self {
            Self::Key(_) => "Key(…)",
            Self::SignIn { .. } => "SignIn",
        })
    }
}

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
    /// Serves pages, and what programs ask where somebody makes their answers: `/api/…`, `/healthz`, `/readyz` and `/metrics`.
    ///
    /// Shape:  with a key, `/?key=KEY` puts it into a cookie, everything else wants that cookie, and only `GET` and `HEAD` are
    ///         answered. Without one, the maker sees every request, and forms may be posted from these pages themselves.
    ///         A request that names another host is not answered, so that no other site can have its name point here.
    ///         Programs name the same host, and their maker sees every method and decides who may ask.
    /// Bounds: 64 connections; 512 KiB a form: a page may carry the text of policies; 1 MiB a body of a program; the key is
    ///         compared without telling how much of it fits.
    /// Errors: [`PageServerError`].
    pub async fn start(
        listen: SocketAddr,
        entry: Entry,
        make: MakePage,
        programs: Option<MakeProgramAnswer>,
    ) -> Result<Self, PageServerError> {
        if !listen.ip().is_loopback() {
            return Err(PageServerError::NotLoopback(listen));
        }
        let failed = |error| PageServerError::Listen(listen, error);
        let listener = TcpListener::bind(listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (stop, stopped) = watch::channel(false);
        let door = Arc::new(Door { entry, port: address.port(), make, programs });
        let answer = move |request: Request<Incoming>| {
            let door = Arc::clone(&door);
            async move { door.answer(request).await }
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
    entry: Entry,
    port: u16,
    make: MakePage,
    programs: Option<MakeProgramAnswer>,
}

impl Door {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        if let Some(make) = &self.programs
            && programs::is_for_programs(request.uri().path())
            && self.is_here(request.headers())
        {
            return self.answer_program(request, Arc::clone(make)).await;
        }
        let is_head = request.method() == Method::HEAD;
        let found = self.find(request).await;
        let length = HeaderValue::from(found.body.len());
        let mut response = Response::new(Full::from(if is_head { String::new() } else { found.body }));
        *response.status_mut() =
            StatusCode::from_u16(found.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_LENGTH, length);
        for (name, value) in [
            (header::CONTENT_TYPE, found.media_type),
            (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
            // Not `no-referrer`: with it a browser says that a form comes from nowhere.
            (header::REFERRER_POLICY, "same-origin"),
            (header::CACHE_CONTROL, "no-store"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        self.secure(headers);
        if let Some(location) = found.location.and_then(|target| HeaderValue::from_str(&target).ok()) {
            headers.insert(header::LOCATION, location);
        }
        if let Some(cookie) = self.set_cookie(&found.cookie) {
            headers.insert(header::SET_COOKIE, cookie);
        }
        response
    }

    /// What every answer says, whoever asked: it is what it says it is, and where only TLS is spoken, that is so.
    fn secure(&self, headers: &mut HeaderMap) {
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if self.secure_host().is_some() {
            let year = HeaderValue::from_static("max-age=31536000");
            headers.insert(header::STRICT_TRANSPORT_SECURITY, year);
        }
    }

    async fn find(&self, request: Request<Incoming>) -> PageAnswer {
        if !self.is_here(request.headers()) {
            return plain(
                StatusCode::MISDIRECTED_REQUEST,
                "ask for this page by the name it is served under\n",
            );
        }
        let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
        match &self.entry {
            Entry::Key(_) if !is_read => {
                return plain(StatusCode::METHOD_NOT_ALLOWED, "these pages are only read: use GET\n");
            }
            Entry::Key(key) => {
                if let Some(shown) = request.uri().query().and_then(|query| query.strip_prefix("key=")) {
                    if request.uri().path() == "/" && same(shown, key) {
                        return let_in(key);
                    }
                    return no_key();
                }
                if !self.cookie(request.headers()).is_some_and(|shown| same(shown, key)) {
                    return no_key();
                }
            }
            Entry::SignIn { .. } if is_read => {}
            Entry::SignIn { .. } if *request.method() != Method::POST => {
                return plain(
                    StatusCode::METHOD_NOT_ALLOWED,
                    "these pages are read, and their forms posted\n",
                );
            }
            Entry::SignIn { .. } => {
                if !self.is_from_here(request.headers()) {
                    return plain(StatusCode::FORBIDDEN, "this form was not sent from one of these pages\n");
                }
            }
        }
        match self.read(request, is_read).await {
            Ok(asked) => self.made(asked).await,
            Err(refused) => refused,
        }
    }

    async fn read(&self, request: Request<Incoming>, is_read: bool) -> Result<PageRequest, PageAnswer> {
        let (head, body) = request.into_parts();
        let traced_by = crate::traced::before(&head.headers);
        let bearer = head.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let bearer = bearer.and_then(|value| value.strip_prefix("Bearer ")).map(str::to_owned);
        let form = if is_read {
            None
        } else {
            let is_form = head.headers.get(header::CONTENT_TYPE).is_some_and(|kind| {
                kind.as_bytes().to_ascii_lowercase().starts_with(b"application/x-www-form-urlencoded")
            });
            if !is_form {
                return Err(plain(
                    StatusCode::UNSUPPORTED_MEDIA_TYPE,
                    "a form is posted as a browser does it\n",
                ));
            }
            let collected = timeout(FORM_TIMEOUT, Limited::new(body, FORM_BYTES_MAX).collect()).await;
            let Ok(Ok(collected)) = collected else {
                return Err(plain(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    "the form is too long, or came too slowly\n",
                ));
            };
            Some(String::from_utf8_lossy(&collected.to_bytes()).into_owned())
        };
        Ok(PageRequest {
            target: head.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned(),
            form,
            cookie: self.cookie(&head.headers).map(str::to_owned),
            bearer,
            last_event: head
                .headers
                .get("last-event-id")
                .and_then(|id| id.to_str().ok())
                .filter(|id| id.len() <= LAST_EVENT_MAX)
                .map(str::to_owned),
            address: self.asker(&head.headers, head.extensions.get::<Peer>().copied()),
            method: head.method,
            traced_by,
        })
    }

    async fn made(&self, asked: PageRequest) -> PageAnswer {
        let make = Arc::clone(&self.make);
        let answer = spawn_blocking(move || make(&asked)).await;
        answer.unwrap_or_else(|_| plain(StatusCode::INTERNAL_SERVER_ERROR, "this page could not be made\n"))
    }

    fn secure_host(&self) -> Option<&str> {
        match &self.entry {
            Entry::SignIn { secure_host } => secure_host.as_deref(),
            Entry::Key(_) => None,
        }
    }

    /// Whether the request names the host that these pages are served under, and no other.
    fn is_here(&self, headers: &HeaderMap) -> bool {
        let mut hosts = headers.get_all(header::HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
        let host = host.to_str().unwrap_or_default();
        if let Some(secure) = self.secure_host() {
            return host.eq_ignore_ascii_case(secure);
        }
        let (name, port) = host.rsplit_once(':').unwrap_or((host, ""));
        names_this_machine(name) && port.parse() == Ok(self.port)
    }

    /// Whether a form comes from one of these pages: what browsers say of its origin does not contradict.
    fn is_from_here(&self, headers: &HeaderMap) -> bool {
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let scheme = if self.secure_host().is_some() { "https" } else { "http" };
        let ours = format!("{scheme}://{host}");
        let origin = headers.get(header::ORIGIN).map(HeaderValue::as_bytes);
        let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
        origin.is_none_or(|origin| origin.eq_ignore_ascii_case(ours.as_bytes()))
            && site.is_none_or(|site| site == b"same-origin" || site == b"none")
    }

    /// Who asks: the other end of the connection, or whom the proxy on this machine names last.
    fn asker(&self, headers: &HeaderMap, peer: Option<Peer>) -> IpAddr {
        let peer = peer.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |peer| peer.0.ip());
        if self.secure_host().is_none() {
            return peer;
        }
        let named = headers.get_all("x-forwarded-for").iter().next_back();
        let named = named.and_then(|value| value.to_str().ok()).and_then(|value| value.rsplit(',').next());
        named.and_then(|address| address.trim().parse().ok()).unwrap_or(peer)
    }

    fn cookie_name(&self) -> &'static str {
        if self.secure_host().is_some() { SECURE_COOKIE } else { COOKIE }
    }

    /// What a request's cookie holds.
    fn cookie<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        cookie(headers, self.cookie_name())
    }

    fn set_cookie(&self, cookie: &Cookie) -> Option<HeaderValue> {
        // A link in a message leads to these pages with `Lax`; what changes anything is posted, and `Lax` keeps it from those.
        let (site, secure) = match &self.entry {
            Entry::Key(_) => ("Strict", ""),
            Entry::SignIn { secure_host: None } => ("Lax", ""),
            Entry::SignIn { secure_host: Some(_) } => ("Lax", "; Secure"),
        };
        let name = self.cookie_name();
        let text = match cookie {
            Cookie::Keep => return None,
            Cookie::Set(value) => format!("{name}={value}; HttpOnly; SameSite={site}; Path=/{secure}"),
            Cookie::Clear => format!("{name}=; HttpOnly; SameSite={site}; Path=/; Max-Age=0{secure}"),
        };
        HeaderValue::from_str(&text).ok()
    }
}

fn plain(status: StatusCode, text: &str) -> PageAnswer {
    PageAnswer {
        status: status.as_u16(),
        media_type: "text/plain; charset=utf-8",
        body: text.to_owned(),
        location: None,
        cookie: Cookie::Keep,
    }
}

fn no_key() -> PageAnswer {
    plain(StatusCode::FORBIDDEN, "open the link that `eosin console` printed: it holds the key\n")
}

/// Puts the key into a cookie, and out of the address.
fn let_in(key: &str) -> PageAnswer {
    let mut answer = plain(StatusCode::SEE_OTHER, "");
    answer.location = Some("/".to_owned());
    answer.cookie = Cookie::Set(key.to_owned());
    answer
}

/// Whether two keys are the same, in a time that does not depend on where they differ.
fn same(left: &str, right: &str) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(left.as_bytes(), right.as_bytes()).is_ok()
}
