//! Whether what is added is a test, of what was asked about, and nothing else.
//!
//! No compiler runs here. What can be told without one: nothing is taken away, a test comes to it that names what it
//! tests and can fail, nothing has a name that is taken, and all of it stands where tests stand.

use crate::edit::diff;
use crate::edit::guard::case::{Case, Side, same_ends};
use crate::edit::guard::invariant::Kept;
use crate::edit::guard::symbols::{Symbol, symbols};
use crate::syntax::ChunkKind;
use crate::syntax::parts::Parts;
use crate::syntax::skeleton::Skeleton;

pub fn check(case: &Case) -> Kept {
    let only_adds = diff::lines(&case.old.text, &case.new.text).into_iter().all(|one| {
        let removed = case.old.text.get(one.range).unwrap_or_default();
        let (above, below) = same_ends(removed, &one.text);
        above + below == removed.len()
    });
    if !only_adds {
        return Err("The change alters code that is there, and only a new test was asked for.".to_owned());
    }
    let (before, Some(parts)) = (case.old.parts(), case.new.parts()) else {
        return Err(
            "Whether this is a test cannot be checked in this file. Look at it before it is used.".to_owned()
        );
    };
    let nothing = Parts::default();
    let before = before.unwrap_or(&nothing);
    let added = Added::of(case);
    let Some(test) = added.tests(case, parts).next() else {
        return Err("The answer has no test in it that the language's test runner would find.".to_owned());
    };
    let holder = test.path.split_last().map_or(&[][..], |(_, holder)| holder);
    if let Some(other) = added.symbols().find(|symbol| !symbol.path.starts_with(holder)) {
        return Err(format!(
            "The answer ends the place where the tests stand, and goes on with `{}`.",
            other.name
        ));
    }
    if let Some(clash) =
        added.symbols().find(|symbol| symbol.is_function() && added.count(&added.after, symbol) > 1)
    {
        return Err(format!("There is a function `{}` already at this place.", clash.name));
    }
    let tested = case.change.tested;
    if let Some(copy) = added
        .symbols()
        .find(|symbol| symbol.kind == ChunkKind::Function && tested.first() == Some(&symbol.name))
    {
        return Err(format!(
            "The answer has a `{}` of its own, so that it would not test the one that is there.",
            copy.name
        ));
    }
    let [new, old] = [&case.new, &case.old].map(Side::skeleton);
    let is_used = |name: &String| {
        uses(new.as_ref(), parts, &added.after, name) > uses(old.as_ref(), before, &added.before, name)
    };
    if let Some(name) = tested.first()
        && !tested.iter().any(is_used)
    {
        return Err(format!("The test does not use `{name}`."));
    }
    if parts.assertions.len() <= before.assertions.len() {
        return Err("The test checks nothing, so it cannot fail.".to_owned());
    }
    Ok(())
}

/// The named pieces of both texts.
struct Added {
    before: Vec<Symbol>,
    after: Vec<Symbol>,
}

impl Added {
    fn of(case: &Case) -> Self {
        Self { before: symbols(case.old.document), after: symbols(case.new.document) }
    }

    /// How many of `all` have the path of `symbol`.
    fn count(&self, all: &[Symbol], symbol: &Symbol) -> usize {
        all.iter().filter(|other| other.path == symbol.path).count()
    }

    /// What the new text has more of. Of several with one path all are told.
    fn symbols(&self) -> impl Iterator<Item = &Symbol> {
        self.after.iter().filter(|symbol| self.count(&self.after, symbol) > self.count(&self.before, symbol))
    }

    /// Those of them that are tests, and not only places of tests.
    fn tests(&self, case: &Case, parts: &Parts) -> impl Iterator<Item = &Symbol> {
        let chunks = case.new.document.chunks();
        self.symbols().filter(move |symbol| {
            let signature = chunks.get(symbol.chunk).map(|chunk| chunk.signature.start);
            let is_block = parts.tests.iter().any(|block| Some(block.range.start) == signature);
            symbol.kind == ChunkKind::Test && !is_block
        })
    }
}

/// How often code names something, where it is neither defined nor imported.
fn uses(skeleton: Option<&Skeleton>, parts: &Parts, symbols: &[Symbol], name: &str) -> usize {
    let named = skeleton.map_or(0, |skeleton| {
        skeleton.code.iter().filter(|bone| bone.is_identifier && bone.text == name).count()
    });
    let defined = symbols.iter().filter(|symbol| symbol.name == name).count();
    let imported = parts.imported.iter().filter(|imported| imported.name == name).count();
    named.saturating_sub(defined + imported)
}
