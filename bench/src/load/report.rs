//! What a run says: one line of JSON on standard output, one line for people on standard error.

use super::tally::Tally;
use crate::process::Cost;
use serde_json::{Map, Value, json};

/// The fields of a run.
#[derive(Debug)]
pub struct Report {
    fields: Map<String, Value>,
    line: String,
}

impl Report {
    /// An empty report of a scenario.
    pub fn new(scenario: &str) -> Self {
        let mut report = Self { fields: Map::new(), line: String::new() };
        report.fields.insert("scenario".to_owned(), json!(scenario));
        report.line.push_str(scenario);
        report
    }

    /// Adds a field that is in both lines.
    pub fn tell(&mut self, name: &str, value: impl Into<Value>) -> &mut Self {
        let value = value.into();
        self.line.push_str(&format!("  {name} {value}"));
        self.keep(name, value)
    }

    /// Adds a field that is in the JSON only.
    pub fn keep(&mut self, name: &str, value: impl Into<Value>) -> &mut Self {
        self.fields.insert(name.to_owned(), value.into());
        self
    }

    /// Adds what a row of changes brought: rate, cost, latency, faults.
    pub fn tell_row(
        &mut self,
        seconds: f64,
        tally: &Tally,
        cost: (Cost, Cost),
        own: (Cost, Cost),
    ) -> &mut Self {
        let cpu_us = cost.1.cpu_us_since(&cost.0);
        let deliveries = tally.deliveries.max(1) as f64;
        self.keep("seconds", round(seconds, 3));
        self.keep("deliveries", tally.deliveries);
        self.tell("deliveries_per_s", (tally.deliveries as f64 / seconds).round());
        self.tell("cpu_us_per_delivery", round(cpu_us / deliveries, 4));
        self.tell("server_cpu_percent", percent(cost, seconds));
        self.tell("load_cpu_percent", percent(own, seconds));
        self.latency(tally);
        self.keep("server_rss_kib", cost.1.rss_kib);
        self.faults(tally)
    }

    /// Adds the latency from due to delivered.
    pub fn latency(&mut self, tally: &Tally) -> &mut Self {
        self.tell("p50_ms", tally.latency.quantile_ms(0.5));
        self.tell("p99_ms", tally.latency.quantile_ms(0.99));
        self.keep("max_ms", tally.latency.max_us() as f64 / 1000.0)
    }

    /// Adds the counts of what should not be; for people, only those that are.
    pub fn faults(&mut self, tally: &Tally) -> &mut Self {
        let counts = [
            ("gaps", tally.gaps),
            ("repeats", tally.repeats),
            ("versions_skipped", tally.versions_skipped),
            ("snapshots", tally.snapshots),
            ("rejects", tally.rejects),
            ("errors", tally.errors),
            ("closed", tally.closed),
        ];
        for (name, count) in counts {
            if count > 0 {
                self.tell(name, count)
            } else {
                self.keep(name, count)
            };
        }
        if let Some(what) = &tally.complaint {
            self.tell("complaint", what.as_str());
        }
        self
    }

    /// A field, if it was added.
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.fields.get(name)
    }

    /// Prints both lines.
    pub fn print(&self) {
        eprintln!("{}", self.line);
        println!("{}", Value::Object(self.fields.clone()));
    }
}

/// The share of one core, in percent.
pub fn percent(cost: (Cost, Cost), seconds: f64) -> f64 {
    round(cost.1.cpu_us_since(&cost.0) / seconds / 1e4, 2)
}

/// Rounds to so many digits behind the point.
pub fn round(number: f64, digits: i32) -> f64 {
    let scale = 10f64.powi(digits);
    (number * scale).round() / scale
}
