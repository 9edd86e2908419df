//! Completion switched on and off by hand, for this session: `codesage.toggle` and `codesage.snooze`.
//!
//! It stands above all settings, which stay as they are written. Does *not* keep time: who asks says what time it is.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::config::CompletionSettings;

/// A snooze without a time, seconds.
const SNOOZE: f64 = 300.0;

/// The longest, seconds: a day.
const LONGEST: f64 = 86_400.0;

/// What was switched by hand.
#[derive(Default)]
pub struct Switch {
    all: Option<bool>,
    languages: BTreeMap<String, bool>,
    until: Option<Instant>,
}

impl Switch {
    /// Switches everything, or one language, to the opposite of what `completion` says now; whether it is on.
    pub fn toggle(&mut self, language: Option<&str>, completion: &CompletionSettings) -> bool {
        let Some(language) = language else {
            self.until = None;
            let on = !completion.enabled;
            self.all = Some(on);
            return on;
        };
        let on = completion.disabled_languages.iter().any(|disabled| disabled == language);
        self.languages.insert(language.to_owned(), on);
        on
    }

    /// Off for so many seconds; none of them ends it. How long it is.
    pub fn snooze(&mut self, seconds: Option<f64>, now: Instant) -> Duration {
        let seconds = seconds.filter(|seconds| !seconds.is_nan()).unwrap_or(SNOOZE);
        let time = Duration::from_secs_f64(seconds.clamp(0.0, LONGEST));
        self.until = (!time.is_zero()).then(|| now + time);
        time
    }

    /// Sets what was switched.
    pub fn set(&self, completion: &mut CompletionSettings, now: Instant) {
        if let Some(on) = self.all {
            completion.enabled = on;
        }
        if self.until.is_some_and(|until| now < until) {
            completion.enabled = false;
        }
        for (language, on) in &self.languages {
            completion.disabled_languages.retain(|disabled| disabled != language);
            if !on {
                completion.disabled_languages.push(language.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;

    #[test]
    fn switched_by_hand() {
        let written = Settings::default().completion;
        let now = Instant::now();
        let mut switch = Switch::default();
        let as_set = |switch: &Switch, after: u64| {
            let mut completion = written.clone();
            switch.set(&mut completion, now + Duration::from_secs(after));
            completion
        };
        assert!(!switch.toggle(None, &as_set(&switch, 0)));
        assert!(!as_set(&switch, 0).enabled);
        assert!(switch.toggle(None, &as_set(&switch, 0)));
        assert!(as_set(&switch, 0).enabled);

        assert!(!switch.toggle(Some("rust"), &as_set(&switch, 0)));
        assert_eq!(as_set(&switch, 0).disabled_languages, ["rust"]);
        assert!(switch.toggle(Some("rust"), &as_set(&switch, 0)));
        assert!(as_set(&switch, 0).disabled_languages.is_empty());

        for (seconds, length) in
            [(None, 300), (Some(10.0), 10), (Some(-1.0), 0), (Some(1e99), 86_400), (Some(f64::NAN), 300)]
        {
            assert_eq!(switch.snooze(seconds, now), Duration::from_secs(length), "{seconds:?}");
            assert_eq!(as_set(&switch, 0).enabled, length == 0);
            assert!(as_set(&switch, length).enabled);
        }
        // Whoever switches during a snooze wants it on.
        switch.snooze(Some(10.0), now);
        assert!(switch.toggle(None, &as_set(&switch, 0)) && as_set(&switch, 0).enabled);
    }
}
