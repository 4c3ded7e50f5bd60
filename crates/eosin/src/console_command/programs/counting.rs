//! What is counted of the control API, in the words of Prometheus.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

/// Upper bounds of the classes of times, in milliseconds.
const BUCKETS_MS: [u64; 9] = [1, 2, 5, 10, 25, 50, 100, 500, 2_500];

/// The counts since the console was started.
#[derive(Debug, Default)]
pub(super) struct Counts {
    answers: BTreeMap<(String, u16), u64>,
    times: BTreeMap<String, Times>,
}

#[derive(Debug, Default)]
struct Times {
    counts: [u64; BUCKETS_MS.len()],
    all: u64,
    sum: Duration,
}

impl Counts {
    /// One answer. The names of routes are ours, so there are few.
    pub(super) fn answered(&mut self, route: &str, status: u16, took: Duration) {
        *self.answers.entry((route.to_owned(), status)).or_default() += 1;
        let times = self.times.entry(route.to_owned()).or_default();
        times.all += 1;
        times.sum += took;
        for (bound, count) in BUCKETS_MS.iter().zip(&mut times.counts) {
            if took <= Duration::from_millis(*bound) {
                *count += 1;
            }
        }
    }

    /// All of it. Writing into a text does not fail.
    pub(super) fn text(&self, behind: Option<u64>) -> String {
        let mut out = String::new();
        let mut family = |name: &str, kind: &str, help: &str, lines: &str| {
            let _written = write!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n{lines}");
        };
        let mut answers = String::new();
        for ((route, status), count) in &self.answers {
            let name = "eosin_control_answers_total";
            let _written = writeln!(answers, "{name}{{route=\"{route}\",status=\"{status}\"}} {count}");
        }
        family("eosin_control_answers_total", "counter", "Answers of the control API.", &answers);
        let mut lines = String::new();
        for (route, times) in &self.times {
            let name = "eosin_control_seconds";
            for (bound, count) in BUCKETS_MS.iter().zip(times.counts) {
                let bound = Duration::from_millis(*bound).as_secs_f64();
                let _written = writeln!(lines, "{name}_bucket{{route=\"{route}\",le=\"{bound}\"}} {count}");
            }
            let (all, sum) = (times.all, times.sum.as_secs_f64());
            let _written = writeln!(lines, "{name}_bucket{{route=\"{route}\",le=\"+Inf\"}} {all}");
            let _written = writeln!(lines, "{name}_sum{{route=\"{route}\"}} {sum}");
            let _written = writeln!(lines, "{name}_count{{route=\"{route}\"}} {all}");
        }
        family("eosin_control_seconds", "histogram", "From a whole request to its answer.", &lines);
        let up = u8::from(behind.is_some());
        family("eosin_index_up", "gauge", "Whether the index answers.", &format!("eosin_index_up {up}\n"));
        if let Some(behind) = behind {
            let line = format!("eosin_index_behind_entries {behind}\n");
            family(
                "eosin_index_behind_entries",
                "gauge",
                "Entries that are published and not indexed.",
                &line,
            );
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_written_as_prometheus_reads_them() {
        let mut counts = Counts::default();
        counts.answered("records", 200, Duration::from_millis(3));
        counts.answered("records", 200, Duration::from_secs(9));
        counts.answered("none", 404, Duration::from_micros(10));
        let text = counts.text(Some(7));
        for expected in [
            "# TYPE eosin_control_answers_total counter\n",
            "eosin_control_answers_total{route=\"records\",status=\"200\"} 2\n",
            "eosin_control_answers_total{route=\"none\",status=\"404\"} 1\n",
            "eosin_control_seconds_bucket{route=\"records\",le=\"0.002\"} 0\n",
            "eosin_control_seconds_bucket{route=\"records\",le=\"0.005\"} 1\n",
            "eosin_control_seconds_bucket{route=\"records\",le=\"+Inf\"} 2\n",
            "eosin_control_seconds_sum{route=\"records\"} 9.003\n",
            "eosin_index_behind_entries 7\n",
            "eosin_index_up 1\n",
        ] {
            assert!(text.contains(expected), "{expected}{text}");
        }
        assert!(!counts.text(None).contains("behind"));
    }
}
