//! Entries near what the sink's topics take: they are cut to fit, and what is refused all the same ends with a reason.

use crate::broker::Broker;
use crate::daemon::Daemon;
use crate::judgement::Outcome;
use crate::scene::{Scene, WORK_LIMIT};
use crate::topic::Outgoing;
use crate::wait;

const METRICS: &str =
    r#"{"metrics":[{"code":"calls","event_type":"call","aggregation":"count","period":"hour"}]}"#;
const STATED: &str = r#"{"metric":"calls","customer":"acme","group":{},"value":"100","events":100,"start":"2024-03-01T00:00:00Z","end":"2024-03-01T01:00:00Z"}"#;

/// A record that is no event and that no compression makes smaller.
fn incompressible(bytes: usize) -> Outgoing {
    let mut state = 7_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_be_bytes()
    };
    let mut value = vec![0xff];
    while value.len() < bytes {
        value.extend(next());
    }
    Outgoing::keyed("acme", value).to(0)
}

fn good() -> impl Iterator<Item = Outgoing> {
    let event = |number: u32| {
        let value = format!(
            r#"{{"id":"g{number}","type":"call","customer":"acme","time":"2024-03-01T00:00:00Z"}}"#
        );
        Outgoing::keyed("acme", value).to(0)
    };
    (0..100).map(event)
}

fn end() -> Outgoing {
    let value = r#"{"id":"end","type":"end","customer":"acme","time":"2024-03-02T00:00:00Z"}"#;
    Outgoing::keyed("acme", value).to(0)
}

/// A scene whose topic of rejects takes no more than that.
fn limited(bytes: &str) -> Scene<'static> {
    let mut scene = Scene::new(Broker::shared(), 1);
    scene.rejects += "-small";
    scene.broker.create_topic_with(&scene.rejects, 2, &[("max.message.bytes", bytes)]);
    scene
}

#[test]
fn reject_is_cut_to_what_its_topic_takes() {
    let scene = limited("50000");
    // Several in one transaction: a batch of them must fit as well.
    scene.produce([incompressible(200_000), incompressible(30_000), incompressible(30_000)]);
    scene.produce(good().chain([end()]));
    let mut daemon = Daemon::new(&scene.configuration(Some("earliest"), "1h"), METRICS);
    scene.work_through(&mut daemon);
    let rejects = scene.broker.read_committed_all(&scene.rejects);
    assert_eq!(rejects.len(), 3);
    let cut = rejects.iter().filter(|record| record.text().contains("\"truncated\":true"));
    let lengths: Vec<usize> = cut.map(|record| record.text().len()).collect();
    assert_eq!(lengths.len(), 1, "only the one that would not fit");
    assert!((30_000..50_000).contains(&lengths[0]), "{lengths:?}");
    let mut found = Outcome::found(&scene);
    found.forget_rejects();
    found.assert_is(&Outcome::stated(STATED));
}

#[test]
fn entry_that_its_topic_refuses_halts_with_the_reason() {
    let scene = limited("1000000");
    let mut daemon = Daemon::new(&scene.configuration(Some("earliest"), "1h"), METRICS);
    daemon.start();
    wait::until("it has asked for the limits", WORK_LIMIT, || {
        daemon.assert_running();
        daemon.said().contains("partitions given").then_some(())
    });
    set_limit(&scene, "50000");
    scene.produce([incompressible(200_000)]);
    // At first the broker refuses it, then, as the topic is asked at the start, the client.
    for limit in ["1000000", "50000"] {
        let known = if limit == "50000" { daemon.said().len() } else { 0 };
        if limit == "50000" {
            daemon.start();
        }
        assert_eq!(daemon.await_end().code(), Some(1));
        let said = daemon.said()[known..].replace('\\', "");
        let told = format!(
            "topic \"{}\" refuses an entry as too large: its max.message.bytes is {limit}. Raise",
            scene.rejects
        );
        assert!(said.contains(&told), "no {told}");
    }
    set_limit(&scene, "1000000");
    scene.produce(good().chain([end()]));
    scene.work_through(&mut daemon);
    assert_eq!(scene.broker.read_committed_all(&scene.rejects).len(), 1);
    let mut found = Outcome::found(&scene);
    found.forget_rejects();
    found.assert_is(&Outcome::stated(STATED));
}

fn set_limit(scene: &Scene<'_>, bytes: &str) {
    let limit = format!("max.message.bytes={bytes}");
    let topic = ["--entity-type", "topics", "--entity-name", &scene.rejects];
    let change = ["--alter", "--add-config", &limit];
    scene.broker.tool("kafka.admin.ConfigCommand", &[&topic[..], &change[..]].concat());
}
