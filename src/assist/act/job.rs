//! What a job asks for, once its recipe, its request and the settings have each said their part: the recipe stands
//! below the request, and above the settings.

use std::ops::Range;

use super::Job;
use crate::assist::recipes::{Scope, Subject};
use crate::config::SamplingSettings;
use crate::edit::guard::{Guard, Refusal};
use crate::edit::region::{self, Region};
use crate::edit::{Action, Yield};
use crate::engine::sample::{Mirostat, Sampling};
use crate::models::catalog::Profile;
use crate::syntax::ChunkKind;

impl Job {
    pub fn brings(&self) -> Yield {
        self.recipe.as_ref().map_or_else(|| self.action.brings(), |recipe| recipe.brings)
    }

    pub(super) fn system(&self) -> Option<&str> {
        let recipe = || self.recipe.as_ref()?.system.as_deref();
        self.options.system.as_deref().or_else(recipe)
    }

    pub(super) fn max_tokens(&self) -> Option<u32> {
        self.options.max_tokens.or_else(|| self.recipe.as_ref()?.max_tokens)
    }

    /// How the tokens of the answer are chosen; where nobody has said, as is usual for a model of that size.
    pub(super) fn sampling(&self, settings: &SamplingSettings, profile: &Profile) -> Sampling {
        let of_recipe = || self.recipe.as_ref()?.temperature;
        self.options.sampling.unwrap_or_else(|| Sampling {
            temperature: of_recipe().or(settings.temperature).unwrap_or(profile.temperature),
            top_k: settings.top_k,
            top_p: settings.top_p,
            min_p: settings.min_p,
            repeat_penalty: settings.repeat_penalty.unwrap_or(profile.repeat_penalty),
            mirostat: match settings.mirostat {
                1 => Mirostat::V1,
                2 => Mirostat::V2,
                _ => Mirostat::Off,
            },
            tau: settings.mirostat_tau,
            eta: settings.mirostat_eta,
            seed: settings.seed.into(),
            ..Sampling::default()
        })
    }

    /// The person's own words: those of the recipe, with what they name filled in, else what they said.
    pub(super) fn words(&self, region: &Region, path: &str) -> Result<String, Refusal> {
        let Some(recipe) = &self.recipe else { return Ok(self.detail.trim().to_owned()) };
        let selection = self.document.slice(self.selection.clone());
        let words = recipe.instruction(&Subject {
            selection: &selection,
            region: &region.text,
            path,
            language: self.document.language().id,
            instruction: self.detail.trim(),
            diagnostics: &self.diagnostics,
        });
        words.map_err(|why| {
            let file = recipe.file.display();
            Refusal::new(
                Guard::Empty,
                format!("`{}` says nothing to the model: {why}. See {file}.", recipe.name),
            )
        })
    }

    /// What the job works on.
    pub(super) fn region(&self) -> Result<Region, Refusal> {
        let nothing = |sentence: &str| Refusal::new(Guard::Empty, sentence);
        let selection = match self.recipe.as_ref().map(|recipe| recipe.scope) {
            None => self.meant(),
            Some(Scope::Auto) => self.selection.clone(),
            Some(Scope::Selection) if self.selection.is_empty() => {
                return Err(nothing("This action is for a selection. Select some lines."));
            }
            Some(Scope::Selection) => self.selection.clone(),
            Some(Scope::Function) => self.function().ok_or_else(|| {
                nothing("This action is for a function, and there is none here. Put the cursor into one.")
            })?,
            Some(Scope::File) if self.document.is_empty() => {
                return Err(nothing("The file is empty: there is nothing to work on."));
            }
            Some(Scope::File) => 0..self.document.len(),
        };
        region::choose(&self.document, selection, self.action)
    }

    /// The innermost function round the start of the selection, bytes.
    fn function(&self) -> Option<Range<usize>> {
        let rope = self.document.rope();
        let line_of = |offset: usize| rope.byte_to_line(crate::syntax::lines::floor(rope, offset));
        let line = line_of(self.selection.start.min(self.selection.end));
        let functions = self.document.chunks().iter().filter(|chunk| {
            matches!(chunk.kind, ChunkKind::Function | ChunkKind::Method | ChunkKind::Test)
                && (line_of(chunk.range.start)..=line_of(chunk.range.end)).contains(&line)
        });
        functions.min_by_key(|chunk| chunk.range.len()).map(|chunk| chunk.range.clone())
    }

    /// The selection that is meant, bytes. An error is fixed in the function round it; and who documents or tests a
    /// word that the editor has selected means what holds it.
    fn meant(&self) -> Range<usize> {
        let selected = match (&self.diagnostic, self.action) {
            (Some(diagnostic), Action::Fix) if self.selection.is_empty() || self.selection == *diagnostic => {
                diagnostic
            }
            _ => &self.selection,
        };
        let text = self.document.slice(selected.clone());
        let is_word = !text.contains(['\n', '\r']);
        match self.action {
            Action::Fix | Action::Document | Action::UnitTest if is_word => selected.start..selected.start,
            _ => selected.clone(),
        }
    }

    /// What an editor calls the change in its list of undos.
    pub(super) fn label(&self, name: Option<&str>) -> String {
        if let Some(recipe) = &self.recipe {
            return recipe.title.clone();
        }
        let doing = match self.action {
            Action::Refactor => "Refactor",
            Action::Document => "Document",
            Action::UnitTest => "Test",
            Action::Fix => "Fix",
            Action::Explain | Action::Review | Action::Edit | Action::Custom => "Edit",
        };
        match name {
            Some(name) => format!("{doing} {name}"),
            None => doing.to_owned(),
        }
    }
}
