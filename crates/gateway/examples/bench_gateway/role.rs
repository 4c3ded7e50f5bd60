//! This program in another role, as a process of its own, and what the system says a process used.

use std::{
    fmt::Display,
    io::{BufRead, BufReader, Read, Write},
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

/// A role that runs; it ends when its input does.
pub(crate) struct Role {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Role {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg("role")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    /// Runs a role to its end; what it printed.
    pub(crate) fn run(arguments: &[&str]) -> String {
        let mut role = Self::start(arguments);
        let mut text = String::new();
        role.lines.by_ref().take(1 << 16).read_to_string(&mut text).unwrap();
        assert!(role.child.wait().unwrap().success(), "{arguments:?}");
        text.trim().to_owned()
    }

    /// The next line that it prints.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.by_ref().take(1000).read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "a role ended early");
        line.trim().to_owned()
    }

    /// Lets a role go on that waits in [`pause`].
    pub(crate) fn go_on(&mut self) {
        self.child.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    }

    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        self.child.wait().unwrap();
    }
}

/// Within a role: says a line and waits for a sign, or for the end of the input.
pub(crate) fn pause(line: impl Display) {
    println!("{line}");
    std::io::stdin().lock().take(1).read_to_end(&mut Vec::new()).unwrap();
}

/// User and system time of a process and its children.
pub(crate) fn processor_time(process: u32) -> Duration {
    let stat = small(&format!("/proc/{process}/stat"));
    let after_name = stat.rsplit(')').next().unwrap();
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks: u64 = fields[11..13].iter().map(|field| field.parse::<u64>().unwrap()).sum();
    // Linux counts in hundredths of a second on every machine of today.
    Duration::from_millis(ticks * 10) + children(process).map(processor_time).sum::<Duration>()
}

/// A line of /proc/PID/status in MiB, with that of the children: `VmHWM` is the most that was resident, `VmRSS` what is.
pub(crate) fn memory(process: u32, name: &str) -> f64 {
    let status = small(&format!("/proc/{process}/status"));
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
    let kibibytes: f64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    kibibytes / 1024.0 + children(process).map(|child| memory(child, name)).sum::<f64>()
}

fn children(process: u32) -> impl Iterator<Item = u32> {
    let text = small(&format!("/proc/{process}/task/{process}/children"));
    text.split_whitespace().map(|child| child.parse().unwrap()).collect::<Vec<_>>().into_iter()
}

fn small(path: &str) -> String {
    let mut text = String::new();
    std::fs::File::open(path).unwrap().take(1 << 16).read_to_string(&mut text).unwrap();
    text
}
