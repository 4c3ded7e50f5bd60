//! A PostgreSQL server of Debian's package, in a folder of its own, reached by a socket in it.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use index::Place;

/// A server; it ends when it is dropped.
pub(crate) struct Server {
    folder: tempfile::TempDir,
    programs: PathBuf,
}

impl Server {
    /// Starts one, if PostgreSQL is installed here.
    pub(crate) fn start() -> Option<Self> {
        let programs = programs()?;
        let folder = tempfile::tempdir().unwrap();
        // PostgreSQL does not run as root: its own user must get in.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let server = Self { folder, programs };
        let data = server.data();
        server.told(
            "initdb",
            &["-D", &data, "-A", "trust", "-U", "eosin", "-E", "UTF8", "--locale=C.UTF-8", "-N"],
        );
        server.up();
        Some(server)
    }

    /// Starts it again.
    pub(crate) fn up(&self) {
        let data = self.data();
        let options =
            format!("-k {} -c listen_addresses= -F -c max_connections=10", self.folder.path().display());
        let log = self.folder.path().join("log");
        self.told(
            "pg_ctl",
            &["start", "-w", "-s", "-D", &data, "-l", &log.to_string_lossy(), "-o", &options],
        );
    }

    /// Stops it at once, as a machine that goes away.
    pub(crate) fn down(&self) {
        self.told("pg_ctl", &["stop", "-m", "immediate", "-s", "-D", &self.data()]);
    }

    /// Where an index is kept in it.
    pub(crate) fn place(&self) -> Place {
        Place::read(&self.url(), Path::new(""), None).unwrap()
    }

    /// The same as a URL.
    pub(crate) fn url(&self) -> String {
        let socket = self.folder.path().to_string_lossy().replace('/', "%2F");
        format!("postgres://eosin@{socket}/postgres")
    }

    fn data(&self) -> String {
        self.folder.path().join("data").to_string_lossy().into_owned()
    }

    fn told(&self, program: &str, arguments: &[&str]) {
        let output = self.run(program, arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {arguments:?}: {said}");
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Output {
        let program = self.programs.join(program);
        let is_root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
        let mut command = if is_root {
            let mut command = Command::new("setpriv");
            command.args(["--reuid", "postgres", "--regid", "postgres", "--clear-groups", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.args(arguments).current_dir(self.folder.path()).output().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.run("pg_ctl", &["stop", "-m", "immediate", "-s", "-D", &self.data()]));
    }
}

/// Where Debian puts the programs of the newest PostgreSQL that is installed.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let mut found: Vec<PathBuf> = versions
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .filter(|folder| folder.join("initdb").exists() && folder.join("pg_ctl").exists())
        .collect();
    found.sort();
    found.pop()
}
