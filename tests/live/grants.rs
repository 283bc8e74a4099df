//! A cluster with ACLs: what the program needs is no more than what is documented, and what it lacks is named.

use rdkafka::consumer::{BaseConsumer, Consumer};

use crate::broker::Broker;
use crate::daemon::Daemon;
use crate::load::{DEFINITIONS, Load};
use crate::scene::{Scene, WORK_LIMIT};
use crate::security;
use crate::wait;

/// Grants the user of the program operations on a resource.
fn grant(broker: &Broker, operations: &[&str], resource: [&str; 2]) {
    let mut arguments = vec!["--add", "--allow-principal", "User:guest"];
    for operation in operations {
        arguments.extend(["--operation", operation]);
    }
    arguments.extend(resource);
    arguments.extend(["--resource-pattern-type", "prefixed"]);
    broker.tool("org.apache.kafka.tools.AclCommand", &arguments);
}

/// Starts the program, which ends by itself and names all these words in one error.
fn expect_named(daemon: &mut Daemon, words: &[&str]) {
    let known = daemon.said().len();
    daemon.start();
    assert_eq!(daemon.await_end().code(), Some(1));
    let said = daemon.said()[known..].replace('\\', "");
    let is_named = |line: &str| words.iter().all(|word| line.contains(word));
    assert!(said.lines().any(is_named), "no {words:?} in:\n{said}");
}

#[test]
fn documented_grants_are_enough_and_a_missing_one_is_named() {
    let broker = security::broker();
    let scene = Scene::new(broker, 2);
    let Scene { usage, totals, rejects, group, .. } = &scene;
    let mut load = Load::new(50, 2);
    let password = security::kept("password");
    let guest = security::sasl("PLAIN", &password).replace("\"odometer\"", "\"guest\"");
    let settings = security::connection("SASL_PLAINTEXT", &guest);
    let mut daemon = Daemon::new(&security::configured(&scene, &settings), DEFINITIONS);

    let (trials, status) = daemon.check();
    let failed = trials.iter().filter(|line| line.starts_with("FAILED")).count();
    assert_eq!((failed, status), (6, Some(1)), "topics, group, ids, states: {trials:#?}");

    let named = |topic: &str| format!("topic \"{topic}\" is not authorised");
    expect_named(&mut daemon, &[&named(usage), "Describe and Read"]);
    grant(broker, &["Read"], ["--topic", usage]);
    expect_named(&mut daemon, &[&named(totals), "Describe and Write"]);
    grant(broker, &["Describe"], ["--topic", totals]);
    grant(broker, &["Write"], ["--topic", rejects]);
    // That it may be described is not enough.
    let (trials, _) = daemon.check();
    let line = |begin: &str| trials.iter().find(|line| line.contains(begin)).expect("it is tried");
    assert!(line("sink.topic").contains("Describe and Write"), "{trials:#?}");
    assert!(line("source topic").starts_with("ok      "), "{trials:#?}");
    assert!(line("rejects.topic").starts_with("ok      "), "{trials:#?}");
    assert!(line("source.group_id").contains("Read on the group"), "{trials:#?}");
    expect_named(
        &mut daemon,
        &[&format!("transactional id \"{group}-"), "Describe and Write on the"],
    );
    grant(broker, &["Write"], ["--transactional-id", group]);
    // The client goes on asking for the group.
    daemon.start();
    wait::until("the group is named", WORK_LIMIT, || {
        daemon.assert_running();
        daemon.said().contains("grant the operation Read on the group").then_some(())
    });
    assert!(daemon.terminate().success());
    grant(broker, &["Read"], ["--group", group]);
    // Bad records alone go out before there is a total.
    scene.produce(load.by_ref().take(2000));
    expect_named(&mut daemon, &[totals, "is not authorised", "Describe and Write"]);
    grant(broker, &["Write"], ["--topic", totals]);
    let (trials, status) = daemon.check();
    let are_good = trials.iter().all(|line| !line.starts_with("FAILED"));
    assert!(are_good && status == Some(0), "{trials:#?}");

    // A second start looks at the record before the cursor.
    for _ in 0..2 {
        scene.produce(load.by_ref().take(500));
        scene.work_through(&mut daemon);
    }
    scene.produce(load.end());
    scene.work_through(&mut daemon);
    scene.assert_exact(DEFINITIONS);
    assert!(daemon.said().contains("DescribeConfigs"), "what it could not ask is told");
}

/// What processes that share tasks need beside: a topic in which they tell each other of their customers.
#[test]
fn grants_on_the_topic_of_customers_are_named_one_by_one() {
    let broker = security::broker();
    let scene = Scene::new(broker, 2);
    let Scene { usage, totals, rejects, group, .. } = &scene;
    let mut load = Load::new(52, 2);
    let store = tempfile::tempdir().expect("a folder");
    let password = security::kept("password");
    let guest = security::sasl("PLAIN", &password).replace("\"odometer\"", "\"guest\"");
    let configuration =
        security::configured(&scene, &security::connection("SASL_PLAINTEXT", &guest));
    let checkpoint =
        format!("[state.checkpoint]\nstore = \"file://{}\"\n[watermark]", store.path().display());
    let configuration = configuration.replace("[watermark]", &checkpoint);
    let mut daemon = Daemon::new(&configuration, DEFINITIONS);
    grant(broker, &["Read"], ["--topic", usage]);
    grant(broker, &["Write"], ["--topic", totals]);
    grant(broker, &["Write"], ["--topic", rejects]);
    grant(broker, &["Write"], ["--transactional-id", group]);
    grant(broker, &["Read"], ["--group", group]);
    let customers = format!("{group}-customers");
    let told = |daemon: &Daemon| {
        let (trials, _) = daemon.check();
        let line = trials.iter().find(|line| line.contains("source.customers_topic"));
        line.expect("it is tried").replace('\\', "")
    };

    let lacks = |daemon: &mut Daemon, words: &str| {
        let line = told(daemon);
        assert!(line.starts_with("FAILED") && line.contains(words), "no {words} in: {line}");
        expect_named(daemon, &[&customers, "is not authorised", words]);
    };
    // Whether there is one is not told either.
    lacks(&mut daemon, "Describe and Write");
    grant(broker, &["Write"], ["--topic", &customers]);
    assert!(told(&daemon).contains("does not exist yet"), "{}", told(&daemon));
    expect_named(&mut daemon, &[&customers, "could not be made", "grant Create on it"]);
    broker.create_topic_with(&customers, 1, &[("cleanup.policy", "compact")]);
    lacks(&mut daemon, "Describe and Read");
    grant(broker, &["Read"], ["--topic", &customers]);
    assert!(told(&daemon).starts_with("ok      "), "{}", told(&daemon));
    scene.produce(load.by_ref().take(1000));
    scene.produce(load.end());
    scene.work_through(&mut daemon);
    scene.assert_exact(DEFINITIONS);
    assert!(!broker.read_committed_all(&customers).is_empty(), "they are told");
}

#[test]
fn look_at_the_record_before_the_cursor_leaves_the_group_alone() {
    let scene = Scene::new(Broker::shared(), 2);
    let mut load = Load::new(51, 2);
    scene.produce(load.by_ref().take(500));
    let mut daemon = scene.daemon();
    daemon.start();
    scene.await_done(&mut daemon);
    // One worker may be done with the topic before the other has joined.
    wait::until("two workers are members, and at rest", WORK_LIMIT, || {
        let (group, given) = (members(&scene), daemon.said().matches("partitions given").count());
        wait::pass(std::time::Duration::from_secs(2));
        let is_at_rest =
            members(&scene) == group && daemon.said().matches("partitions given").count() == given;
        // A member without a partition has no bytes behind the count of its topics.
        let is_one_each = group.len() == 2 && group.iter().all(|(_, owned)| owned.len() > 10);
        (is_one_each && is_at_rest).then_some(())
    });
    let before = (members(&scene), offsets(&scene));
    let known = daemon.said().len();

    let options = options(&scene);
    for partition in [0, 1] {
        let found = odometer::kafka::record_before(&options, partition, 3).expect("an answer");
        let record = scene.broker.read_committed_all(&scene.usage).into_iter();
        let mut record = record.filter(|one| (one.partition, one.offset) == (partition, 3));
        assert_eq!(found.map(|(_, value)| value), record.next().expect("it is there").value);
    }
    wait::pass(std::time::Duration::from_secs(2));
    let after = (members(&scene), offsets(&scene));
    assert_eq!(before, after);
    let said = daemon.said()[known..].to_owned();
    assert!(!said.contains("partitions taken"), "a rebalance:\n{said}");
    assert!(!said.contains("partitions given"), "a rebalance:\n{said}");
    assert!(daemon.terminate().success());
}

/// The group's offsets, without what else is said with them.
fn offsets(scene: &Scene<'_>) -> Vec<Option<i64>> {
    let committed = scene.broker.committed_offsets(&scene.group, &scene.usage);
    committed.into_iter().map(|offset| offset.map(|(offset, _)| offset)).collect()
}

/// A member's id and what it owns, as the assignor writes it.
type Member = (String, Vec<u8>);

/// The group's members, once it is at rest.
pub(crate) fn members(scene: &Scene<'_>) -> Vec<Member> {
    wait::until("the group is at rest", WORK_LIMIT, || {
        let (state, members) = group(scene)?;
        (state == "Stable").then_some(members)
    })
}

/// The group's state and members as of now, where it has been heard of.
pub(crate) fn group(scene: &Scene<'_>) -> Option<(String, Vec<Member>)> {
    let client: BaseConsumer = scene.broker.client().create().expect("a client");
    let groups = client.fetch_group_list(Some(&scene.group), WORK_LIMIT).ok()?;
    let group = groups.groups().first()?;
    let member = |member: &rdkafka::groups::GroupMemberInfo| {
        let assignment = member.assignment().unwrap_or_default().to_vec();
        (member.id().to_owned(), assignment)
    };
    let mut members: Vec<_> = group.members().iter().map(member).collect();
    members.sort();
    Some((group.state().to_owned(), members))
}

fn options(scene: &Scene<'_>) -> odometer::kafka::Options {
    let address = scene.broker.address().to_owned();
    let properties = std::collections::BTreeMap::from([("bootstrap.servers".to_owned(), address)]);
    let unknown = || Err("not asked".to_owned());
    odometer::kafka::Options {
        source: properties.clone(),
        sink: properties,
        group: scene.group.clone(),
        instance: "test".to_owned(),
        is_static: false,
        worker: 0,
        topics: odometer::kafka::Topics {
            source: scene.usage.clone(),
            totals: scene.totals.clone(),
            rejects: scene.rejects.clone(),
        },
        topic_id: None,
        limits: odometer::kafka::Limits {
            client: 1_000_000,
            totals: unknown(),
            rejects: unknown(),
        },
        transaction_timeout: WORK_LIMIT,
        request_timeout: WORK_LIMIT,
    }
}
