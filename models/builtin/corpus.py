"""Source files in, a cleaned corpus out: filtered, deduplicated, split by package, with its data card.

Only packages under a permissive licence enter; whatever has no licence that `PERMISSIVE` knows is left out and listed as
left out. The split happens before anything is learned: neither the tokenizer nor the model sees a held-out character.
"""

from __future__ import annotations

import argparse
import email
import json
import random
import re
import tomllib
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np

from inputs import BadInputError, reporting

PERMISSIVE = {
    *("MIT", "MIT-0", "MIT-CMU", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "Zlib", "0BSD", "BSL-1.0"),
    *("Unlicense", "CC0-1.0", "Unicode-3.0", "Unicode-DFS-2016", "PSF-2.0", "Python-2.0"),
}

# Older Python packages name their licence in words.
LICENCE_WORDS = {
    "mit license": "MIT",
    "mit": "MIT",
    "bsd": "BSD-3-Clause",
    "bsd license": "BSD-3-Clause",
    "new bsd license": "BSD-3-Clause",
    "apache software license": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "python software foundation license": "PSF-2.0",
    "isc license (iscl)": "ISC",
}

HELD_OUT_PACKAGES = {
    "python": {"jinja2", "click", "fsspec", "anyio"},
    "rust": {"ropey", "tower", "url", "ignore", "indexmap"},
}
HELD_OUT_FILES = 60

# Bindings and data written by programs: nobody types them. Vendored copies would leak held-out packages.
SKIP_PACKAGES = re.compile(r"^(windows|winapi|web-sys|js-sys|libc$|linux-raw-sys|r-efi|.*_data$|codesage)")
SKIP_PATHS = re.compile(
    r"(^|/)(_?vendor(ed)?|site-packages|encodings|lib2to3|pydoc_data|test_?data|fixtures?|tests/data|data|gen|generated"
    r"|tables?|unicode\w*|tables?\.rs|\w*_tables?\.\w+|idnadata\.py|uts46data\.py|bindings?\.rs|idlelib/idle_test)(/|$)"
)
TEST_PATHS = re.compile(r"(^|/)(tests?|testing|benches|idle_test)/|(^|/)(test_\w+|\w+_test|conftest)\.\w+$")
GENERATED = re.compile(r"@generated|do not edit|auto-?generated|generated (by|from|automatically)|machine generated", re.I)
LEGAL = re.compile(r"copyright|licen[sc]e|SPDX|all rights reserved|permission is hereby", re.I)
LEADING_COMMENT = {
    "python": re.compile(r"\A(?:[ \t]*#[^\n]*\n|[ \t]*\n)+"),
    "rust": re.compile(r"\A(?:[ \t]*//(?![!/])[^\n]*\n|[ \t]*\n|/\*(?![*!]).*?\*/[ \t]*\n)+", re.S),
}

UNREADABLE_SHOWN = 20
SIGNATURE, BANDS = 24, 8
NEAR_DUPLICATE = 0.6


@dataclass
class Document:
    """One source file. `path` is relative to its package, with forward slashes; `text` has Unix line ends only."""

    language: str
    package: str
    path: str
    text: str
    test: bool


@dataclass
class Package:
    """Where a group of files comes from, and what became of them."""

    language: str
    name: str
    version: str
    licence: str
    files: list[Path] = field(repr=False)
    root: Path = field(repr=False)
    use: str = ""
    kept: int = 0
    characters: int = 0
    unreadable: list[tuple[str, str]] = field(default_factory=list, repr=False)  # paths, and why


def is_permissive(expression: str) -> bool:
    """Whether an SPDX expression can be met with permissive licences alone: any side of OR, both sides of AND."""
    tokens = re.findall(r"[()]|[\w.+-]+", expression.replace("/", " OR "))

    def alternatives() -> bool:
        result = conjunction()
        while tokens and tokens[0].upper() == "OR":
            tokens.pop(0)
            result = conjunction() or result
        return result

    def conjunction() -> bool:
        result = single()
        while tokens and tokens[0].upper() == "AND":
            tokens.pop(0)
            result = single() and result
        return result

    def single() -> bool:
        if not tokens:
            return False
        token = tokens.pop(0)
        if token == "(":
            result = alternatives()
            return bool(tokens) and tokens.pop(0) == ")" and result
        if len(tokens) > 1 and tokens[0].upper() == "WITH":
            del tokens[:2]
        return token in PERMISSIVE

    return alternatives() and not tokens


def crates(registry: Path) -> Iterator[Package]:
    """The unpacked crates of a Cargo registry's source folder."""
    for manifest in sorted(registry.glob("*/Cargo.toml")):
        root = manifest.parent
        try:
            about = tomllib.loads(manifest.read_text(encoding="utf8"))["package"]
        except (OSError, ValueError, KeyError) as error:
            print(f"left out: {root.name}, its Cargo.toml cannot be read ({type(error).__name__}: {error})")
            continue
        yield Package("rust", about["name"], about["version"], about.get("license", ""), sorted(root.rglob("*.rs")), root)


def distributions(site: Path) -> Iterator[Package]:
    """The distributions installed in a site-packages folder; each file belongs to the one whose RECORD names it."""
    for info in sorted(site.glob("*.dist-info")):
        try:
            about = email.message_from_string((info / "METADATA").read_text(encoding="utf8"))
            names = [line.split(",")[0] for line in (info / "RECORD").read_text(encoding="utf8").splitlines()]
        except (OSError, ValueError) as error:
            print(f"left out: {info.name}, it cannot be read ({type(error).__name__}: {error})")
            continue
        files = [site / name for name in names if name.endswith(".py") and not name.startswith("..")]
        yield Package("python", about["Name"].lower(), about["Version"], python_licence(about), sorted(files), site)


def python_licence(about: email.message.Message) -> str:
    """The SPDX expression of a distribution, or its own words where it has none."""
    classifiers = [c.rsplit(" :: ", 1)[-1] for c in about.get_all("Classifier", []) if c.startswith("License ::")]
    words = [about.get("License-Expression", ""), (about.get("License") or "").split("\n")[0], *classifiers]
    for word in filter(None, words):
        known = LICENCE_WORDS.get(word.strip().lower(), word.strip())
        if is_permissive(known) or word == words[0]:
            return known
    return next(filter(None, words), "")


def standard_library(root: Path) -> Iterator[Package]:
    """CPython's own library; `root` is the folder that holds `os.py`."""
    version = root.name.removeprefix("python")
    files = [p for p in sorted(root.rglob("*.py")) if "site-packages" not in p.parts]
    yield Package("python", "cpython", version, "PSF-2.0", files, root)


def without_legal_header(text: str, language: str) -> str:
    """Drops the leading comment if it is about copyright or licence; other leading comments stay."""
    match = LEADING_COMMENT[language].match(text)
    return text[match.end() :] if match and LEGAL.search(match.group()) else text


def is_worth_learning(text: str) -> bool:
    """Whether people could have typed this: not generated, not a table, not minified."""
    if not 300 < len(text) < 120_000 or GENERATED.search(text[:2000]):
        return False
    lines = text.split("\n")
    visible = [c for c in text if not c.isspace()]
    letters = sum(c.isalpha() or c == "_" for c in visible)
    digits = sum(c.isdigit() for c in visible)
    tabular = sum(not re.search(r"[A-Za-z]{2}", line) for line in lines if line.strip())
    return (
        max(map(len, lines)) <= 240
        and len(visible) > 200
        and letters > 0.62 * len(visible)
        and digits < 0.10 * len(visible)
        and tabular < 0.40 * len(lines)
        and text.isascii() | (sum(ord(c) > 127 for c in visible) < 0.02 * len(visible))
    )


def documents(package: Package) -> Iterator[Document]:
    """The files of a package that are worth learning from, cleaned."""
    for file in package.files:
        path = PurePosixPath(file.relative_to(package.root)).as_posix()
        if SKIP_PATHS.search(path):
            continue
        try:
            text = file.read_text(encoding="utf8")
        except (OSError, UnicodeDecodeError) as error:
            package.unreadable.append((path, type(error).__name__))
            continue
        text = without_legal_header(text.replace("\r\n", "\n"), package.language)
        if is_worth_learning(text):
            yield Document(package.language, package.name, path, text, bool(TEST_PATHS.search(path)))


def line_hashes(text: str) -> np.ndarray:
    """Hashes of the distinct lines that say something; the shingles of near-deduplication."""
    lines = {line.strip() for line in text.split("\n")}
    return np.array(sorted({zlib.crc32(line.encode()) for line in lines if len(line) > 12}), dtype=np.uint64)


def deduplicated(docs: list[Document]) -> list[Document]:
    """Keeps the first of each family of near duplicates (MinHash over lines, then the exact Jaccard index)."""
    rng = np.random.default_rng(0)
    prime = np.uint64((1 << 31) - 1)
    factors, offsets = (rng.integers(1, int(prime), SIGNATURE, dtype=np.uint64)[:, None] for _ in range(2))
    buckets: dict[tuple[int, bytes], list[int]] = defaultdict(list)
    kept: list[Document] = []
    shingles: list[np.ndarray] = []
    for doc in docs:
        mine = line_hashes(doc.text)
        if len(mine) < 4:
            continue
        signature = ((factors * (mine % prime)[None, :] + offsets) % prime).min(axis=1).reshape(BANDS, -1)
        keys = [(band, row.tobytes()) for band, row in enumerate(signature)]
        rivals = {i for key in keys for i in buckets[key]}
        if any(jaccard(mine, shingles[i]) >= NEAR_DUPLICATE for i in rivals):
            continue
        for key in keys:
            buckets[key].append(len(kept))
        kept.append(doc)
        shingles.append(mine)
    return kept


def jaccard(a: np.ndarray, b: np.ndarray) -> float:
    """The share of two sorted sets of hashes that both have."""
    common = len(np.intersect1d(a, b, assume_unique=True))
    return common / (len(a) + len(b) - common)


def is_held_out(language: str, package: str) -> bool:
    """Whether a whole package is kept for evaluation."""
    return package in HELD_OUT_PACKAGES[language]


def write_card(packages: list[Package], counts: dict[str, Counter[str]], folder: Path) -> None:
    """Writes `packages.tsv` (one line a package) and `DATA.md` (the summary)."""
    rows = ["language\tpackage\tversion\tlicence\tuse\tfiles\tcharacters"]
    for p in sorted(packages, key=lambda p: (p.language, p.name, p.version)):
        rows.append(f"{p.language}\t{p.name}\t{p.version}\t{p.licence or 'none'}\t{p.use}\t{p.kept}\t{p.characters}")
    (folder / "packages.tsv").write_text("\n".join(rows) + "\n", encoding="utf8")
    names = {lang: ", ".join(sorted(HELD_OUT_PACKAGES[lang])) for lang in HELD_OUT_PACKAGES}
    table = "\n".join(
        f"| {lang} | {c['found']:,} | {c['clean']:,} | {c['train files']:,} | {c['train characters']:,} "
        f"| {c['held-out files']:,} | {c['held-out package files']:,} |"
        for lang, c in counts.items()
    )
    licences = Counter(p.licence for p in packages if p.kept and p.use == "train")
    by_licence = "\n".join(f"| {name} | {n} |" for name, n in licences.most_common())
    (folder / "DATA.md").write_text(
        f"""# Data card

Written by `corpus.py`; do not edit by hand. Every package with its version, its licence and its use is in `packages.tsv`.

| language | files found | clean | trained on | characters | held-out files | in held-out packages |
|---|---|---|---|---|---|---|
{table}

- **Sources**: the crates of CodeSage's own `Cargo.lock`, the standard library of Python, and the packages that the training
  requirements install. Nothing else; no user data, nothing scraped, none of CodeSage's own files.
- **Licences**: only packages whose licence expression can be met permissively. The others are in `packages.tsv`, use `licence`.
- **Left out** (use `bindings`, or dropped file by file): generated bindings, tables, data, vendored copies, files over 120,000
  characters or with a line over 240, files that are mostly digits or signs. Licence headers are cut off.
- **Deduplicated**: of files that share {NEAR_DUPLICATE:.0%} of their lines (Jaccard index, MinHash) one stays.
- **Held-out packages**, no file of which is trained on: Python {names["python"]}; Rust {names["rust"]}. They come first in
  deduplication, so a near copy of them elsewhere is dropped from training.
- **Held-out files**: {HELD_OUT_FILES} of each language, tests not among them, drawn from the packages that are trained on.

| licence of a package trained on | packages |
|---|---|
{by_licence}
""",
        encoding="utf8",
    )


def main() -> None:
    """Command line: see README.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--crates", type=Path, nargs="*", default=[], help="Cargo registry source folders")
    parser.add_argument("--site-packages", type=Path, nargs="*", default=[], help="site-packages folders")
    parser.add_argument("--stdlib", type=Path, nargs="*", default=[], help="Python library folders (lib/python3.x)")
    parser.add_argument("--out", type=Path, required=True, help="folder for the corpus")
    parser.add_argument("--card", type=Path, required=True, help="folder for DATA.md and packages.tsv")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)

    packages = [p for root in args.crates for p in crates(root)]
    packages += [p for root in args.site_packages for p in distributions(root)]
    packages += [p for root in args.stdlib for p in standard_library(root)]
    for p in packages:
        p.use = "train"
        if SKIP_PACKAGES.match(p.name):
            p.use = "bindings"
        elif not is_permissive(p.licence):
            p.use = "licence"
        elif is_held_out(p.language, p.name):
            p.use = "held out"
    used = [p for p in packages if p.use in ("train", "held out")]
    # Held-out packages first, so that their near copies go; of one crate's versions the newest stays.
    used.sort(key=lambda p: p.version, reverse=True)
    used.sort(key=lambda p: p.use)
    if not any(p.files for p in used):
        raise BadInputError("none of the folders holds a package that may be read: see --crates, --site-packages, --stdlib")
    docs: list[Document] = []
    origin: dict[tuple[str, str, str], Package] = {}
    counts: dict[str, Counter[str]] = {"python": Counter(), "rust": Counter()}
    for p in used:
        counts[p.language]["found"] += len(p.files)
        for doc in documents(p):
            docs.append(doc)
            origin.setdefault((p.language, p.name, doc.path), p)
    for doc in docs:
        counts[doc.language]["clean"] += 1
    docs = deduplicated(docs)
    for doc in docs:
        source = origin[doc.language, doc.package, doc.path]
        source.kept += 1
        source.characters += len(doc.text)

    random.seed(0)
    random.shuffle(docs)
    split: dict[str, list[Document]] = {"train": [], "held-out files": [], "held-out packages": []}
    for doc in docs:
        count = counts[doc.language]
        if is_held_out(doc.language, doc.package):
            split["held-out packages"].append(doc)
            count["held-out package files"] += 1
        elif not doc.test and count["held-out files"] < HELD_OUT_FILES:
            split["held-out files"].append(doc)
            count["held-out files"] += 1
        else:
            split["train"].append(doc)
            count["train files"] += 1
            count["train characters"] += len(doc.text)
    for name, part in split.items():
        with (args.out / f"{name.replace(' ', '-')}.jsonl").open("w", encoding="utf8") as file:
            file.writelines(json.dumps(asdict(doc)) + "\n" for doc in part)
    write_card(packages, counts, args.card)
    for language, count in counts.items():
        print(language, dict(count))
    unreadable = [(p.name, *file) for p in used for file in p.unreadable]
    print(f"{len(unreadable)} files could not be read and were left out")
    for name, path, reason in unreadable[:UNREADABLE_SHOWN]:
        print(f"  {name}: {path} ({reason})")


if __name__ == "__main__":
    reporting(main)
