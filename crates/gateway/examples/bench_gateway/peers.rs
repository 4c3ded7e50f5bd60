//! The proxies that are measured: the gateway, and beside it Envoy and nginx as they pass through, and Envoy with a body scan.

use std::{
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{cases::Case, subject::Subject};

/// Worker threads or processes of every proxy.
pub(crate) const WORKERS: usize = 2;

/// One column of the tables.
pub(crate) struct Proxy {
    pub(crate) name: &'static str,
    /// Whether it is the gateway.
    pub(crate) judges: bool,
    pub(crate) process: u32,
    address: Box<dyn Fn(&Case) -> String>,
}

impl Proxy {
    pub(crate) fn gateway(gateway: &Subject) -> Self {
        let addresses = gateway.addresses.clone();
        let address = Box::new(move |case: &Case| addresses[case.boundary].clone());
        Self { name: "gateway", judges: true, process: gateway.role.process(), address }
    }

    pub(crate) fn envoy(envoy: &Envoy, scan: Scan) -> Self {
        let plain = envoy.plain.clone();
        let (requests, answers) = (envoy.scans_requests.clone(), envoy.scans_answers.clone());
        let address = Box::new(move |case: &Case| match scan {
            Scan::Nothing => plain.clone(),
            Scan::Bodies if case.method == "GET" => answers.clone(),
            Scan::Bodies => requests.clone(),
        });
        let name = if scan == Scan::Nothing { "Envoy" } else { "Envoy, Lua scan" };
        Self { name, judges: false, process: envoy.child.id(), address }
    }

    pub(crate) fn nginx(nginx: &Nginx) -> Self {
        let address = nginx.address.clone();
        let address = Box::new(move |_: &Case| address.clone());
        Self { name: "nginx", judges: false, process: nginx.child.id(), address }
    }

    /// Where it takes this case.
    pub(crate) fn address(&self, case: &Case) -> String {
        (self.address)(case)
    }
}

/// What Envoy looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scan {
    Nothing,
    /// The request's, or that of the answer to a `GET`: held whole, and one text looked for.
    Bodies,
}

/// Envoy with three listeners.
pub(crate) struct Envoy {
    child: Child,
    plain: String,
    scans_requests: String,
    scans_answers: String,
}

/// The largest body that Lua holds: the gateway's own bound.
const LUA_BYTES: usize = 100 * 1024 * 1024;

impl Envoy {
    pub(crate) fn start(program: &str, upstream: &str, folder: &Path) -> Self {
        version(program, "--version");
        let [plain, scans_requests, scans_answers] = [(); 3].map(|()| free_address());
        let listeners = [
            listener("plain", &plain, "plain", ""),
            listener("requests", &scans_requests, "roomy", &lua("envoy_on_request")),
            listener("answers", &scans_answers, "roomy", &lua("envoy_on_response")),
        ];
        let room = format!("per_connection_buffer_limit_bytes: {LUA_BYTES}, ");
        let clusters = [cluster("plain", "", upstream), cluster("roomy", &room, upstream)];
        let text = format!(
            "static_resources:\n  listeners:\n{}  clusters:\n{}",
            listeners.concat(),
            clusters.concat()
        );
        let path = folder.join("envoy.yaml");
        ledger::durable::replace(&path, text.as_bytes()).unwrap();
        let child = Command::new(program)
            .args(["--disable-hot-restart", "--log-level", "error", "--concurrency", &WORKERS.to_string()])
            .arg("-c")
            .arg(&path)
            .spawn()
            .unwrap();
        await_listener(&scans_answers);
        Self { child, plain, scans_requests, scans_answers }
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn listener(name: &str, address: &str, cluster: &str, filter: &str) -> String {
    let port = address.rsplit(':').next().unwrap();
    let room = if filter.is_empty() {
        String::new()
    } else {
        format!("    per_connection_buffer_limit_bytes: {LUA_BYTES}\n")
    };
    format!(
        r#"  - name: {name}
    address: {{ socket_address: {{ address: 127.0.0.1, port_value: {port} }} }}
{room}    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: {name}
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes: [{{ match: {{ prefix: "/" }}, route: {{ cluster: {cluster}, timeout: 0s }} }}]
          http_filters:
{filter}          - name: envoy.filters.http.router
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
"#
    )
}

/// A filter that holds a body whole and looks for a text in it.
fn lua(moment: &str) -> String {
    format!(
        r#"          - name: envoy.filters.http.lua
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua
              default_source_code:
                inline_string: |
                  function {moment}(handle)
                    local body = handle:body()
                    if body and string.find(body:getBytes(0, body:length()), "Nobody-By-This-Name", 1, true) then
                      handle:logErr("found")
                    end
                  end
"#
    )
}

fn cluster(name: &str, room: &str, upstream: &str) -> String {
    let (host, port) = upstream.rsplit_once(':').unwrap();
    format!(
        r"  - {{ name: {name}, type: STATIC, {room}load_assignment: {{ cluster_name: {name}, endpoints: [{{ lb_endpoints: [{{ endpoint: {{ address: {{ socket_address: {{ address: {host}, port_value: {port} }} }} }} }}] }}] }} }}
"
    )
}

/// nginx as a plain proxy that holds no request.
pub(crate) struct Nginx {
    child: Child,
    address: String,
}

impl Nginx {
    pub(crate) fn start(program: &str, upstream: &str, folder: &Path) -> Self {
        version(program, "-v");
        let address = free_address();
        let folder = folder.to_str().unwrap();
        let text = format!(
            "daemon off; worker_processes {WORKERS}; pid {folder}/nginx.pid; error_log {folder}/error.log;\n\
             events {{ worker_connections 1024; }}\n\
             http {{ access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p;\n\
             fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;\n\
             keepalive_requests 1000000; keepalive_timeout 600s; client_max_body_size 0;\n\
             proxy_request_buffering off; proxy_max_temp_file_size 0;\n\
             upstream behind {{ server {upstream}; keepalive 64; keepalive_requests 1000000; }}\n\
             server {{ listen {address}; location / {{ proxy_pass http://behind; proxy_http_version 1.1;\n\
             proxy_set_header Connection \"\"; }} }} }}\n"
        );
        let path = format!("{folder}/nginx.conf");
        ledger::durable::replace(Path::new(&path), text.as_bytes()).unwrap();
        let child =
            Command::new(program).args(["-c", &path, "-p", folder]).stderr(Stdio::null()).spawn().unwrap();
        await_listener(&address);
        Self { child, address }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let quit = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        assert!(quit.unwrap().success());
        self.child.wait().unwrap();
    }
}

/// Prints what a peer says it is, above the tables.
fn version(program: &str, option: &str) {
    let output = Command::new(program).arg(option).output().unwrap();
    for text in [output.stdout, output.stderr] {
        let text = String::from_utf8(text).unwrap();
        if !text.trim().is_empty() {
            println!("{}\n", text.trim().trim_start_matches(program).trim());
        }
    }
}

fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

fn await_listener(address: &str) {
    let begun = Instant::now();
    while TcpStream::connect(address).is_err() {
        assert!(begun.elapsed() < Duration::from_secs(30), "a peer does not come up");
        thread::sleep(Duration::from_millis(5));
    }
}
