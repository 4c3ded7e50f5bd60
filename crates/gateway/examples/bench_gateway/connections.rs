//! Memory of a gateway with many connections: most of them idle, the others each with a request under way.

use std::{io::sink, sync::Arc, time::Instant};

use crate::{
    Scale,
    cases::Case,
    cost::digits,
    load::{Client, each},
    role::{self, Role, memory},
    subject::{self, Bounds},
};

/// Connections that were answered once and stay.
fn idle(scale: Scale) -> usize {
    scale.pick(10_000, 200)
}

/// Connections that ask, and how often.
fn busy(scale: Scale) -> (usize, usize) {
    scale.pick((2_000, 20), (40, 2))
}

/// Threads that serve the busy connections, each its share: all ask before any answer is read.
const THREADS: usize = 8;
/// MiB, by the goal.
const GOAL: f64 = 512.0;

pub(crate) fn print(scale: Scale) {
    let folder = tempfile::tempdir().unwrap();
    let mut upstream = Role::start(&["upstream"]);
    let behind = upstream.line();
    let gateway = subject::start(&behind, &folder.path().join("gateway"), Bounds::Crowd);
    let process = gateway.role.process();
    let fresh = memory(process, "VmRSS");
    let mut clients = Role::start(&["hold", &gateway.addresses["ehr"], scale.word()]);
    clients.line();
    let with_idle = memory(process, "VmRSS");
    clients.go_on();
    let seconds: f64 = clients.line().parse().unwrap();
    let (with_busy, peak) = (memory(process, "VmRSS"), memory(process, "VmHWM"));
    let (connections, rounds) = busy(scale);
    println!("| resident memory of the gateway, MiB | |");
    println!("|---|---|");
    println!("| without connections | {fresh:.0} |");
    println!("| {} idle, each answered once | {with_idle:.0} |", digits(idle(scale) as f64));
    println!("| and {} busy, FHIR POSTs of 2.2 KB, judged | {with_busy:.0} |", digits(connections as f64));
    println!("| at most | **{peak:.0}** |\n");
    println!(
        "All {} busy requests were answered, {} a second; the goal, {GOAL} MiB, is {}.\n",
        digits((connections * rounds) as f64),
        digits((connections * rounds) as f64 / seconds),
        if peak <= GOAL { "met" } else { "**missed**" }
    );
}

/// The role: holds the idle ones, waits, and keeps the busy ones busy.
pub(crate) fn hold(address: &str, scale: Scale) {
    let case = Case::find("fhir");
    let request = Arc::new(case.request(address, scale));
    let mut held: Vec<Client> = (0..idle(scale))
        .map(|_| {
            let mut client = Client::connect(address);
            client.ask(&request, case.status);
            client
        })
        .collect();
    role::pause("idle");
    let (connections, rounds) = busy(scale);
    let mut shares: Vec<Vec<Client>> = (0..THREADS).map(|_| Vec::new()).collect();
    for at in 0..connections {
        shares[at % THREADS].push(Client::connect(address));
    }
    let begun = Instant::now();
    let again = Arc::clone(&request);
    let shares = each(shares, move |mut share| {
        for _ in 0..rounds {
            for client in &mut share {
                client.send(&request);
            }
            for client in &mut share {
                assert_eq!(client.status(&mut sink()), case.status);
            }
        }
        share
    });
    let seconds = begun.elapsed().as_secs_f64();
    // The idle ones are still served.
    if let Some(client) = held.first_mut() {
        client.ask(&again, case.status);
    }
    role::pause(seconds);
    drop((held, shares));
}
