//! Processor time a request and requests a second, in turns, with ratios.

use crate::{
    Scale,
    cases::Case,
    peers::Proxy,
    role::{Role, processor_time},
};

/// Rounds that are measured; one more before them warms up.
const ROUNDS: usize = 5;

/// Medians of one case at one proxy.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    /// Microseconds of processor time a request.
    pub(crate) microseconds: f64,
    /// Requests a second.
    pub(crate) a_second: f64,
}

/// Runs every case at every proxy in turns: rows are cases, columns proxies.
pub(crate) fn measure(cases: &[&Case], proxies: &[Proxy], scale: Scale) -> Vec<Vec<Cost>> {
    let rounds = scale.pick(ROUNDS, 1);
    cases
        .iter()
        .map(|case| {
            let mut runs: Vec<Vec<Cost>> = proxies.iter().map(|_| Vec::new()).collect();
            for round in 0..=rounds {
                for (proxy, runs) in proxies.iter().zip(&mut runs) {
                    let count = case.requests(scale);
                    if round == 0 {
                        run(case, proxy, scale, count.div_ceil(10));
                    } else {
                        runs.push(run(case, proxy, scale, count));
                    }
                }
            }
            runs.iter().map(|runs| median(runs)).collect()
        })
        .collect()
}

fn run(case: &Case, proxy: &Proxy, scale: Scale, count: usize) -> Cost {
    let before = processor_time(proxy.process);
    let words = ["closed", &proxy.address(case), case.name, scale.word(), &count.to_string()];
    let took: f64 = Role::run(&words).parse().unwrap();
    let used = processor_time(proxy.process).saturating_sub(before);
    let count = count as f64;
    Cost { microseconds: used.as_secs_f64() * 1e6 / count, a_second: count / took }
}

fn median(runs: &[Cost]) -> Cost {
    let middle = |of: fn(&Cost) -> f64| {
        let mut values: Vec<f64> = runs.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    Cost { microseconds: middle(|run| run.microseconds), a_second: middle(|run| run.a_second) }
}

pub(crate) fn print(cases: &[&Case], proxies: &[Proxy], measured: &[Vec<Cost>], scale: Scale) {
    let names: Vec<&str> = proxies.iter().map(|proxy| proxy.name).collect();
    let mut head = vec!["µs a request".to_owned(), "bytes".to_owned(), "requests a round".to_owned()];
    head.extend(names.iter().map(|name| (*name).to_owned()));
    head.extend(names[1..].iter().map(|name| format!("beside {name}")));
    println!("Processor time of the proxy alone; median of {} rounds.\n", scale.pick(ROUNDS, 1));
    row(&head);
    row(&vec!["---".to_owned(); head.len()]);
    for (case, costs) in cases.iter().zip(measured) {
        let bytes = digits(case.body(scale).len() as f64);
        let mut cells = vec![case.title.to_owned(), bytes, digits(case.requests(scale) as f64)];
        cells.extend(costs.iter().map(|cost| digits(cost.microseconds)));
        let own = costs[0].microseconds;
        cells.extend(costs[1..].iter().map(|cost| format!("**{:.2}**", own / cost.microseconds)));
        row(&cells);
    }
    println!();
    let mut head = vec!["requests a second".to_owned(), "connections".to_owned()];
    head.extend(names.iter().map(|name| (*name).to_owned()));
    row(&head);
    row(&vec!["---".to_owned(); head.len()]);
    for (case, costs) in cases.iter().zip(measured) {
        let mut cells = vec![case.title.to_owned(), case.connections.to_string()];
        cells.extend(costs.iter().map(|cost| digits(cost.a_second)));
        row(&cells);
    }
    println!();
}

fn row(cells: &[String]) {
    println!("| {} |", cells.join(" | "));
}

/// A number as the tables have it: thousands marked, and one place after the point if it is small.
pub(crate) fn digits(value: f64) -> String {
    if value < 100.0 && value.fract() != 0.0 {
        return format!("{value:.1}");
    }
    let text = format!("{value:.0}");
    let groups: Vec<&str> =
        text.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap()).collect();
    groups.join(",")
}
