//! `textDocument/codeAction`: what can be asked for at a place, listed without asking a model.
//!
//! Each is a literal with a command and never resolved: Helix resolves on its UI thread, vim-lsp and eglot 1.9 not at
//! all, and resolving shows no progress. vim-lsp asks on every line where the cursor rests and VS Code on every move,
//! so who was not asked by the person is told nothing unless there is a selection or a diagnostic. A key of a settings
//! file is mended without a model, and so by an edit that the literal has in it, and nothing else is offered there. Does
//! *not* decide what a place offers: `assist` does, and `config`.

use std::ops::Range;
use std::sync::Arc;

use serde_json::{Value, json};
use tower_lsp::lsp_types::{
    self, CodeAction, CodeActionContext, CodeActionKind, CodeActionOrCommand, CodeActionParams,
    CodeActionTriggerKind, Command, Diagnostic, Url,
};

use crate::assist::recipes::Recipe;
use crate::config::mend::Mend;
use crate::edit::{Action, Yield};
use crate::lsp::action::preview::Preview;
use crate::lsp::action::workspace_edit::{self, Change, Consent};
use crate::lsp::capabilities::ClientFlags;
use crate::lsp::session::Session;
use crate::lsp::{convert, ext};
use crate::text::Document;
use crate::threads::{lock, off_the_runtime};

const REWRITE: &str = "refactor.rewrite.codesage";
const REWRITE_DOCUMENT: &str = "refactor.rewrite.codesage.document";
const QUICK_FIX: &str = "quickfix.codesage";

/// The kinds that are announced.
pub const KINDS: [&str; 3] = [REWRITE, REWRITE_DOCUMENT, QUICK_FIX];

/// Diagnostics that a fix is offered for: a menu of ten fixes is no menu.
const FIXES: usize = 3;

/// Characters of a diagnostic's message in a title.
const TITLE: usize = 60;

/// Answers one request. What may parse runs elsewhere than on the transport task.
pub async fn answer(session: &Arc<Session>, params: CodeActionParams) -> Vec<CodeActionOrCommand> {
    let (uri, range, context) = (params.text_document.uri, params.range, params.context);
    lock(&session.actions.seen).range(&uri, range);
    let Some(document) = session.assistant.snapshot(&uri) else {
        return Vec::new();
    };
    let selection = convert::selection(document.rope(), range, &session.flags);
    // Some clients ask wherever the cursor rests: the person is there.
    session.assistant.caret(&uri, selection.end);
    if is_unbidden(&context, &session.flags) && !is_worth_it(&context, &document, &selection) {
        return Vec::new();
    }
    let preview = lock(&session.actions.previews).of(&uri).cloned();
    let version = document.version();
    let (asking, asked) = (session.clone(), uri.clone());
    let offering = off_the_runtime(move || {
        // What is wrong with our own settings we know, and a model does not: it is not asked about them.
        if let Some(mends) = asking.mends(&asked, &document, &selection) {
            let mends = mends.into_iter().map(|mend| of_mend(mend, &asked, &document, &asking.flags));
            return (Vec::new(), Vec::new(), true, mends.collect::<Vec<_>>());
        }
        let offers = asking.assistant.offers(&asked, &document, &selection);
        // Where none of ours may be offered, none of the person's may.
        let may = !offers.is_empty();
        let recipes =
            if may { asking.assistant.recipes(&document, !selection.is_empty()) } else { Vec::new() };
        asking.tell_recipe_problems();
        (offers, recipes, false, Vec::new())
    });
    // Where listing them broke there are none.
    let (offers, recipes, is_settings, mends) = offering.await.unwrap_or_default();
    let place = json!({ "textDocument": { "uri": uri, "version": version }, "range": range });
    let mut entries = of_preview(preview.as_ref());
    let fixes = context.diagnostics.iter().filter(|_| !is_settings).take(FIXES);
    entries.extend(fixes.map(|diagnostic| of_diagnostic(diagnostic, &place)));
    entries.extend(offers.into_iter().filter_map(|action| of_action(action, &place)));
    entries.extend(recipes.iter().map(|recipe| of_recipe(recipe, &context.diagnostics, &place)));
    entries.retain(|entry| is_wanted(entry.kind, context.only.as_deref()));
    let as_literals = session.flags.code_action_literals;
    let mends_wanted = as_literals && is_wanted(Some(QUICK_FIX), context.only.as_deref());
    let mends = mends.into_iter().filter(|_| mends_wanted).map(|(at, action)| {
        let is_of = |diagnostic: &&Diagnostic| diagnostic.range == at;
        let diagnostics = Some(context.diagnostics.iter().filter(is_of).cloned().collect());
        CodeActionOrCommand::CodeAction(CodeAction { diagnostics, ..action })
    });
    mends.chain(entries.into_iter().map(|entry| entry.shown(as_literals))).collect()
}

/// What was meant, written in place of what is no key; and where that stands.
fn of_mend(
    mend: Mend,
    uri: &Url,
    document: &Document,
    flags: &ClientFlags,
) -> (lsp_types::Range, CodeAction) {
    let title = format!("Change to `{}`", mend.key);
    let at = convert::range(document.rope(), &mend.at, flags.columns);
    let change = Change {
        uri: uri.clone(),
        version: Some(document.version()),
        before: Some(document.rope().to_string()),
        after: mend.text,
    };
    let edit = workspace_edit::edit(&title, &[change], flags, Consent::Given);
    let action = CodeAction {
        title: titled(&title),
        kind: Some(QUICK_FIX.into()),
        edit: serde_json::from_value(edit).ok(),
        is_preferred: Some(true),
        ..CodeAction::default()
    };
    (at, action)
}

/// One line of the menu.
#[derive(Debug)]
struct Entry {
    title: String,
    kind: Option<&'static str>,
    command: &'static str,
    argument: Value,
    diagnostic: Option<Diagnostic>,
}

impl Entry {
    fn shown(self, as_literal: bool) -> CodeActionOrCommand {
        let command = Command {
            title: self.title.clone(),
            command: self.command.into(),
            arguments: Some(vec![self.argument]),
        };
        if !as_literal {
            return CodeActionOrCommand::Command(command);
        }
        CodeActionOrCommand::CodeAction(CodeAction {
            title: self.title,
            kind: self.kind.map(CodeActionKind::from),
            diagnostics: self.diagnostic.map(|diagnostic| vec![diagnostic]),
            command: Some(command),
            ..CodeAction::default()
        })
    }
}

fn of_preview(preview: Option<&Preview>) -> Vec<Entry> {
    let entry = |title: &str, preview: &Preview, kind, command| Entry {
        title: format!("{title}: {}", preview.label),
        kind,
        command,
        argument: json!({ "id": preview.id }),
        diagnostic: None,
    };
    preview.map_or_else(Vec::new, |preview| {
        vec![
            entry("Apply preview", preview, Some(REWRITE), ext::APPLY_PREVIEW),
            entry("Discard preview", preview, None, ext::DISCARD_PREVIEW),
        ]
    })
}

/// An action as the menu shows it. A free instruction has no line, for a menu has nowhere to write it; a fix has one
/// for each diagnostic.
fn of_action(action: Action, place: &Value) -> Option<Entry> {
    let (title, kind, command) = match action {
        Action::Refactor => ("Refactor", Some(REWRITE), ext::REFACTOR),
        Action::Document => ("Document", Some(REWRITE_DOCUMENT), ext::DOCUMENT),
        Action::Explain => ("Explain", None, ext::EXPLAIN),
        Action::UnitTest => ("Write a unit test", None, ext::UNIT_TEST),
        Action::Review => ("Review", None, ext::REVIEW),
        Action::Fix | Action::Edit | Action::Custom => return None,
    };
    Some(Entry { title: titled(title), kind, command, argument: place.clone(), diagnostic: None })
}

/// An action that the person wrote down.
fn of_recipe(recipe: &Recipe, diagnostics: &[Diagnostic], place: &Value) -> Entry {
    let mut argument = place.clone();
    argument["name"] = json!(recipe.name);
    let messages: Vec<&str> = diagnostics.iter().map(|diagnostic| diagnostic.message.as_str()).collect();
    if !messages.is_empty() {
        argument["diagnostics"] = json!(messages);
    }
    Entry {
        title: titled(&recipe.title),
        kind: (recipe.brings != Yield::Prose).then_some(REWRITE),
        command: ext::CUSTOM,
        argument,
        diagnostic: None,
    }
}

fn of_diagnostic(diagnostic: &Diagnostic, place: &Value) -> Entry {
    let mut argument = place.clone();
    argument["diagnostic"] = json!({ "message": diagnostic.message, "range": diagnostic.range });
    let line = diagnostic.message.lines().next().unwrap_or_default();
    let short: String = line.chars().take(TITLE).collect();
    let more = if short.len() < diagnostic.message.len() { "…" } else { "" };
    Entry {
        title: titled(&format!("Fix: {short}{more}")),
        kind: Some(QUICK_FIX),
        command: ext::FIX,
        argument,
        diagnostic: Some(diagnostic.clone()),
    }
}

/// Whose it is: menus mix the actions of several servers.
fn titled(title: &str) -> String {
    format!("{title} (CodeSage)")
}

/// Whether the editor asked by itself.
fn is_unbidden(context: &CodeActionContext, flags: &ClientFlags) -> bool {
    let only = context.only.as_deref().unwrap_or_default();
    context.trigger_kind == Some(CodeActionTriggerKind::AUTOMATIC)
        // NB: its menu asks with the same words as its sign, so that without a selection it is empty too.
        || flags.asks_unbidden && only.len() > 1 && only.contains(&CodeActionKind::EMPTY)
}

/// Whether there is a diagnostic or a selection. A whole line is none: it is what vim-lsp names for a resting cursor.
fn is_worth_it(context: &CodeActionContext, document: &Document, selection: &Range<usize>) -> bool {
    let rope = document.rope();
    let line = rope.byte_to_line(selection.start);
    let next = rope.line_to_byte((line + 1).min(rope.len_lines()));
    let text = document.slice(selection.clone());
    let is_line = selection.start == rope.line_to_byte(line)
        && (selection.end == next
            || document.slice(selection.end..next).trim().is_empty() && selection.end < next);
    !context.diagnostics.is_empty() || !text.trim().is_empty() && !is_line
}

/// LSP 3.17, `only`: kinds are hierarchical, so that `refactor` asks for `refactor.rewrite` too. The empty kind asks
/// for all, and an action without a kind is for who asks for all.
fn is_wanted(kind: Option<&str>, only: Option<&[CodeActionKind]>) -> bool {
    let Some(only) = only.filter(|only| !only.is_empty()) else {
        return true;
    };
    only.iter().any(|asked| {
        let rest = kind.unwrap_or_default().strip_prefix(asked.as_str());
        asked == &CodeActionKind::EMPTY || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::Language;

    #[test]
    fn kinds_are_asked_for_by_their_beginning() {
        type Case = (Option<&'static str>, Option<&'static [&'static str]>, bool);
        let cases: &[Case] = &[
            (Some(REWRITE), None, true),
            (None, None, true),
            (Some(REWRITE), Some(&[]), true),
            (Some(REWRITE), Some(&["refactor"]), true),
            (Some(REWRITE), Some(&["refactor.rewrite"]), true),
            (Some(REWRITE), Some(&["refactor.rewrite.codesage"]), true),
            (Some(REWRITE), Some(&["refactor.rewrite.codesage.document"]), false),
            (Some(REWRITE_DOCUMENT), Some(&["refactor.rewrite.codesage.document"]), true),
            (Some(REWRITE), Some(&["refactor.re"]), false),
            (Some(REWRITE), Some(&["quickfix", "source"]), false),
            (Some(QUICK_FIX), Some(&["source", "quickfix"]), true),
            (Some(REWRITE), Some(&[""]), true),
            (None, Some(&[""]), true),
            (None, Some(&["refactor"]), false),
        ];
        for (kind, only, expected) in cases {
            let only: Option<Vec<CodeActionKind>> =
                only.map(|only| only.iter().map(|kind| CodeActionKind::from(kind.to_string())).collect());
            assert_eq!(is_wanted(*kind, only.as_deref()), *expected, "{kind:?} {only:?}");
        }
    }

    #[test]
    fn who_asks_by_itself_is_told_little() {
        let all = ["", "quickfix", "refactor"].map(|kind| CodeActionKind::from(kind.to_owned())).to_vec();
        let context = |only: Option<Vec<CodeActionKind>>, trigger_kind| CodeActionContext {
            only,
            trigger_kind,
            ..CodeActionContext::default()
        };
        let cases = [
            ("x", context(None, None), false),
            ("x", context(None, Some(CodeActionTriggerKind::INVOKED)), false),
            ("x", context(None, Some(CodeActionTriggerKind::AUTOMATIC)), true),
            ("x", context(Some(all.clone()), None), false),
            ("vim-lsp", context(Some(all), None), true),
            ("vim-lsp", context(Some(vec![CodeActionKind::EMPTY]), None), false),
            ("vim-lsp", context(Some(vec![CodeActionKind::REFACTOR, CodeActionKind::QUICKFIX]), None), false),
        ];
        for (name, context, expected) in cases {
            let flags = ClientFlags::distil(&json!({ "clientInfo": { "name": name } }));
            assert_eq!(is_unbidden(&context, &flags), expected, "{name} {context:?}");
        }
    }

    #[test]
    fn a_line_is_no_selection() {
        let document = Document::new(Language::of("plaintext", ""), 1, "ab cd\r\nef\n\n  \nlast");
        let cases = [
            (0..0, false),
            (0..2, true),
            (3..5, true),
            (0..5, false),
            (0..7, false),
            (0..9, true),
            (7..9, false),
            (7..10, false),
            (11..13, false),
            (14..18, false),
            (14..17, true),
            (15..18, true),
            (18..18, false),
        ];
        for (selection, expected) in cases {
            let found = is_worth_it(&CodeActionContext::default(), &document, &selection);
            assert_eq!(found, expected, "{selection:?}");
        }
        let context = CodeActionContext { diagnostics: vec![Diagnostic::default()], ..Default::default() };
        assert!(is_worth_it(&context, &document, &(0..0)));
    }

    #[test]
    fn the_menu() {
        let place = json!({ "textDocument": { "uri": "file:///a", "version": 3 } });
        let diagnostic =
            |message: &str| Diagnostic::new_simple(tower_lsp::lsp_types::Range::default(), message.into());
        let diagnostics = [diagnostic("short"), diagnostic(&"é".repeat(70)), diagnostic("two\nlines")];
        let offered = [
            Action::Refactor,
            Action::Document,
            Action::Explain,
            Action::UnitTest,
            Action::Review,
            Action::Edit,
            Action::Fix,
        ];
        let fixes = diagnostics.iter().map(|diagnostic| of_diagnostic(diagnostic, &place));
        let entries: Vec<Entry> =
            fixes.chain(offered.into_iter().filter_map(|action| of_action(action, &place))).collect();
        let menu: Vec<_> = entries
            .iter()
            .map(|entry| format!("{} | {} | {}", entry.title, entry.kind.unwrap_or("-"), entry.command))
            .collect();
        expect_test::expect![[r#"
            Fix: short (CodeSage) | quickfix.codesage | codesage.fix
            Fix: éééééééééééééééééééééééééééééééééééééééééééééééééééééééééééé… (CodeSage) | quickfix.codesage | codesage.fix
            Fix: two… (CodeSage) | quickfix.codesage | codesage.fix
            Refactor (CodeSage) | refactor.rewrite.codesage | codesage.refactor
            Document (CodeSage) | refactor.rewrite.codesage.document | codesage.document
            Explain (CodeSage) | - | codesage.explain
            Write a unit test (CodeSage) | - | codesage.unitTest
            Review (CodeSage) | - | codesage.review
        "#]].assert_eq(&format!("{}\n", menu.join("\n")));
        let fix = &entries[0];
        assert_eq!(fix.argument["diagnostic"]["message"], "short");
        assert_eq!(fix.argument["textDocument"], place["textDocument"]);
        for command in entries.iter().map(|entry| entry.command) {
            assert!(ext::COMMANDS.contains(&command), "{command} is announced");
        }
    }

    #[test]
    fn a_literal_where_literals_are_known() {
        let entry = || Entry {
            title: "T".into(),
            kind: Some(QUICK_FIX),
            command: ext::FIX,
            argument: json!({}),
            diagnostic: None,
        };
        let command = json!({ "title": "T", "command": "codesage.fix", "arguments": [{}] });
        let literal = json!({ "title": "T", "kind": "quickfix.codesage", "command": command });
        let shown = |as_literal| serde_json::to_value(entry().shown(as_literal)).ok();
        assert_eq!((shown(true), shown(false)), (Some(literal), Some(command)));
    }
}
