"""The table of the README: how runs are put together, and what a cell says."""

from __future__ import annotations

from table import merged, table


def row(editor: str, feature: str, result: str, version: str = "1", why: str = "") -> dict[str, str]:
    return {"feature": feature, "editor": editor, "version": version, "result": result, "why": why}


def test_a_run_replaces_what_it_looked_at_and_what_is_of_another_version() -> None:
    a, b, rest, z = (
        row("A", "x", "failed"),
        row("B", "x", "passed"),
        row("B", "rest", "passed"),
        row("Z", "x", "passed"),
    )
    new = row("C", "x", "passed")
    for version, expected in [("1", [rest]), ("2", [])]:
        again = row("B", "x", "failed", version)
        assert merged([a, rest, b, z], [again, new], ["C", "B", "A"]) == [new, *expected, again, a, z]
    assert merged([a, b, rest, z], [], []) == [a, b, rest, z]
    assert merged([], [b, new], ["C"]) == [new, b]


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
