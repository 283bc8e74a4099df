//! A proxy between the program and a broker of [`Broker::start_proxied`]: it knows requests apart by their kind, and cuts
//! connections at those that it is told to.
//!
//! ```text
//! request:  length (4) | api key (2) | ...
//! ```

#![expect(clippy::disallowed_methods, reason = "a thread for each direction of a connection")]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::broker::Broker;
use crate::wait;

/// Kinds of requests, by their api key.
pub(crate) const FETCH: i16 = 1;
pub(crate) const LIST_OFFSETS: i16 = 2;
pub(crate) const END_TRANSACTION: i16 = 26;

/// Where a connection is cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Cut {
    /// Before the broker has the request.
    Before,
    /// When the broker has it, before its answer.
    After,
    /// Nowhere: what comes waits until requests of its kind may pass.
    Hold,
}

/// From one look at a rule that holds a request to the next.
const LOOK_PAUSE: Duration = Duration::from_millis(10);

#[derive(Default)]
struct Rules {
    cuts: BTreeMap<i16, Cut>,
    hits: u32,
    /// How many requests pass before the first is cut.
    passes: u32,
    /// How long each request waits on its way.
    delay: Duration,
}

impl Rules {
    fn cut_of(&mut self, kind: i16) -> Option<Cut> {
        let cut = self.cuts.get(&kind).copied()?;
        if self.passes > 0 {
            self.passes -= 1;
            return None;
        }
        self.hits += 1;
        Some(cut)
    }
}

/// The proxy; it listens where the broker says that it does.
pub(crate) struct Proxy {
    pub(crate) address: String,
    rules: Arc<Mutex<Rules>>,
}

impl Proxy {
    /// Starts it; its threads end with their connections, or with the process.
    pub(crate) fn start(broker: &Broker) -> Self {
        let (address, target) = (broker.proxied("advertised"), broker.proxied("listener"));
        let listener = TcpListener::bind(&address).expect("the port was free");
        let rules: Arc<Mutex<Rules>> = Arc::default();
        let proxy = Self { address, rules: Arc::clone(&rules) };
        thread::spawn(move || {
            for client in listener.incoming() {
                let (Ok(client), Ok(server)) = (client, TcpStream::connect(&target)) else {
                    continue;
                };
                carry(&client, &server, &rules);
            }
        });
        proxy
    }

    /// From now on connections are cut at requests of that kind.
    pub(crate) fn cut(&self, kind: i16, cut: Cut) {
        self.cut_after(kind, 0, cut);
    }

    /// The same of those that come when so many have passed.
    pub(crate) fn cut_after(&self, kind: i16, passes: u32, cut: Cut) {
        let mut rules = self.rules.lock().expect("no holder panics");
        rules.cuts.insert(kind, cut);
        (rules.hits, rules.passes) = (0, passes);
    }

    /// From now on each request waits so long on its way, and those behind it on its connection with it.
    pub(crate) fn delay(&self, delay: Duration) {
        self.rules.lock().expect("no holder panics").delay = delay;
    }

    /// Cuts no more; how often it did since it was told to.
    pub(crate) fn let_pass(&self) -> u32 {
        let mut rules = self.rules.lock().expect("no holder panics");
        rules.cuts.clear();
        rules.hits
    }

    /// How often it has cut since it was told to.
    pub(crate) fn hits(&self) -> u32 {
        self.rules.lock().expect("no holder panics").hits
    }
}

fn carry(client: &TcpStream, server: &TcpStream, rules: &Arc<Mutex<Rules>>) {
    let both = || (client.try_clone(), server.try_clone());
    let ((Ok(up_from), Ok(up_to)), (Ok(down_to), Ok(down_from))) = (both(), both()) else { return };
    let rules = Arc::clone(rules);
    thread::spawn(move || {
        requests(&up_from, &up_to, &rules);
        for stream in [up_from, up_to] {
            drop(stream.shutdown(Shutdown::Both));
        }
    });
    thread::spawn(move || {
        drop(std::io::copy(&mut &down_from, &mut &down_to));
        for stream in [down_from, down_to] {
            drop(stream.shutdown(Shutdown::Both));
        }
    });
}

/// Hands requests on until the connection ends or is to be cut.
fn requests(mut from: &TcpStream, mut to: &TcpStream, rules: &Mutex<Rules>) {
    let mut length = [0; 4];
    while from.read_exact(&mut length).is_ok() {
        let bytes = usize::try_from(u32::from_be_bytes(length)).expect("a length");
        let mut request = vec![0; bytes];
        if from.read_exact(&mut request).is_err() {
            return;
        }
        let kind = i16::from_be_bytes([request[0], request[1]]);
        let (cut, delay) = {
            let mut rules = rules.lock().expect("no holder panics");
            (rules.cut_of(kind), rules.delay)
        };
        wait::pass(delay);
        match cut {
            Some(Cut::Before) => return,
            Some(Cut::Hold) => hold(kind, rules),
            Some(Cut::After) | None => {}
        }
        let sent = to.write_all(&length).and_then(|()| to.write_all(&request));
        if sent.is_err() || cut == Some(Cut::After) {
            return;
        }
    }
}

/// Waits until requests of that kind may pass.
fn hold(kind: i16, rules: &Mutex<Rules>) {
    let is_held = || rules.lock().expect("no holder panics").cuts.contains_key(&kind);
    while is_held() {
        wait::pass(LOOK_PAUSE);
    }
}
