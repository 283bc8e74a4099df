//! What texts of halts say, and how long they are.

use super::*;

fn replaced() -> Replaced {
    let (before, now) = ("a".repeat(22), "b".repeat(22));
    Replaced { before, now, memory: "state/sink-topics".to_owned() }
}

/// Every way to a new group.
fn counted_anew() -> Vec<Halt> {
    vec![
        Halt::PartitionsChanged { before: 2, now: 3 },
        Halt::OffsetGone,
        Halt::ForeignOffset { offset: 5, metadata: "x".to_owned() },
        Halt::StateElsewhere { commit: CommitId([7; 16]) },
        Halt::StateDamaged {
            directory: "data/state/usage-3".to_owned(),
            reason: "Corruption: block checksum mismatch in 000012.sst".to_owned(),
        },
        Halt::StateOfOtherForm {
            directory: "data/state/usage-3".to_owned(),
            reason: "it has format 2, and this version reads format 1".to_owned(),
        },
        Halt::TopicRecreated { offset: 5, log_end: 3 },
        Halt::RecordReplaced { offset: 5 },
        Halt::RecordGone { offset: 5, policy: Ok("delete".to_owned()) },
        Halt::RecordGone {
            offset: 5,
            policy: Err("it may not be asked: that takes DescribeConfigs".to_owned()),
        },
        Halt::TopicReplaced { before: "a".repeat(22), now: "b".repeat(22) },
        Halt::TotalsReplaced(replaced()),
        Halt::RejectsReplaced(replaced()),
        Halt::TotalsPartitionsChanged { before: 3, now: 6, memory: "state/sink-topics".to_owned() },
        Halt::CustomerInTwoTasks {
            tenant: "t".to_owned(),
            customer: "c".to_owned(),
            other: "usage partition 1".to_owned(),
        },
        Halt::FormerCustomerInTwoTasks { digest: 7, other: "usage partition 1".to_owned() },
        Halt::CustomerOfAnotherTask {
            tenant: "t".to_owned(),
            customer: "c".to_owned(),
            other: "odometer-usage-by-customer partition 1".to_owned(),
        },
    ]
}

#[test]
fn new_group_comes_with_a_state_and_a_totals_topic_of_its_own() {
    for halt in counted_anew() {
        let text = halt.to_string();
        for words in [
            "a new source.group_id",
            "empty state.directory",
            "another sink.topic",
            "another rejects.topic",
        ] {
            assert!(text.contains(words), "no {words} in: {text}");
        }
        assert!(text.contains("old totals topic"), "what becomes of what was billed: {text}");
        let sentences = text.matches(". ").count() + 1;
        assert!(sentences <= 4 && text.len() < 860, "{} bytes: {text}", text.len());
    }
}

#[test]
fn commands_name_the_task() {
    for halt in counted_anew() {
        let (text, named) = (halt.to_string(), halt.of_task("usage-3"));
        assert_eq!(named.contains(" usage-3`"), text.contains("TASK`"), "{named}");
        assert!(named.contains("`odometer state "), "a command that settles it: {named}");
        assert!(!named.contains("TASK"), "{named}");
    }
    let lost = Halt::StateElsewhere { commit: CommitId([7; 16]) }.of_task("usage-3");
    for command in ["restore", "rebuild"] {
        assert!(lost.contains(&format!("`odometer state {command} usage-3`")), "{lost}");
    }
}

#[test]
fn each_topic_that_was_created_anew_has_a_text_of_its_own() {
    let totals = Halt::TotalsReplaced(replaced()).to_string();
    let rejects = Halt::RejectsReplaced(replaced()).to_string();
    for text in [&totals, &rejects] {
        assert!(text.contains("sent last may be in it, or in neither. Where "), "{text}");
        assert!(text.contains("`odometer state adopt sink-topics` takes the new one"), "{text}");
    }
    assert!(totals.contains("correction") && totals.contains("odometer state export"));
    for word in ["correction", "revision", "readers have"] {
        assert!(!rejects.contains(word), "{word} is of totals: {rejects}");
    }
}

#[test]
fn state_that_is_lost_for_good_is_told_of() {
    let text = Halt::StateElsewhere { commit: CommitId([7; 16]) }.to_string();
    assert!(text.contains("lost for good") && text.contains("start_from"), "{text}");
}
