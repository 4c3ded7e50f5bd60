//! Counters in the Prometheus text format. No label holds content: boundary, outcome and verdict only.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use mark::VerdictName;

/// What the shell counts.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    state: Mutex<State>,
}

/// By boundary, and a word.
type Counts = BTreeMap<(String, &'static str), u64>;

#[derive(Debug, Default)]
struct State {
    messages: Counts,
    /// By boundary, outcome, verdict: single records.
    records: BTreeMap<(String, &'static str, &'static str), u64>,
    faults: Counts,
    connections: BTreeMap<String, u64>,
    ruling: BTreeMap<String, Histogram>,
    answering: BTreeMap<String, Histogram>,
}

#[derive(Debug, Default)]
struct Histogram {
    counts: [u64; BUCKETS_MS.len()],
    over: u64,
    sum: Duration,
}

/// Upper bounds of the buckets, in milliseconds.
const BUCKETS_MS: [u64; 10] = [1, 2, 5, 10, 20, 50, 100, 250, 1000, 5000];

impl Metrics {
    /// One frame, and what became of it.
    pub(crate) fn message(&self, boundary: &str, outcome: &'static str, took: Duration) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state.messages.entry((boundary.to_owned(), outcome)).or_default() += 1;
        state.answering.entry(boundary.to_owned()).or_default().add(took);
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

    /// How long `flow` took, from a whole frame to a durable ruling.
    pub(crate) fn ruling(&self, boundary: &str, took: Duration) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.ruling.entry(boundary.to_owned()).or_default().add(took);
    }

    /// Something that was no frame.
    pub(crate) fn fault(&self, boundary: &str, fault: &'static str) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state.faults.entry((boundary.to_owned(), fault)).or_default() += 1;
    }

    pub(crate) fn connection(&self, boundary: &str) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state.connections.entry(boundary.to_owned()).or_default() += 1;
    }

    /// The text that `/metrics` answers with.
    ///
    /// Source: Prometheus text exposition format 0.0.4.
    pub(crate) fn text(&self) -> String {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut out = String::new();
        let name = "eosin_mllp_connections_total";
        family(&mut out, name, "counter", "Connections of senders, by boundary.");
        for (boundary, count) in &state.connections {
            line(&mut out, name, &[("boundary", boundary)], count);
        }
        counts(
            &mut out,
            "eosin_mllp_messages_total",
            "Frames, by what became of them.",
            "outcome",
            &state.messages,
        );
        let name = "eosin_mllp_records_total";
        family(&mut out, name, "counter", "Messages judged, by verdict and by what became of their frame.");
        for ((boundary, outcome, verdict), count) in &state.records {
            let labels = [("boundary", boundary.as_str()), ("outcome", outcome), ("verdict", verdict)];
            line(&mut out, name, &labels, count);
        }
        counts(&mut out, "eosin_mllp_faults_total", "What was no frame.", "fault", &state.faults);
        let what = "From a whole frame to a durable ruling.";
        histograms(&mut out, "eosin_mllp_ruling_seconds", what, &state.ruling);
        let what = "From a whole frame to the answer to its sender.";
        histograms(&mut out, "eosin_mllp_answer_seconds", what, &state.answering);
        out
    }
}

impl Histogram {
    fn add(&mut self, took: Duration) {
        let bucket = BUCKETS_MS.iter().position(|bound| took <= Duration::from_millis(*bound));
        match bucket.and_then(|index| self.counts.get_mut(index)) {
            Some(count) => *count += 1,
            None => self.over += 1,
        }
        self.sum += took;
    }
}

fn counts(out: &mut String, name: &str, help: &str, label: &str, counts: &Counts) {
    family(out, name, "counter", help);
    for ((boundary, word), count) in counts {
        line(out, name, &[("boundary", boundary), (label, word)], count);
    }
}

fn histograms(out: &mut String, name: &str, help: &str, all: &BTreeMap<String, Histogram>) {
    family(out, name, "histogram", help);
    for (boundary, histogram) in all {
        let mut total = 0;
        let bucket = format!("{name}_bucket");
        for (bound, count) in BUCKETS_MS.iter().zip(histogram.counts) {
            total += count;
            let bound = Duration::from_millis(*bound).as_secs_f64().to_string();
            line(out, &bucket, &[("boundary", boundary), ("le", &bound)], &total);
        }
        total += histogram.over;
        line(out, &bucket, &[("boundary", boundary), ("le", "+Inf")], &total);
        line(out, &format!("{name}_sum"), &[("boundary", boundary)], &histogram.sum.as_secs_f64());
        line(out, &format!("{name}_count"), &[("boundary", boundary)], &total);
    }
}

fn family(out: &mut String, name: &str, kind: &str, help: &str) {
    let _written = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn line(out: &mut String, name: &str, labels: &[(&str, &str)], value: &impl std::fmt::Display) {
    // A boundary's name is letters, digits, `-`, `_` and `.`: the configuration says so.
    let labels: Vec<String> = labels.iter().map(|(label, value)| format!("{label}=\"{value}\"")).collect();
    let _written = writeln!(out, "{name}{{{}}} {value}", labels.join(","));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_has_a_family_for_each_counter_and_a_line_for_each_boundary() {
        let metrics = Metrics::default();
        metrics.connection("feed");
        metrics.message("feed", "refused", Duration::from_millis(3));
        metrics.message("feed", "refused", Duration::from_mins(1));
        metrics.records("feed", "refused", "v=1, synthetic=2, unproven=1, ruling=\"a.example#1\"");
        metrics.fault("feed", "broke-off");
        metrics.ruling("feed", Duration::from_millis(1));
        let text = metrics.text();
        for expected in [
            "# TYPE eosin_mllp_messages_total counter",
            "eosin_mllp_connections_total{boundary=\"feed\"} 1",
            "eosin_mllp_messages_total{boundary=\"feed\",outcome=\"refused\"} 2",
            "eosin_mllp_records_total{boundary=\"feed\",outcome=\"refused\",verdict=\"synthetic\"} 2",
            "eosin_mllp_faults_total{boundary=\"feed\",fault=\"broke-off\"} 1",
            "eosin_mllp_answer_seconds_bucket{boundary=\"feed\",le=\"0.005\"} 1",
            "eosin_mllp_answer_seconds_bucket{boundary=\"feed\",le=\"+Inf\"} 2",
            "eosin_mllp_answer_seconds_sum{boundary=\"feed\"} 60.003",
            "eosin_mllp_ruling_seconds_count{boundary=\"feed\"} 1",
        ] {
            assert!(text.lines().any(|line| line == expected), "{expected} is not in\n{text}");
        }
    }
}
