//! JUnit XML, in the dialect that CI servers read.

use std::fmt::Write;

use crate::escape::xml;
use crate::records::RunRecord;

/// What became of a case.
#[derive(Debug, Clone, PartialEq)]
pub enum JunitOutcome {
    /// It held.
    Passed,
    /// It did not hold.
    Failed {
        /// In a line.
        message: String,
        /// In full.
        details: String,
    },
    /// It could not be tried.
    Error {
        /// In a line.
        message: String,
        /// In full.
        details: String,
    },
    /// It was left out.
    Skipped {
        /// Why.
        message: String,
    },
}

/// One case.
#[derive(Debug, Clone, PartialEq)]
pub struct JunitCase {
    /// Its name.
    pub name: String,
    /// Seconds it took, where known.
    pub seconds: f64,
    /// What became of it.
    pub outcome: JunitOutcome,
}

/// Cases that belong together.
#[derive(Debug, Clone, PartialEq)]
pub struct JunitSuite {
    /// Its name; also the cases' class name.
    pub name: String,
    /// The cases.
    pub cases: Vec<JunitCase>,
}

impl JunitSuite {
    fn count(&self, is: impl Fn(&JunitOutcome) -> bool) -> usize {
        self.cases.iter().filter(|case| is(&case.outcome)).count()
    }
}

/// A run's thresholds as one suite; none without thresholds.
pub fn suites(run: &RunRecord) -> Vec<JunitSuite> {
    let case = |threshold: &crate::records::Threshold| JunitCase {
        name: threshold.name.clone(),
        seconds: 0.0,
        outcome: if threshold.held {
            JunitOutcome::Passed
        } else {
            JunitOutcome::Failed {
                message: format!("{} asked for, {} found", threshold.required, threshold.observed),
                details: format!("scenario {}, seed {}", run.scenario, run.manifest.seed),
            }
        },
    };
    if run.thresholds.is_empty() {
        return Vec::new();
    }
    vec![JunitSuite { name: format!("{}.thresholds", run.scenario), cases: run.thresholds.iter().map(case).collect() }]
}

/// The document.
pub fn document(suites: &[JunitSuite]) -> String {
    let failed = |outcome: &JunitOutcome| matches!(outcome, JunitOutcome::Failed { .. });
    let error = |outcome: &JunitOutcome| matches!(outcome, JunitOutcome::Error { .. });
    let skipped = |outcome: &JunitOutcome| matches!(outcome, JunitOutcome::Skipped { .. });
    let counts = |of: &[JunitSuite]| {
        let sum = |is: &dyn Fn(&JunitOutcome) -> bool| of.iter().map(|suite| suite.count(is)).sum::<usize>();
        let seconds: f64 = of.iter().flat_map(|suite| &suite.cases).map(|case| case.seconds).sum();
        let (tests, failures, errors, skips) = (sum(&|_| true), sum(&failed), sum(&error), sum(&skipped));
        format!(r#"tests="{tests}" failures="{failures}" errors="{errors}" skipped="{skips}" time="{seconds:.3}""#)
    };
    let mut out = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"tracetwin\" {}>\n", counts(suites));
    for suite in suites {
        let name = xml(&suite.name);
        // Writing into a string cannot fail.
        let _ = writeln!(out, "  <testsuite name=\"{name}\" {}>", counts(std::slice::from_ref(suite)));
        for case in &suite.cases {
            let _ = write!(out, "    <testcase classname=\"{name}\" name=\"{}\" time=\"{:.3}\"", xml(&case.name), case.seconds);
            let _ = match &case.outcome {
                JunitOutcome::Passed => writeln!(out, "/>"),
                JunitOutcome::Failed { message, details } => {
                    writeln!(out, "><failure message=\"{}\">{}</failure></testcase>", xml(message), lines(details))
                }
                JunitOutcome::Error { message, details } => {
                    writeln!(out, "><error message=\"{}\">{}</error></testcase>", xml(message), lines(details))
                }
                JunitOutcome::Skipped { message } => writeln!(out, "><skipped message=\"{}\"/></testcase>", xml(message)),
            };
        }
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

/// Details may have lines; only there a line's end is no foreign character.
fn lines(text: &str) -> String {
    text.lines().map(xml).collect::<Vec<_>>().join("\n")
}
