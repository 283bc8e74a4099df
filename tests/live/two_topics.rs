//! Several source topics, each with a metric of its own: a customer may stand in all of them.

use crate::broker::Broker;
use crate::daemon::Daemon;
use crate::judgement::Outcome;
use crate::scene::{Scene, WORK_LIMIT};
use crate::topic::{Outgoing, unique};
use crate::wait;

/// What is to come out: of the hour that both topics' ends close, and of the one begun in the second run.
const STATED: &str = r#"{"metric":"calls","customer":"acme","group":{},"value":"3","events":3,"start":"2024-03-01T00:00:00Z","end":"2024-03-01T01:00:00Z"}
{"metric":"seats","customer":"acme","group":{},"value":"2","events":2,"start":"2024-03-01T00:00:00Z","end":"2024-03-01T01:00:00Z"}
{"metric":"calls","customer":"acme","group":{},"value":"1","events":1,"start":"2024-03-01T01:00:00Z","end":"2024-03-01T02:00:00Z"}"#;

#[test]
fn customer_of_two_topics_is_counted_in_both() {
    let scene = Scene::new(Broker::shared(), 2);
    let other = unique("seats");
    scene.broker.create_topic(&other, 2);
    let topics = format!("topics = [\"{}\"", scene.usage);
    let configuration = scene.configuration(Some("earliest"), "1h");
    assert!(configuration.contains(&topics));
    let configuration = configuration.replace(&topics, &format!("{topics}, \"{other}\""));
    let metric = |code: &str, topic: &str| {
        format!(r#"{{"code":"{code}","topic":"{topic}","aggregation":"count","period":"hour"}}"#)
    };
    let (calls, seats) = (metric("calls", &scene.usage), metric("seats", &other));
    let mut daemon = Daemon::new(&configuration, &format!(r#"{{"metrics":[{calls},{seats}]}}"#));

    // In each topic the customer has a partition of its own; the ids are the same ones.
    let first = [("e1", "acme", "00:00:00"), ("e2", "acme", "00:30:00")];
    let second =
        [("e3", "acme", "00:40:00"), ("e4", "acme", "01:10:00"), ("e5", "end", "03:00:00")];
    for run in [&first[..], &second[..]] {
        scene.broker.produce(&scene.usage, run.iter().map(|one| event("calls", *one).to(0)));
        let seats = run.iter().filter(|(id, _, _)| !["e3", "e4"].contains(id));
        scene.broker.produce(&other, seats.map(|one| event("seats", *one).to(1)));
        daemon.start();
        wait::until("the program is done with both topics", WORK_LIMIT, || {
            daemon.assert_running();
            let is_done = |topic: &&String| {
                let done = scene.broker.committed_records(&scene.group, topic);
                done == scene.broker.end_of(topic)
            };
            [&scene.usage, &other].iter().all(is_done).then_some(())
        });
        assert!(daemon.terminate().success());
    }
    Outcome::found(&scene).assert_is(&Outcome::stated(STATED));
}

fn event(kind: &str, (id, customer, time): (&str, &str, &str)) -> Outgoing {
    let value = format!(
        r#"{{"id":"{id}","type":"{kind}","customer":"{customer}","time":"2024-03-01T{time}Z"}}"#
    );
    Outgoing::keyed(customer, value)
}
