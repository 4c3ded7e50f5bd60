//! Counters in the Prometheus text format. No label holds content: boundary, action and outcome only.

use std::{
    collections::BTreeMap,
    fmt,
    fmt::Write as _,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use mark::VerdictName;

/// What the gateway counts.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    state: Mutex<State>,
    others: Mutex<Vec<Teller>>,
}

/// What another shell of the same process counts.
struct Teller(Box<dyn Fn() -> String + Send + Sync>);

impl fmt::Debug for Teller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Teller")
    }
}

#[derive(Debug, Default)]
struct State {
    /// By boundary, entrance, outcome.
    requests: BTreeMap<(String, &'static str, &'static str), u64>,
    /// By boundary, outcome, verdict: single records.
    records: BTreeMap<(String, &'static str, &'static str), u64>,
    /// By boundary and status.
    answers: BTreeMap<(String, u16), u64>,
    /// By boundary: how long `flow` took, from a whole body to a durable ruling.
    ruling: BTreeMap<String, Histogram>,
    /// By boundary.
    connections: BTreeMap<String, u64>,
}

#[derive(Debug, Default)]
struct Histogram {
    counts: [u64; BUCKETS_MS.len()],
    over: u64,
    sum: Duration,
}

/// Upper bounds of the ruling time's buckets, in milliseconds.
const BUCKETS_MS: [u64; 10] = [1, 2, 5, 10, 20, 50, 100, 250, 1000, 5000];

impl Metrics {
    pub(crate) fn request(&self, boundary: &str, entrance: &'static str, outcome: &'static str, status: u16) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state.requests.entry((boundary.to_owned(), entrance, outcome)).or_default() += 1;
        *state.answers.entry((boundary.to_owned(), status)).or_default() += 1;
    }

    /// Counts records by verdict, as the provenance that `flow` wrote says.
    pub(crate) fn records(&self, boundary: &str, outcome: &'static str, provenance: &str) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, count) in provenance.split(',').filter_map(|part| part.trim().split_once('=')) {
            let verdict = VerdictName::ALL.into_iter().find(|verdict| verdict.as_str() == name);
            if let (Some(verdict), Ok(count)) = (verdict, count.parse::<u64>()) {
                *state.records.entry((boundary.to_owned(), outcome, verdict.as_str())).or_default() += count;
            }
        }
    }

    pub(crate) fn ruling(&self, boundary: &str, took: Duration) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.ruling.contains_key(boundary) {
            state.ruling.insert(boundary.to_owned(), Histogram::default());
        }
        let Some(histogram) = state.ruling.get_mut(boundary) else { return };
        let bucket = BUCKETS_MS.iter().position(|bound| took <= Duration::from_millis(*bound));
        match bucket.and_then(|index| histogram.counts.get_mut(index)) {
            Some(count) => *count += 1,
            None => histogram.over += 1,
        }
        histogram.sum += took;
    }

    pub(crate) fn connection(&self, boundary: &str) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state.connections.entry(boundary.to_owned()).or_default() += 1;
    }

    /// Shows what another shell counts beside our own.
    pub(crate) fn also_tell(&self, text: impl Fn() -> String + Send + Sync + 'static) {
        self.others.lock().unwrap_or_else(PoisonError::into_inner).push(Teller(Box::new(text)));
    }

    /// What other shells count.
    pub(crate) fn text_of_others(&self) -> String {
        let others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        others.iter().map(|Teller(text)| text()).collect()
    }

    /// The text that `/metrics` answers with.
    ///
    /// Source: Prometheus text exposition format 0.0.4.
    pub(crate) fn text(&self) -> String {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut out = String::new();
        family(&mut out, "eosin_connections_total", "counter", "Connections taken, by boundary.");
        for (boundary, count) in &state.connections {
            line(&mut out, "eosin_connections_total", &[("boundary", boundary)], count);
        }
        family(
            &mut out,
            "eosin_requests_total",
            "counter",
            "Requests, by what they were and what became of them.",
        );
        for ((boundary, entrance, outcome), count) in &state.requests {
            let labels = [("boundary", boundary.as_str()), ("entrance", entrance), ("outcome", outcome)];
            line(&mut out, "eosin_requests_total", &labels, count);
        }
        family(
            &mut out,
            "eosin_records_total",
            "counter",
            "Records judged, by verdict and by what became of their request.",
        );
        for ((boundary, outcome, verdict), count) in &state.records {
            let labels = [("boundary", boundary.as_str()), ("outcome", outcome), ("verdict", verdict)];
            line(&mut out, "eosin_records_total", &labels, count);
        }
        family(&mut out, "eosin_answers_total", "counter", "Answers to clients, by status.");
        for ((boundary, status), count) in &state.answers {
            let status = status.to_string();
            line(&mut out, "eosin_answers_total", &[("boundary", boundary), ("status", &status)], count);
        }
        let name = "eosin_ruling_seconds";
        family(&mut out, name, "histogram", "From a whole body to a durable ruling.");
        for (boundary, histogram) in &state.ruling {
            let mut total = 0;
            for (bound, count) in BUCKETS_MS.iter().zip(histogram.counts) {
                total += count;
                let bound = seconds(Duration::from_millis(*bound));
                let labels = [("boundary", boundary.as_str()), ("le", &bound)];
                line(&mut out, "eosin_ruling_seconds_bucket", &labels, &total);
            }
            total += histogram.over;
            let labels = [("boundary", boundary.as_str()), ("le", "+Inf")];
            line(&mut out, "eosin_ruling_seconds_bucket", &labels, &total);
            line(&mut out, "eosin_ruling_seconds_sum", &[("boundary", boundary)], &seconds(histogram.sum));
            line(&mut out, "eosin_ruling_seconds_count", &[("boundary", boundary)], &total);
        }
        out
    }
}

fn seconds(duration: Duration) -> String {
    format!("{}", duration.as_secs_f64())
}

fn family(out: &mut String, name: &str, kind: &str, help: &str) {
    let _written = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn line(out: &mut String, name: &str, labels: &[(&str, &str)], value: &dyn fmt::Display) {
    let labels: Vec<String> =
        labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
    let _written = writeln!(out, "{name}{{{}}} {value}", labels.join(","));
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_written_as_prometheus_reads_them() {
        let metrics = Metrics::default();
        metrics.connection("ehr");
        metrics.request("ehr", "judged", "refused", 403);
        metrics.request("ehr", "judged", "refused", 403);
        metrics.records("ehr", "refused", "v=1, synthetic=2, unproven=1, ruling=\"a.example#1\"");
        metrics.ruling("ehr", Duration::from_millis(3));
        metrics.ruling("ehr", Duration::from_mins(1));
        let text = metrics.text();
        for expected in [
            "# TYPE eosin_requests_total counter",
            "eosin_connections_total{boundary=\"ehr\"} 1",
            "eosin_requests_total{boundary=\"ehr\",entrance=\"judged\",outcome=\"refused\"} 2",
            "eosin_records_total{boundary=\"ehr\",outcome=\"refused\",verdict=\"synthetic\"} 2",
            "eosin_answers_total{boundary=\"ehr\",status=\"403\"} 2",
            "eosin_ruling_seconds_bucket{boundary=\"ehr\",le=\"0.002\"} 0",
            "eosin_ruling_seconds_bucket{boundary=\"ehr\",le=\"0.005\"} 1",
            "eosin_ruling_seconds_bucket{boundary=\"ehr\",le=\"5\"} 1",
            "eosin_ruling_seconds_bucket{boundary=\"ehr\",le=\"+Inf\"} 2",
            "eosin_ruling_seconds_sum{boundary=\"ehr\"} 60.003",
            "eosin_ruling_seconds_count{boundary=\"ehr\"} 2",
        ] {
            assert!(text.lines().any(|line| line == expected), "{expected} is not in\n{text}");
        }
    }
}
