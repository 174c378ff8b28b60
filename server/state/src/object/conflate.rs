//! Telling an audience with a rate what was held back: latest values, as one diff, and the sends behind it.

use slotcast_protocol::{Cursor, Diff, Event, ObjectName};

use super::Object;
use crate::contents::Contents;
use crate::effects::{Delivery, Effects};
use crate::followers::Group;
use crate::ids::SessionId;
use crate::pace::{Held, Pace};
use crate::ring::Mark;

impl Object {
    /// Those whose moment has come.
    pub fn tell_due(&mut self, now_ms: u64, effects: &mut Effects) {
        self.tell_those(|pace, _| pace.due_ms().is_some_and(|due_ms| due_ms <= now_ms), now_ms, effects);
    }

    /// Those who would otherwise miss deletions that are soon forgotten.
    pub(super) fn tell_before_forgotten(&mut self, now_ms: u64, effects: &mut Effects) {
        let oldest = self.contents.version.saturating_sub(self.kind.resync_depth);
        let is_late = |pace: &Pace, told: Mark| pace.due_ms().is_some() && told.version <= oldest;
        self.tell_those(is_late, now_ms, effects);
    }

    /// The session's audience, if sends wait: who begins now must not get what was sent before.
    pub(super) fn tell_sends(&mut self, session: SessionId, now_ms: u64, effects: &mut Effects) {
        let Some(channel) = self.followers.group(session).map(|(group, _)| group.channel) else { return };
        let Object { name, contents, followers, .. } = self;
        let mut groups = followers.groups_mut().filter(|group| group.channel == channel);
        if let Some(group) = groups.find(|group| group.pace.as_ref().is_some_and(Pace::holds_sends)) {
            tell(name, contents, group, now_ms, &mut effects.deliveries);
        }
    }

    fn tell_those(&mut self, wanted: impl Fn(&Pace, Mark) -> bool, now_ms: u64, effects: &mut Effects) {
        let Object { name, contents, followers, .. } = self;
        for group in followers.groups_mut() {
            if group.pace.as_ref().is_some_and(|pace| wanted(pace, group.told)) {
                tell(name, contents, group, now_ms, &mut effects.deliveries);
            }
        }
    }
}

/// A send comes behind all changes before it, perhaps with later ones.
fn tell(object: &ObjectName, contents: &Contents, group: &mut Group, now_ms: u64, out: &mut Vec<Delivery>) {
    let Some(Held { changed, sends, skipped, .. }) = group.pace.as_mut().map(|pace| pace.take(now_ms)) else {
        return;
    };
    if changed || skipped > 0 {
        let Mark { version, sends } = group.told;
        let cursor = Cursor { epoch: contents.epoch, version, sends: None };
        let diff = contents.diff_since(object, cursor, &group.audience.view);
        let mark = Mark { version: diff.to, sends: sends + skipped };
        out.push(group.publish(Event::Diff(Diff { skipped, ..diff }), mark));
    }
    for sent in sends {
        let mark = Mark { sends: group.told.sends + 1, ..group.told };
        out.push(group.publish(Event::Sent(sent), mark));
    }
}
