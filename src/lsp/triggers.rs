//! Who asked for a suggestion: the person, or the editor by itself. Pure; the session owns the one of a client.

use std::time::Duration;

use crate::completion::policy::Trigger;

/// A request this soon after a change came because of it.
const AFTER_TYPING: Duration = Duration::from_millis(500);

/// What a client's `triggerKind` counts from, as far as it has shown.
///
/// LSP 3.18 says Invoked 1 and Automatic 2; its drafts, and vscode-languageclient 9, say 0 and 1. A 1 alone is
/// either, so it is read by what else was seen, and until then by the clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Triggers {
    base: Base,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Base {
    #[default]
    Unknown,
    /// A 0 was seen.
    Zero,
    /// A 2 was seen.
    One,
}

impl Triggers {
    /// Reads one `triggerKind` of `textDocument/inlineCompletion`. `since_change` is the time since the last
    /// `didChange`, if there was one. Any number is read as something.
    pub fn inline(&mut self, kind: Option<i64>, since_change: Option<Duration>) -> Trigger {
        match kind {
            Some(0) => self.base = Base::Zero,
            Some(2) => self.base = Base::One,
            _ => {}
        }
        match (kind, self.base) {
            (Some(0), _) | (Some(1), Base::One) => Trigger::Invoked,
            (Some(1), Base::Unknown) => by_clock(since_change),
            _ => Trigger::Automatic,
        }
    }

    /// Reads one `triggerKind` of `textDocument/completion`, where 1 means both typing and asking.
    pub fn menu(kind: Option<i64>, since_change: Option<Duration>) -> Trigger {
        match kind {
            Some(2 | 3) => Trigger::Automatic,
            _ => by_clock(since_change),
        }
    }
}

fn by_clock(since_change: Option<Duration>) -> Trigger {
    match since_change {
        Some(since) if since <= AFTER_TYPING => Trigger::Automatic,
        _ => Trigger::Invoked,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_read_by_what_the_client_has_shown() {
        use Trigger::{Automatic, Invoked};
        let (now, long_ago) = (Some(Duration::from_millis(20)), Some(Duration::from_secs(1)));
        // Each row is one client's requests in order.
        type Request = (Option<i64>, Option<Duration>, Trigger);
        let cases: &[&[Request]] = &[
            &[(Some(2), now, Automatic), (Some(1), now, Invoked), (Some(1), long_ago, Invoked)],
            &[(Some(0), now, Invoked), (Some(1), long_ago, Automatic), (Some(1), now, Automatic)],
            &[(Some(1), now, Automatic), (Some(1), long_ago, Invoked), (Some(1), None, Invoked)],
            &[(Some(1), now, Automatic), (Some(2), now, Automatic), (Some(1), now, Invoked)],
            &[(None, long_ago, Automatic), (Some(-1), None, Automatic), (Some(i64::MAX), None, Automatic)],
        ];
        for requests in cases {
            let mut triggers = Triggers::default();
            for (kind, since, expected) in *requests {
                assert_eq!(triggers.inline(*kind, *since), *expected, "{kind:?} of {requests:?}");
            }
        }
    }

    #[test]
    fn a_menu_that_opens_while_typing_opened_by_itself() {
        use Trigger::{Automatic, Invoked};
        let (now, long_ago) = (Some(Duration::from_millis(20)), Some(Duration::from_secs(1)));
        let cases = [
            (Some(1), now, Automatic),
            (Some(1), long_ago, Invoked),
            (None, None, Invoked),
            (Some(2), long_ago, Automatic),
            (Some(3), long_ago, Automatic),
        ];
        for (kind, since, expected) in cases {
            assert_eq!(Triggers::menu(kind, since), expected, "{kind:?} {since:?}");
        }
    }
}
