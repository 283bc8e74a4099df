//! `odometer state adopt`: the group goes on from a state, where its own offset was lost or moved by hand.

use clap::Args;

use super::task::TaskArguments;
use crate::daemon::CommandError;
use crate::daemon::outcome::print;
use crate::daemon::readback::configured;
use crate::daemon::run::acceptance;
use crate::daemon::run::adoption::{self, Ask, Found};
use crate::settings::{Flow, KafkaFlow, Settings};

pub(super) const HELP: &str = "\
For a group whose offset of a partition expired, was deleted, or was moved by a tool, and for a state that
was brought from elsewhere: commits the offset of the state's last commit, with its metadata, for the group.
What of its outbox is not in the topics of totals and rejects yet (they are read for it, committed records
alone) is delivered at the next start.

Refused where the group has members; where its offset names a commit that the state does not have, for then
totals are visible that the state does not know; where the log does not hold the place at which the state
goes on, or has another record before it; and where the state is of another cluster, group, topic or
partition, unless --rebind says that it is the same log all the same.

Where retention has deleted what was not read yet, --past-gap has the state go on at the beginning of the log:
what is gone is not counted, and what was counted stays.

With sink-topics in place of a task: the topics of totals and rejects are not those that were delivered to
(deleted and created anew, or with other partitions), and those that there are now are taken from the next
start on. To be said for each state.directory of the group.

Examples:
  odometer state adopt usage-3 --config config/odometer.toml
  odometer state adopt sink-topics --config config/odometer.toml";

/// In place of a task: the topics that are delivered to, as the file that remembers them is called.
const SINK_TOPICS: &str = "sink-topics";

/// `odometer state adopt`
#[derive(Clone, Debug, Args)]
pub struct AdoptArguments {
    #[command(flatten)]
    of: TaskArguments,
    /// Take the state though it is of another cluster, group, topic or partition, and bind it to this one; or though the
    /// log lacks the last record that was read
    #[arg(long)]
    rebind: bool,
    /// Go on at the beginning of the log, where that is behind the place at which the state would go on
    #[arg(long)]
    past_gap: bool,
}

/// Adopts the state, once that is confirmed.
pub(super) fn adopt(arguments: &AdoptArguments) -> Result<(), CommandError> {
    let settings = configured(Some(&arguments.of.config), &arguments.of.overrides)?;
    let settings = settings.expect("a configuration is named");
    let Flow::Kafka(flow) = &settings.flow else {
        return Err(CommandError::Faults(vec![
            "source.kind is \"file\": over files there is no group whose offset could be lost"
                .to_owned(),
        ]));
    };
    if arguments.of.task == SINK_TOPICS {
        return accept(arguments, &settings, flow);
    }
    let ask = Ask {
        settings: &settings,
        flow,
        task: &arguments.of.task,
        rebinds: arguments.rebind,
        passes_gap: arguments.past_gap,
    };
    let adoption = match adoption::find(&ask)? {
        Found::Settled(words) => return print(&format!("{words}\n")),
        Found::Ready(adoption) => adoption,
    };
    let words = adoption.words();
    arguments.of.confirm(&format!("{words}. Commit that?"))?;
    adoption.carry_out()?;
    print(&format!("{words}\n"))
}

/// Takes the topics of totals and rejects that there are now, once that is confirmed.
fn accept(
    arguments: &AdoptArguments,
    settings: &Settings,
    flow: &KafkaFlow,
) -> Result<(), CommandError> {
    let Some(acceptance) = acceptance::find(settings, flow)? else {
        return print(
            "the topics of totals and rejects are what they were: nothing is to be done\n",
        );
    };
    let words = acceptance.words();
    arguments.of.confirm(&format!("{words}. Remember that?"))?;
    acceptance.carry_out()?;
    print(&format!("{words}\n"))
}
