//! Several source topics, each with a metric of its own: a customer may stand in all of them.

use odometer::model::EventTime;
use serde_json::{Value, json};

use crate::broker::Broker;
use crate::daemon::Daemon;
use crate::definitions::answered;
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

/// From the version on that another topic feeds that one's events count, and the first one's no more.
#[test]
fn topic_of_a_metric_may_change() {
    let scene = Scene::new(Broker::shared(), 1);
    let other = unique("moved");
    scene.broker.create_topic(&other, 1);
    let topics = format!("topics = [\"{}\"", scene.usage);
    let configuration = scene
        .configuration(Some("earliest"), "1h")
        .replace(&topics, &format!("{topics}, \"{other}\""))
        .replace("[metrics]", "[metrics]\ndefinition_lead = \"1s\"")
        .replace("[watermark]", "[watermark]\nmax_future_skew = \"30d\"");
    let anchor = json!({"metrics": [{"code": "anchor", "topic": other, "aggregation": "count"}]});
    let mut daemon = Daemon::new(&configuration, &anchor.to_string());
    daemon.start();
    let metric =
        json!({"code": "calls", "topic": scene.usage, "aggregation": "count", "period": "hour"});
    let (status, made) = answered(&scene, "POST /v1/metrics", &metric);
    assert_eq!(status, 201, "{made}");
    let nowhere = answered(&scene, "PATCH /v1/metrics/calls", &json!({"topic": "nowhere"}));
    assert_eq!((nowhere.0, &nowhere.1["error"]["faults"][0]["path"]), (422, &"topic".into()));
    let (status, changed) = answered(&scene, "PATCH /v1/metrics/calls", &json!({"topic": other}));
    assert_eq!(status, 200, "{changed}");
    let begin = changed["change"]["counts_from"].as_str().expect("an instant").to_owned();
    let at = |minutes: i64| {
        let time = EventTime::parse_rfc3339(&begin).expect("an instant");
        EventTime::from_micros(time.micros() + minutes * 60_000_000).to_string()
    };
    let event = |topic: &str, (number, customer, minutes): (u32, &str, i64)| {
        let value = json!({"id": format!("{topic}-{number}"), "type": "calls", "customer": customer, "time": at(minutes)});
        Outgoing::keyed(customer, value.to_string())
    };
    let before = [(1, "acme", -2), (2, "acme", -1)];
    let after = [(3, "acme", 1), (4, "acme", 2), (5, "acme", 3), (6, "end", 300)];
    for (events, goes_on) in [(&before[..], true), (&after[..], false)] {
        for topic in [&scene.usage, &other] {
            scene.broker.produce(topic, events.iter().map(|one| event(topic, *one)));
        }
        wait::until("the program is done with both topics", WORK_LIMIT, || {
            daemon.assert_running();
            let is_done = |topic: &&String| {
                let done = scene.broker.committed_records(&scene.group, topic);
                done == scene.broker.end_of(topic)
            };
            [&scene.usage, &other].iter().all(is_done).then_some(())
        });
        if goes_on {
            daemon.kill();
            daemon.start();
        }
    }
    assert!(daemon.terminate().success());
    let totals = scene.broker.read_committed_all(&scene.totals);
    let totals = totals.iter().map(|record| {
        let total: Value = serde_json::from_str(record.text()).expect("a total is JSON");
        assert_eq!((&total["metric"], &total["revision"]), (&"calls".into(), &1.into()), "{total}");
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        (text(&total["period"]["start"]), text(&total["value"]), text(&total["source"]["topic"]))
    });
    let mut totals: Vec<_> = totals.collect();
    totals.sort();
    let own =
        |minutes: i64, value: &str, topic: &str| (at(minutes), value.to_owned(), topic.to_owned());
    assert_eq!(totals, [own(-60, "2", &scene.usage), own(0, "3", &other)]);
}

fn event(kind: &str, (id, customer, time): (&str, &str, &str)) -> Outgoing {
    let value = format!(
        r#"{{"id":"{id}","type":"{kind}","customer":"{customer}","time":"2024-03-01T{time}Z"}}"#
    );
    Outgoing::keyed(customer, value)
}
