//! Latency at half load: each proxy at half of what it answered at most, beside the upstream alone at the same rate.

use crate::{
    Scale,
    cases::Case,
    cost::{Cost, digits},
    peers::Proxy,
    role::Role,
};

/// How long requests come in, where this gives enough of them.
const SECONDS: f64 = 10.0;
const SAMPLES_LEAST: usize = 300;

pub(crate) fn print(
    cases: &[&Case],
    proxies: &[Proxy],
    measured: &[Vec<Cost>],
    upstream: &str,
    scale: Scale,
) {
    println!("| latency at half load, ms | | requests/s | samples | p50 | p99 | added p50 | added p99 |");
    println!("|---|---|---|---|---|---|---|---|");
    for (case, costs) in cases.iter().zip(measured) {
        for (proxy, cost) in proxies.iter().zip(costs) {
            let rate = cost.a_second / 2.0;
            let samples = scale.pick(((rate * SECONDS) as usize).max(SAMPLES_LEAST), 20);
            let alone = percentiles(upstream, case, scale, samples, rate);
            let through = percentiles(&proxy.address(case), case, scale, samples, rate);
            println!(
                "| {} | {} | {} | {samples} | {:.2} | {:.2} | **{:.2}** | **{:.2}** |",
                case.title,
                proxy.name,
                digits(rate),
                through.0,
                through.1,
                through.0 - alone.0,
                through.1 - alone.1
            );
        }
    }
    println!();
}

/// p50 and p99 in milliseconds.
fn percentiles(address: &str, case: &Case, scale: Scale, samples: usize, rate: f64) -> (f64, f64) {
    let words = ["open", address, case.name, scale.word(), &samples.to_string(), &rate.to_string()];
    let line = Role::run(&words);
    let (p50, p99) = line.split_once(' ').unwrap();
    let milliseconds = |text: &str| text.parse::<f64>().unwrap() / 1000.0;
    (milliseconds(p50), milliseconds(p99))
}
