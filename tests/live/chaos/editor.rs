//! Who makes, changes and deletes metrics over the listeners, and remembers what these answered.
//!
//! A call whose answer does not come is made again until one does. What is defined in the end is asked once all is drained.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::fleet::Roster;
use super::slot::{Slot, instant};
use super::writer::{file_metrics, picked};
use super::{LEAD, Stage};
use crate::definitions::call;
use crate::load::Dice;
use crate::wait::{self, Deadline};
use crate::worlds;

const SLOTS: usize = 6;
/// Slots whose metrics carry, at most: these stay for ever.
const CARRYING_MAX: usize = 3;
/// The pause between two deeds is shorter than that.
const PAUSE_MS: u64 = 3000;
/// How much later than it must a version begins, in seconds, so that the call may take its time.
const MARGIN: u64 = 25;
/// How long a call may take that the writer need not wait for.
const PROMPT: Duration = Duration::from_secs(10);
/// How long an answer may fail to come once nothing befalls anybody.
const PATIENCE: Duration = Duration::from_secs(120);

/// The editor at work.
pub(super) struct Editor<'s> {
    stage: &'s Stage<'s>,
    roster: Arc<Roster>,
    dice: Dice,
    throws: worlds::Dice,
    slots: Vec<Slot>,
    edits: Edits,
    /// When every process has heard of the last change.
    known: Deadline,
    until: Deadline,
}

/// What was defined.
#[derive(Default)]
pub(super) struct Edits {
    pub(super) counts: BTreeMap<&'static str, u64>,
    generations: BTreeSet<(String, u64)>,
    /// Of code, generation and version: from when it is to count, as a listener answered.
    promises: BTreeMap<(String, u64, u64), Value>,
    /// What is wrong with what listeners answered.
    broken: Vec<String>,
}

impl<'s> Editor<'s> {
    /// An editor that makes its last change early enough for all to hear of it before `run` is over.
    pub(super) fn new(stage: &'s Stage<'s>, roster: Arc<Roster>, seed: u64, run: Duration) -> Self {
        let mut dice = Dice(seed);
        Self {
            stage,
            roster,
            throws: worlds::Dice::new(dice.below(u64::MAX)),
            dice,
            slots: (0..SLOTS).map(Slot::new).collect(),
            edits: Edits::default(),
            known: Deadline::after(Duration::ZERO),
            until: Deadline::after(run.saturating_sub(LEAD)),
        }
    }

    /// Changes definitions until it is time, and comes back once every process has heard of all.
    pub(super) fn edit(mut self) -> Edits {
        while !self.until.has_passed() && !self.stage.is_calm() {
            self.begin_kinds();
            self.do_one();
            wait::pass(Duration::from_millis(self.dice.below(PAUSE_MS)));
        }
        while !self.known.has_passed() {
            self.begin_kinds();
            wait::pass(Duration::from_millis(200));
        }
        self.edits
    }

    /// Lets events be written of the metrics that everybody knows by now.
    fn begin_kinds(&mut self) {
        for slot in &mut self.slots {
            let kind = slot.kind();
            let Some(made) = &mut slot.made else { continue };
            if made.begins.as_ref().is_some_and(Deadline::has_passed) {
                made.begins = None;
                self.stage.kinds.begin(&kind);
            }
        }
    }

    fn do_one(&mut self) {
        if self.dice.below(8) == 0 && self.known.has_passed() {
            self.stage.clock.leap();
            return self.count("leaps of the clock");
        }
        let carrying = self.slots.iter().filter_map(|slot| slot.made.as_ref());
        let carrying = carrying.filter(|made| made.carries).count();
        let places: Vec<usize> = (0..self.slots.len()).collect();
        let place = *picked(&mut self.dice, &places).expect("there are slots");
        match &self.slots[place].made {
            None => self.create(place, carrying < CARRYING_MAX),
            Some(made) => match self.dice.below(10) {
                0..2 => self.describe(place),
                2..5 if !made.carries => self.delete(place),
                _ => self.change(place, carrying < CARRYING_MAX),
            },
        }
    }

    fn create(&mut self, place: usize, may_carry: bool) {
        let from = (self.dice.below(2) == 0).then(|| self.ahead());
        let slot = &self.slots[place];
        let draft = slot.draft(&mut self.throws, from);
        if !may_carry && draft.contains_key("recurring") {
            return;
        }
        let prompt = Deadline::after(PROMPT);
        self.edits.generations.insert((slot.code.clone(), slot.generation));
        let body = Value::Object(draft.clone());
        let Some((status, answer)) = self.settled("POST /v1/metrics", |_| body.clone()) else {
            return;
        };
        match status {
            201 | 409 => {
                // Without an instant to begin at, it begins with the first of its events: by then everybody is to know it.
                let is_early = from.is_some() && !prompt.has_passed();
                let wait = if is_early { Duration::ZERO } else { LEAD };
                if status == 201 {
                    self.promised(place, 1, &answer["effective_from"]);
                }
                self.slots[place].take(draft, Some(Deadline::after(wait)));
                self.changed("metrics made");
            }
            _ => self.count("definitions refused"),
        }
    }

    fn change(&mut self, place: usize, may_carry: bool) {
        let slot = &self.slots[place];
        let made = slot.made.as_ref().expect("a metric that is there");
        let (next, body) = made.change(&mut self.throws);
        let version = made.version + 1;
        if !may_carry && !made.carries && next.contains_key("recurring") {
            return;
        }
        let line = format!("PATCH /v1/metrics/{}", slot.code);
        let with_begin = |begin: u64| {
            let mut body = body.clone();
            body.insert("effective_from".to_owned(), json!(instant(begin)));
            Value::Object(body)
        };
        match self.settled(&line, with_begin) {
            Some((200, answer)) => {
                if answer["version"] != version {
                    self.edits.broken.push(format!("a version that is not {version}: {answer}"));
                }
                self.promised(place, version, &answer["effective_from"]);
                self.slots[place].made.as_mut().expect("as before").take(next);
                self.changed("versions made");
            }
            // An earlier call did it, and its answer did not come.
            Some((409, _)) => {
                self.slots[place].made.as_mut().expect("as before").take(next);
                self.changed("versions made");
            }
            Some(_) => self.count("definitions refused"),
            None => {}
        }
    }

    /// Words that no number depends on.
    fn describe(&mut self, place: usize) {
        let line = format!("PATCH /v1/metrics/{}", self.slots[place].code);
        let body = json!({"description": format!("words {}", self.dice.below(1000))});
        if self.settled(&line, |_| body.clone()).is_some() {
            self.changed("metrics described");
        }
    }

    /// Deletes a metric whose events are all counted: which ones of those behind the call it folds, depends on the moment.
    fn delete(&mut self, place: usize) {
        self.stage.kinds.end(&self.slots[place].kind());
        if let Some(made) = &mut self.slots[place].made {
            made.begins = None;
        }
        let scene = &self.stage.scene;
        let ends = scene.broker.ends_of(&scene.usage);
        while !self.stage.is_calm() {
            let committed = scene.broker.committed_offsets(&scene.group, &scene.usage);
            let offsets = committed.into_iter().map(|one| one.map_or(0, |(offset, _)| offset));
            if offsets.zip(&ends).all(|(offset, end)| offset >= *end) {
                break;
            }
            wait::pass(Duration::from_millis(200));
        }
        if self.stage.is_calm() {
            return;
        }
        let line = format!("DELETE /v1/metrics/{}", self.slots[place].code);
        if let Some((204 | 404, _)) = self.settled(&line, |_| Value::Null) {
            self.slots[place].clear();
            self.changed("metrics deleted");
        }
    }

    /// Calls by one listener or another until an answer settles it: done, done before, or refused.
    fn settled(&mut self, line: &str, body: impl Fn(u64) -> Value) -> Option<(u16, Value)> {
        let mut patience = None;
        loop {
            if let Some(address) = self.roster.pick(&mut self.dice) {
                match call(&address, line, &body(self.ahead())) {
                    Some((422, answer)) if answer.to_string().contains("is too early") => {}
                    Some((status @ (200 | 201 | 204 | 404 | 409 | 422), answer)) => {
                        return Some((status, answer));
                    }
                    Some(_) | None => self.count("calls made again"),
                }
            }
            if self.stage.is_calm() {
                let patience = patience.get_or_insert_with(|| Deadline::after(PATIENCE));
                if patience.has_passed() {
                    self.edits.broken.push(format!("no answer to {line}"));
                    return None;
                }
            }
            wait::pass(Duration::from_millis(200));
        }
    }

    /// An instant of events that no process reaches before it has heard of what is made now.
    fn ahead(&self) -> u64 {
        self.stage.clock.now() + LEAD.as_secs() + MARGIN
    }

    fn promised(&mut self, place: usize, version: u64, from: &Value) {
        let Slot { code, generation, .. } = &self.slots[place];
        self.edits.promises.insert((code.clone(), *generation, version), from.clone());
    }

    fn changed(&mut self, what: &'static str) {
        self.known = Deadline::after(LEAD);
        self.count(what);
    }

    fn count(&mut self, what: &'static str) {
        *self.edits.counts.entry(what).or_default() += 1;
    }
}

impl Edits {
    /// All that was defined, as a file of definitions that the oracle reads, by what the listeners say now. A metric whose code
    /// was made again has another code there.
    pub(super) fn metrics(&mut self, roster: &Roster) -> String {
        let file: Value = serde_json::from_str(&file_metrics()).expect("JSON");
        let mut metrics = file["metrics"].as_array().expect("a list").clone();
        for (code, generation) in &self.generations {
            let line = format!("GET /v1/metrics/{code}/versions?generation={generation}");
            let (status, answer) = wait::until("what is defined", PATIENCE, || {
                let address = roster.pick(&mut Dice(0))?;
                call(&address, &line, &Value::Null)
                    .filter(|(status, _)| matches!(status, 200 | 404))
            });
            if status == 404 {
                continue;
            }
            for version in answer["versions"].as_array().expect("a list") {
                let number = version["version"].as_u64().expect("a number");
                let from = &version["effective_from"];
                let promise = self.promises.remove(&(code.clone(), *generation, number));
                if promise.is_some_and(|promise| promise != *from) {
                    self.broken.push(format!("{code} begins otherwise than answered: {version}"));
                }
                let mut metric = version["definition"].clone();
                if *generation > 1 {
                    metric["code"] = json!(format!("{code}~{generation}"));
                }
                if !from.is_null() {
                    metric["effective_from"] = from.clone();
                }
                metrics.push(metric);
            }
        }
        for lost in self.promises.keys() {
            self.broken.push(format!("a version that was answered is not there: {lost:?}"));
        }
        json!({ "metrics": metrics }).to_string()
    }

    /// What listeners answered and did not keep.
    pub(super) fn broken_promises(&self) -> Vec<String> {
        self.broken.clone()
    }
}
