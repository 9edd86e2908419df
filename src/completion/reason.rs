//! Why nothing was offered, or how what was offered came about: one code for every request.

use std::fmt;

macro_rules! reasons {
    ($($variant:ident $code:literal $meaning:literal,)*) => {
        /// A reason code. `completion.md` of the design lists the stages; the README lists the meanings.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason { $(#[doc = $meaning] $variant,)* }

        impl Reason {
            pub const ALL: &'static [Reason] = &[$(Reason::$variant,)*];

            /// The stable code that statistics and `codesage.why` show.
            pub fn code(self) -> &'static str {
                match self { $(Reason::$variant => $code,)* }
            }

            /// One sentence a person can act on.
            pub fn meaning(self) -> &'static str {
                match self { $(Reason::$variant => $meaning,)* }
            }
        }
    };
}

reasons! {
    OffLanguage "off.language" "completion is switched off for this language",
    OffDisabled "off.disabled" "completion is switched off (`completion.enabled`)",
    OffSecret "off.secret" "the file looks like one that holds secrets",
    OffIgnored "off.ignored" "the file is excluded by an ignore file or by `context.ignore`",
    OffUnknown "off.unknown-document" "the editor asked about a document that is not open",
    PosMidWord "pos.mid-word" "the cursor stands inside a word",
    PosSelection "pos.selection" "text is selected",
    PosIndent "pos.indent" "only blanks were typed on a blank line",
    ModelNone "model.none" "no model is configured",
    ModelLoading "model.loading" "the model is still loading",
    ModelFailed "model.failed" "the model could not be loaded; see `codesage/stats`",
    BudgetPrompt "budget.prompt" "the text around the cursor does not fit the model's context",
    Superseded "superseded" "a newer request came",
    Cancelled "cancelled" "the client cancelled the request",
    Stale "stale" "the document changed or closed while the text was made",
    EngineFailed "engine.failed" "the engine reported an error; see the log",
    GenEmpty "gen.empty" "the model ended its answer at once",
    DropBlank "drop.blank" "the model wrote only blanks",
    DropShort "drop.short" "fewer than three visible characters remained",
    DropSuffix "drop.suffix" "the text already stands after the cursor",
    DropAbove "drop.above" "the text repeats the lines just above",
    DropRepeat "drop.repeat" "the model repeated itself",
    DropMidLine "drop.mid-line" "the text does not fit what stands right of the cursor",
    DropSyntax "drop.syntax" "the text would add a syntax error",
    DropUnseen "drop.unseen" "the model wrote a character that cannot be seen, one that commands a terminal or turns the direction of writing",
    DropPopup "drop.popup" "the text does not extend the item selected in the menu",
    DropConfidence "drop.confidence" "the model was not sure enough",
    OkCache "ok.cache" "answered from the cache: what was suggested is being typed",
    OkRunning "ok.running" "answered by what was being written already",
    OkNew "ok.new" "newly generated",
}

impl Reason {
    /// Whether a suggestion was shown.
    pub fn is_shown(self) -> bool {
        matches!(self, Reason::OkCache | Reason::OkRunning | Reason::OkNew)
    }

    /// Whether there was a text, and nothing of it was fit to show.
    pub fn is_drop(self) -> bool {
        let code = self.code();
        code.starts_with("drop.") || code.starts_with("gen.")
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
