//! One Bulk 2.0 upload of a gigabyte, judged row by row: how fast, and how much memory and processor time it takes.

use std::{io::sink, time::Instant};

use crate::{
    Options,
    cases::{Case, UPLOAD},
    cost::digits,
    load::{Client, make_job},
    peers::{Envoy, Nginx, Proxy, Scan},
    people::Contacts,
    role::{Role, memory, processor_time},
    subject::{self, Bounds},
};

pub(crate) fn print(options: &Options) {
    let bytes = options.scale.pick(1_000_000_000_u64, 8_000_000);
    let folder = tempfile::tempdir().unwrap();
    let mut upstream = Role::start(&["upstream"]);
    let behind = upstream.line();
    let bounds = options.scale.pick(Bounds::Suggested, Bounds::Small);
    let gateway = subject::start(&behind, &folder.path().join("gateway"), bounds);
    let envoy = options.envoy.as_deref().map(|path| Envoy::start(path, &behind, folder.path()));
    let nginx = options.nginx.as_deref().map(|path| Nginx::start(path, &behind, folder.path()));
    let mut proxies = vec![Proxy::gateway(&gateway)];
    proxies.extend(envoy.as_ref().map(|envoy| Proxy::envoy(envoy, Scan::Nothing)));
    proxies.extend(nginx.as_ref().map(Proxy::nginx));
    println!("| one upload | bytes | rows | seconds | MB/s | processor seconds | resident at most, MiB |");
    println!("|---|---|---|---|---|---|---|");
    for proxy in &proxies {
        let before = processor_time(proxy.process);
        let line = Role::run(&["upload", &proxy.address(Case::find("bulk")), &bytes.to_string()]);
        let words: Vec<f64> = line.split(' ').map(|word| word.parse().unwrap()).collect();
        let (sent, rows, seconds) = (words[0], words[1], words[2]);
        let used = processor_time(proxy.process).saturating_sub(before);
        println!(
            "| {} | {} | {} | {seconds:.1} | {:.1} | {:.1} | **{:.0}** |",
            proxy.name,
            digits(sent),
            digits(rows),
            sent / 1e6 / seconds,
            used.as_secs_f64(),
            memory(proxy.process, "VmHWM")
        );
    }
    println!();
}

/// The role: sends a table of at least so many bytes, made as it is sent, and prints bytes, rows and seconds.
pub(crate) fn send(address: &str, least: u64) {
    make_job(address);
    let (header, lines) = Contacts::new().table();
    let block = lines.concat();
    let blocks = least.div_ceil(block.len() as u64);
    let length = header.len() as u64 + blocks * block.len() as u64;
    let head = format!(
        "PUT {UPLOAD} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer bench\r\nContent-Type: text/csv\r\n\
         Content-Length: {length}\r\n\r\n"
    );
    let mut client = Client::connect(address);
    let begun = Instant::now();
    client.send(head.as_bytes());
    client.send(header.as_bytes());
    for _ in 0..blocks {
        client.send(block.as_bytes());
    }
    let status = client.status(&mut sink());
    assert_eq!(status, 201, "another answer than expected");
    println!("{length} {} {}", blocks * lines.len() as u64, begun.elapsed().as_secs_f64());
}
