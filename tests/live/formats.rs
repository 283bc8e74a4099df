//! Topics whose records are of other systems' formats, each of its own: several events a record, types from a header or from
//! the topic, events without an id.

use crate::broker::Broker;
use crate::daemon::Daemon;
use crate::judgement::Outcome;
use crate::scene::{Scene, WORK_LIMIT};
use crate::topic::{Outgoing, Record, unique};
use crate::wait;

const HOUR: &str = r#""group":{},"start":"2024-03-01T00:00:00Z","end":"2024-03-01T01:00:00Z""#;

#[test]
fn topics_of_lago_and_zenskar_are_read_side_by_side() {
    let scene = Scene::new(Broker::shared(), 1);
    let usage = unique("data-usage");
    scene.broker.create_topic(&usage, 1);
    let topics = format!("topics = [\"{}\"]", scene.usage);
    let configuration = scene.configuration(Some("earliest"), "1h");
    assert!(configuration.contains(&topics));
    let both = format!(
        "topics = [{{ name = \"{}\", format = \"lago\" }}, {{ name = \"{usage}\", format = \"zenskar\" }}]",
        scene.usage
    );
    let configuration = configuration.replace(&topics, &both);
    let metric = |code: &str, topic: &str, event_type: &str| {
        format!(
            r#"{{"code":"{code}","topic":"{topic}","event_type":"{event_type}","aggregation":"sum","value":"properties.v","period":"hour"}}"#
        )
    };
    let metrics = [
        metric("calls", &scene.usage, "call"),
        metric("slugged", &usage, "api"),
        metric("named", &usage, &usage),
    ];
    let mut daemon =
        Daemon::new(&configuration, &format!(r#"{{"metrics":[{}]}}"#, metrics.join(",")));

    let lago = |id: &str, v: &str, time: &str| {
        format!(
            r#"{{"transaction_id":"{id}","external_subscription_id":"acme","code":"call","timestamp":"2024-03-01T{time}Z","properties":{{"v":{v}}}}}"#
        )
    };
    let array =
        [lago("a", "1", "00:10:00"), lago("b", "2", "00:20:00"), lago("a", "4", "00:30:00")];
    let with_bad = [lago("c", "8", "00:40:00"), "5".to_owned(), lago("d", "\"x\"", "00:40:00")];
    let wrapped = |events: &[String]| format!(r#"{{"events":[{}]}}"#, events.join(","));
    scene.produce(
        [
            wrapped(&array),
            wrapped(&with_bad),
            format!(r#"{{"event":{}}}"#, lago("e", "16", "00:50:00")),
            lago("b", "32", "00:55:00"),
            lago("end", "0", "03:00:00"),
        ]
        .map(|record| Outgoing::keyed("acme", record)),
    );
    let zenskar = |v: u32, time: &str| {
        let value = format!(
            r#"{{"customer_id":"acme","timestamp":"2024-03-01 {time}","data":{{"v":{v}}}}}"#
        );
        Outgoing::keyed("acme", value)
    };
    // The same record twice is two events: nothing says otherwise.
    let twice = || zenskar(1, "00:10:00").with_header("slug", "api");
    let rest = [
        zenskar(4, "00:10:00"),
        zenskar(0, "03:00:00"),
        zenskar(0, "03:00:00").with_header("slug", "api"),
    ];
    scene.broker.produce(&usage, [twice(), twice()].into_iter().chain(rest));
    daemon.start();
    for topic in [&scene.usage, &usage] {
        wait::until("the program is done with both topics", WORK_LIMIT, || {
            daemon.assert_running();
            let done = scene.broker.committed_records(&scene.group, topic);
            (done == scene.broker.end_of(topic)).then_some(())
        });
    }
    daemon.kill();
    daemon.start();
    wait::until("it serves again", WORK_LIMIT, || {
        daemon.assert_running();
        (scene.revisions() == 3).then_some(())
    });
    assert!(daemon.terminate().success());

    let total = |metric: &str, value: u32, events: u32| {
        format!(
            r#"{{"metric":"{metric}","customer":"acme",{HOUR},"value":"{value}","events":{events}}}"#
        )
    };
    let stated = [total("calls", 27, 4), total("slugged", 2, 2), total("named", 4, 1)].join("\n");
    let rejects = scene.broker.read_committed_all(&scene.rejects);
    let mut rejects: Vec<&str> = rejects.iter().map(Record::text).collect();
    // The topic has several partitions.
    rejects.sort_unstable();
    let parts = [
        ["\"reason\":\"bad_value\"", "\"transaction_id\":\"d\""],
        ["\"reason\":\"malformed\"", "\"event\":5"],
    ];
    assert_eq!(rejects.len(), parts.len(), "{rejects:?}");
    for (reject, parts) in rejects.iter().zip(parts) {
        assert!(parts.iter().all(|part| reject.contains(part)), "{rejects:?}");
    }
    let mut found = Outcome::found(&scene);
    found.forget_rejects();
    found.assert_is(&Outcome::stated(&stated));
}
