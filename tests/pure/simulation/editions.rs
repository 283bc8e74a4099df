//! Definitions that change while a run goes on: metrics come, and go for good.
//!
//! Each change is a revision. A metric goes at an instant that no event and no clock had reached when that was said, and
//! nobody passes that instant before he heard of it: the daemon's `metrics.definition_lead` is for that.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use odometer::definition::{Definitions, Plan};
use odometer::model::{EventTime, Span};

use super::mutant::Mutant;
use crate::worlds::{self, Dice};

/// The revisions of one run.
pub struct Editions {
    definitions: Definitions,
    /// The revision that each code came with.
    born: BTreeMap<String, usize>,
    /// The revision that each code went with, and when it does.
    died: BTreeMap<String, (usize, EventTime)>,
    plans: Vec<Arc<Plan>>,
    mutant: Option<Mutant>,
}

impl Editions {
    /// Some metrics are there from the start, and the others come later, if at all.
    pub fn new(text: &str, mutant: Option<Mutant>, dice: &mut Dice) -> Self {
        let mut editions = Editions {
            definitions: sound(text),
            born: BTreeMap::new(),
            died: BTreeMap::new(),
            plans: Vec::new(),
            mutant,
        };
        for code in editions.codes() {
            if dice.chance(70) {
                editions.born.insert(code, 0);
            }
        }
        editions.publish();
        editions
    }

    /// All of them, whenever they come.
    pub fn definitions(&self) -> &Definitions {
        &self.definitions
    }

    /// The newest revision.
    pub fn newest(&self) -> usize {
        self.plans.len() - 1
    }

    /// What that revision defines.
    pub fn plan(&self, revision: usize) -> &Arc<Plan> {
        &self.plans[revision]
    }

    /// A metric comes, or goes after the instant that was reached by now. Returns whether there was one.
    pub fn change(&mut self, reached: EventTime, dice: &mut Dice) -> bool {
        let code = dice.pick(&self.codes()).clone();
        let next = self.plans.len();
        let (is_born, is_dead) = (self.born.contains_key(&code), self.died.contains_key(&code));
        if is_dead {
            return false;
        }
        if is_born {
            let most = *dice.pick(&[0, 3_600, 86_400, 20 * 86_400]);
            let later = Span::from_seconds(dice.between(0, most));
            self.died.insert(code, (next, reached.saturating_add(later)));
        } else {
            self.born.insert(code, next);
        }
        self.publish();
        true
    }

    /// The instant that whoever knows that revision may reach, and not pass.
    pub fn horizon(&self, known: usize) -> Option<EventTime> {
        let unknown = self.died.values().filter(|(revision, _)| *revision > known);
        unknown.map(|(_, at)| *at).min()
    }

    /// For which records each code was a metric, by who first read by which revision: the offset and the revision.
    pub fn lives(&self, taken: &[(usize, usize)]) -> BTreeMap<String, Range<usize>> {
        let place = |revision: usize| {
            let taken = taken.iter().find(|(_, of)| *of >= revision);
            taken.map_or(usize::MAX, |(place, _)| *place)
        };
        let life = |code: String| {
            let start = self.born.get(&code).map_or(usize::MAX, |revision| place(*revision));
            let end = self.died.get(&code).map_or(usize::MAX, |(revision, _)| place(*revision));
            (code, start..end)
        };
        self.codes().into_iter().map(life).collect()
    }

    /// When codes go.
    pub fn deaths(&self) -> BTreeMap<String, EventTime> {
        self.died.iter().map(|(code, (_, at))| (code.clone(), *at)).collect()
    }

    fn codes(&self) -> Vec<String> {
        let mut codes: Vec<String> =
            self.definitions.metrics.iter().map(|metric| metric.code.clone()).collect();
        codes.sort();
        codes.dedup();
        codes
    }

    fn publish(&mut self) {
        let mut definitions = self.definitions.clone();
        definitions.metrics.retain(|metric| self.born.contains_key(&metric.code));
        for metric in &mut definitions.metrics {
            let died = self.died.get(&metric.code);
            if self.mutant != Some(Mutant::KeepDeleted) {
                metric.is_deleted = died.is_some();
            }
            if self.mutant != Some(Mutant::CarryDeleted) {
                metric.deleted_at = died.map(|(_, at)| *at);
            }
        }
        let revision = u64::try_from(self.plans.len()).expect("few revisions");
        self.plans.push(Arc::new(Plan::at_revision(definitions, revision)));
    }
}

/// Reads a world's definitions without the filters that the product refuses, since nothing fulfils them, and without the
/// metrics that it refuses for something else.
fn sound(text: &str) -> Definitions {
    let mut text = text.to_owned();
    while let Err(faults) = odometer::format::definitions::read(&[("metrics.json", &text)]) {
        let faults: Vec<String> =
            faults.iter().map(|fault| format!("{}: {}", fault.place, fault.message)).collect();
        let mut value: serde_json::Value = serde_json::from_str(&text).expect("definitions");
        let metrics = value["metrics"].as_array_mut().expect("a list");
        let mut places = 0..;
        metrics.retain_mut(|metric| {
            let name = format!("metrics[{}]", places.next().expect("endless"));
            let is_refused = faults.iter().any(|fault| fault.contains(&name));
            let fields = metric.as_object_mut().expect("fields");
            !is_refused || fields.remove("filter").is_some()
        });
        let mended = value.to_string();
        assert!(mended != text, "{}", faults.join("\n"));
        text = mended;
    }
    worlds::definitions(&text)
}
