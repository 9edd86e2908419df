//! What is switched by hand, for this session: completion on and off (`codesage.toggle`, `codesage.snooze`), and models
//! (`codesage.swapModel`).
//!
//! It stands above all settings, which stay as they are written. Does *not* keep time: who asks says what time it is.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::assist::roles::BUILT_IN;
use crate::config::{CompletionSettings, ModelSettings};
use crate::engine::Role;

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
    fill: Option<Swapped>,
    edit: Option<Swapped>,
}

/// A model named by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Swapped {
    Path(PathBuf),
    /// `builtin` is the one in the binary.
    Name(String),
}

impl Swapped {
    /// A path where it has one in it, as on the command line; none for nothing.
    pub fn named(id: &str) -> Option<Self> {
        let id = id.trim();
        let is_path = id.contains(['/', '\\']);
        (!id.is_empty()).then(|| if is_path { Self::Path(id.into()) } else { Self::Name(id.into()) })
    }

    fn parts(self) -> (Option<PathBuf>, Option<String>) {
        match self {
            Self::Path(path) => (Some(path), None),
            Self::Name(name) => (None, Some(name)),
        }
    }
}

impl Switch {
    /// Has a model answer for a role, or again that of the settings; which one did.
    pub fn swap(&mut self, role: Role, model: Option<Swapped>) -> Option<Swapped> {
        std::mem::replace(self.place(role), model)
    }

    /// Takes that back, unless another one was swapped to meanwhile.
    pub fn swap_back(&mut self, role: Role, from: Option<&Swapped>, before: Option<Swapped>) {
        let place = self.place(role);
        if place.as_ref() == from {
            *place = before;
        }
    }

    fn place(&mut self, role: Role) -> &mut Option<Swapped> {
        match role {
            Role::Fill => &mut self.fill,
            Role::Edit => &mut self.edit,
        }
    }

    /// Sets the models that were swapped.
    pub fn set_models(&self, model: &mut ModelSettings) {
        if let Some(fill) = &self.fill {
            (model.path, model.name) = fill.clone().parts();
            model.name.take_if(|name| name == BUILT_IN);
        }
        if let Some(edit) = &self.edit {
            (model.edit.path, model.edit.name) = edit.clone().parts();
        }
    }

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

    #[test]
    fn models_are_swapped_above_the_settings_and_back() {
        let written = ModelSettings { name: Some("written".into()), ..ModelSettings::default() };
        let mut switch = Switch::default();
        let set = |switch: &Switch| {
            let mut model = written.clone();
            switch.set_models(&mut model);
            let text = |path: Option<PathBuf>, name| path.map(|path| path.display().to_string()).or(name);
            (text(model.path, model.name), text(model.edit.path, model.edit.name))
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(set(&switch), (some("written"), None));
        assert_eq!(switch.swap(Role::Fill, Swapped::named(" a/b.gguf ")), None);
        assert_eq!(set(&switch), (some("a/b.gguf"), None));
        assert_eq!(switch.swap(Role::Edit, Swapped::named("builtin")), None);
        assert_eq!(set(&switch), (some("a/b.gguf"), some("builtin")));
        assert_eq!(switch.swap(Role::Fill, Swapped::named("builtin")), Swapped::named("a/b.gguf"));
        assert_eq!(set(&switch), (None, some("builtin")));
        assert_eq!(Swapped::named("  "), None);
        // What failed goes, and what was swapped to since stays.
        switch.swap_back(Role::Fill, Swapped::named("other").as_ref(), Swapped::named("before"));
        assert_eq!(set(&switch), (None, some("builtin")));
        switch.swap_back(Role::Fill, Swapped::named("builtin").as_ref(), Swapped::named("before"));
        assert_eq!(set(&switch), (some("before"), some("builtin")));
        switch.swap(Role::Fill, None);
        switch.swap(Role::Edit, None);
        assert_eq!(set(&switch), (some("written"), None));
    }
}
