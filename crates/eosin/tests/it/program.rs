//! The binary as a child process, and a plain HTTP client for what it serves.

use std::{
    fmt::Write as _,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, Command, Output, Stdio},
    sync::{Arc, Mutex},
    thread::JoinHandle,
};

/// `eosin` with these arguments, in this folder, to its end.
pub(crate) fn eosin(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().unwrap()
}

/// Its standard output, after checking the exit code.
pub(crate) fn said(folder: &Path, arguments: &[&str], code: i32) -> String {
    let output = eosin(folder, arguments);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "eosin {arguments:?}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_eosin"));
    command
        .args(arguments)
        .current_dir(folder)
        .env_remove("NO_COLOR")
        .env("EOSIN_LOG", "trace")
        .env("USER", "tests");
    command
}

/// A server of the binary: its output is collected, and it is told to end when dropped.
pub(crate) struct Server {
    child: Child,
    output: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
}

impl Server {
    /// Starts it and waits until it has said `ready`.
    pub(crate) fn start(folder: &Path, arguments: &[&str], ready: &str) -> Self {
        let mut child =
            command(folder, arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let output = Arc::new(Mutex::new(String::new()));
        let (told, heard) = std::sync::mpsc::channel();
        let errors = child.stderr.take().unwrap();
        let collected = Arc::clone(&output);
        let quiet = std::thread::spawn(move || {
            for line in BufReader::new(errors).lines().map_while(Result::ok) {
                writeln!(collected.lock().unwrap(), "{line}").unwrap();
            }
        });
        let lines = child.stdout.take().unwrap();
        let collected = Arc::clone(&output);
        let wanted = ready.to_owned();
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(lines).lines().map_while(Result::ok) {
                writeln!(collected.lock().unwrap(), "{line}").unwrap();
                if line.contains(&wanted) {
                    told.send(()).ok();
                }
            }
        });
        let server = Self { child, output, readers: vec![quiet, reader] };
        assert!(heard.recv().is_ok(), "it ended before it was ready: {}", server.output());
        server
    }

    /// What it has printed so far, both streams.
    pub(crate) fn output(&self) -> String {
        self.output.lock().unwrap().clone()
    }

    /// The first `http://…` or `https://…` address on a line that contains `what`.
    pub(crate) fn address(&self, what: &str) -> SocketAddr {
        let output = self.output();
        let line = output.lines().find(|line| line.contains(what)).expect("the address is printed");
        let (_, after) = line.split_once("://").expect("a URL");
        let end = after.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == ':')).unwrap_or(after.len());
        after[..end].parse().unwrap()
    }

    /// Tells it to end and gives back everything it printed.
    pub(crate) fn stop(mut self) -> String {
        self.terminate();
        assert!(self.child.wait().unwrap().success(), "it ended badly: {}", self.output());
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
        self.output()
    }

    /// Tells it to end.
    pub(crate) fn terminate(&self) {
        Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.child.try_wait().ok().flatten().is_none() {
            self.child.kill().ok();
            self.child.wait().ok();
        }
    }
}

/// One HTTP/1.1 exchange.
pub(crate) fn http(
    address: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    let mut head = format!("{method} {target} HTTP/1.1\r\nconnection: close\r\n");
    if headers.iter().all(|(name, _)| *name != "host") {
        write!(head, "host: {address}\r\n").unwrap();
    }
    for (name, value) in headers {
        write!(head, "{name}: {value}\r\n").unwrap();
    }
    write!(head, "content-length: {}\r\n\r\n", body.len()).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    // A server that refuses early may close before it has read everything.
    stream.write_all(body).ok();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    (status, answer)
}
