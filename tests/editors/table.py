"""Writes the README's table "feature × editor" from the results of runs of the tests; no cell is filled by hand.

Any editors, in the order of the file, each with the version and the results of its own last run.

python tests/editors/table.py            writes README.md from results.json
python tests/editors/table.py --check    fails where they differ
"""

from __future__ import annotations

import json
import sys
import textwrap
from pathlib import Path

HERE = Path(__file__).resolve().parent
RESULTS, README = HERE / "results.json", HERE.parents[1] / "README.md"
OPEN, CLOSE = "<!-- editors -->\n", "<!-- /editors -->"
#: What a cell says; where several tests fill one, the worst of them.
SIGNS = {"passed": "yes", "skipped": "–", "failed": "**no**"}
WORST = ["failed", "skipped", "passed"]


def merged(before: list[dict[str, str]], now: list[dict[str, str]], order: list[str]) -> list[dict[str, str]]:
    """What is known after a run, in this order of editors: what it found, and what it did not look at as it was.

    What an editor did in another version says nothing of this one.
    """
    versions = {one["editor"]: one["version"] for one in now}
    found = {(one["editor"], one["feature"]) for one in now}
    kept = [one for one in before if versions.get(one["editor"], one["version"]) == one["version"]]
    names = dict.fromkeys(order + [one["editor"] for one in before + now])
    out = []
    for name in names:
        # Where a row stands does not change by being run again.
        for feature in dict.fromkeys(one["feature"] for one in kept + now if one["editor"] == name):
            known = now if (name, feature) in found else kept
            out += [one for one in known if (one["editor"], one["feature"]) == (name, feature)]
    return out


def table(results: list[dict[str, str]]) -> str:
    editors = list(dict.fromkeys((one["editor"], one["version"]) for one in results))
    # One that could not be had says nothing about its features.
    absent = [name for name, version in editors if not version]
    editors = [(name, version) for name, version in editors if version]
    cells: dict[tuple[str, str], str] = {}
    for one in results:
        key = one["feature"], one["editor"]
        known = cells.get(key, one["result"])
        cells[key] = min(known, one["result"], key=WORST.index)
    lines = [
        "| | " + " | ".join(f"{name.split(' (')[0]} {version}" for name, version in editors) + " |",
        "|---|" + "---|" * len(editors),
    ]
    for feature in dict.fromkeys(one["feature"] for one in results):
        row = [SIGNS.get(cells.get((feature, name), ""), "") for name, _ in editors]
        lines.append(f"| {feature} | " + " | ".join(row) + " |")
    # Why, once for all features and editors that share the reason.
    reasons: dict[tuple[str, str], dict[str, None]] = {}
    for one in results:
        if one["why"] and one["version"]:
            name = f"{one['editor'].split(' (')[0]} {one['version']}"
            reasons.setdefault((one["feature"], one["why"]), {})[name] = None
    notes: dict[tuple[str, str], list[str]] = {}
    for (feature, why), names in reasons.items():
        notes.setdefault((", ".join(names), why), []).append(feature)
    tail = [f"- {names}: {why}: {', '.join(features)}." for (names, why), features in notes.items()]
    tail += [f"- Not run: {name}." for name in absent]
    wrapped = [textwrap.fill(note, 120, subsequent_indent="  ", break_on_hyphens=False) for note in tail]
    return "\n".join(lines + [""] + wrapped) + "\n"


def main() -> int:
    text = README.read_text()
    before, _, rest = text.partition(OPEN)
    _, close, after = rest.partition(CLOSE)
    if not close:
        print(f"{README} has no section {OPEN.strip()}")
        return 1
    wanted = before + OPEN + table(json.loads(RESULTS.read_text())) + CLOSE + after
    if "--check" in sys.argv[1:]:
        if wanted != text:
            print("README.md is not as results.json says: python tests/editors/table.py")
        return int(wanted != text)
    README.write_text(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main())
