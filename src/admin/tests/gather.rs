//! Questions that are passed on to the other processes of the group.

use std::sync::Mutex;

use serde_json::{Value, json};

use super::*;
use crate::admin::Role;

/// One process that answers, and one that does not. Keeps what it was asked, and by which key.
#[derive(Default)]
struct Group(Mutex<Vec<(UsageAsk, Option<String>)>>);

impl Peers for Group {
    fn is_empty(&self) -> bool {
        false
    }

    fn is_this(&self, name: &str) -> bool {
        name == "this"
    }

    fn usage(&self, ask: &UsageAsk, key: Option<&str>) -> Vec<Result<UsagePage, Unanswered>> {
        self.0.lock().expect("no panic").push((ask.clone(), key.map(str::to_owned)));
        let body = json!({
            "totals": [{"metric": "other", "source": {"topic": "usage", "partition": 0}}],
            "next": null,
            "missing": [{"topic": "usage", "partitions": [1, 2]}],
            "forgotten": false,
            "as_of": [{"topic": "usage", "partition": 0, "read": 3}],
        });
        let away = Unanswered { peer: "http://c".to_owned(), reason: "it is away".to_owned() };
        vec![UsagePage::read(&body.to_string()).map_err(|_| away.clone()), Err(away)]
    }
}

#[test]
fn answer_is_gathered_from_all_in_the_name_of_who_asks() {
    let group = Arc::new(Group::default());
    let keys = vec![keys::key("reader", Some("acme"), Role::Read)];
    let given =
        Given { peers: Some(Arc::clone(&group) as Arc<dyn Peers>), keys, ..Given::default() };
    served_with(given, Series::new(EventTime::EARLIEST), ready(), |address| {
        let ask = |more: &str| {
            let headers = format!("x-api-key: reader\r\n{more}");
            let (status, body) = sent(address, "GET /v1/usage?metric=m&limit=7", &headers, "");
            (status, serde_json::from_str::<Value>(&body).expect("JSON"))
        };
        let (status, body) = ask("");
        assert_eq!(status, 200, "{body}");
        let partitions = body["as_of"].as_array().expect("a list");
        let partitions: Vec<&Value> = partitions.iter().map(|task| &task["partition"]).collect();
        assert_eq!(partitions, [0, 1]);
        assert_eq!(body["totals"][0]["metric"], "other");
        assert_eq!(body["missing"], json!([{"topic": "usage", "partitions": [2]}]));
        assert_eq!(body["complete"], false);
        assert_eq!(body["unanswered"], json!([{"peer": "http://c", "reason": "it is away"}]));
        let asked = std::mem::take(&mut *group.0.lock().expect("no panic"));
        let [(question, key)] = &asked[..] else { panic!("once: {asked:?}") };
        assert_eq!((question.tenant.as_str(), question.limit), ("acme", 7));
        assert_eq!(key.as_deref(), Some("reader"));

        // What another process passes on is answered from here alone, and what this one does not at all.
        let (status, body) = ask("x-odometer-forwarded: 1\r\n");
        assert_eq!((status, body["totals"].as_array().map(Vec::len)), (200, Some(1)));
        assert_eq!(body["unanswered"], json!([]));
        let (status, body) = ask("x-odometer-forwarded: this\r\n");
        assert_eq!((status, &body["error"]["code"]), (421, &"own_address".into()));
        assert!(group.0.lock().expect("no panic").is_empty(), "nobody else was asked");
    });
}
