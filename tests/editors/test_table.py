"""The table of the README: how runs are put together, and what a cell says."""

from __future__ import annotations

from table import merged, table


def row(editor: str, feature: str, result: str, version: str = "1", why: str = "") -> dict[str, str]:
    return {"feature": feature, "editor": editor, "version": version, "result": result, "why": why}


def test_a_run_replaces_what_its_editors_did_and_nothing_else() -> None:
    before = [
        row("A (old)", "x", "failed"),
        row("B", "x", "passed"),
        row("B", "gone", "passed"),
        row("Z", "x", "passed"),
    ]
    now = [row("B", "x", "failed", "2"), row("C", "x", "passed")]
    assert merged(before, now, ["C", "B", "A (old)"]) == [now[1], now[0], before[0], before[3]]
    assert merged(before, [], []) == [before[0], *before[1:3], before[3]]
    assert merged([], now, ["B"]) == now


def test_a_cell_says_the_worst_of_its_tests() -> None:
    results = [
        row("A (old)", "x", "passed"),
        row("A (old)", "x", "skipped", why="too old"),
        row("A (old)", "y", "passed", why="too old"),
        row("A (new)", "x", "failed", "2", "too new"),
        row("B", "x", "skipped", "", "not there"),
    ]
    assert table(results).splitlines() == [
        "| | A 1 | A 2 |",
        "|---|---|---|",
        "| x | – | **no** |",
        "| y | yes |  |",
        "",
        "- A 1: too old: x, y.",
        "- A 2: too new: x.",
        "- Not run: B.",
    ]
