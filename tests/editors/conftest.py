"""Fixtures: an editor of each kind, the server, its models; and the table of what was seen to work.

An editor that cannot be had is skipped by name, never passed. `--results FILE` writes what each editor did, as
`table.py` puts it into the README; of editors that did not run, what stands there stays.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import editor as driver
import scripted_model
from installed import Installed, binary, editors
from table import merged

#: What the scripted model says after an opened block, and after `=`.
BLOCK = "\n    log(prices)\n    return one(alpha)"
VALUE = "beta(one, two)"
#: What opens that block; the function that models rewrite, and what becomes of it.
OPEN = "def total(prices):"
LOOP = "def total(prices):\n    result = 0\n    for price in prices:\n        result += price\n    return result\n"
AFTER = ["def total(prices):", "    return sum(prices)"]
#: One that takes a while to be rewritten, so that it can be cancelled.
LONG = "def total(prices):\n    result = 0\n" + "    result += 1\n" * 24 + "    return result\n"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--results", type=Path, help="write feature, editor, version and result as JSON")
    parser.addoption("--tiers", default="0,1,2,3", help="which tiers to run: 0 is the protocol, see README.md")
    parser.addoption("--pictures", type=Path, help="write a picture of each editor into this folder")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "feature(name): the row of the README's table that a test fills")
    config.addinivalue_line("markers", "only(family, …): the kinds of editor that a test, or a file of tests, is for")
    config.stash[_RESULTS] = {}


#: By test, so that the last of several tries counts.
_RESULTS = pytest.StashKey[dict[str, dict[str, str]]]()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "installed" in metafunc.fixturenames:
        only = metafunc.definition.get_closest_marker("only")
        wanted = [one for one in editors() if not only or one.family in only.args]
        metafunc.parametrize("installed", wanted, ids=str)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    tiers = _tiers(config)
    kept = [item for item in items if getattr(_installed(item), "tier", 0) in tiers]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


def _tiers(config: pytest.Config) -> list[int]:
    return [int(tier) for tier in config.getoption("--tiers").split(",")]


def _installed(item: pytest.Item) -> Installed | None:
    """The editor that a test runs in; none: it is of tier 0."""
    return item.callspec.params.get("installed") if hasattr(item, "callspec") else None


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo) -> Iterator[None]:
    outcome = yield
    report = outcome.get_result()
    feature = item.get_closest_marker("feature")
    installed = _installed(item)
    over = report.when == "call" or (report.when == "setup" and report.outcome != "passed")
    if feature and installed and over:
        known = getattr(report, "wasxfail", None)
        why = report.longrepr[2] if report.skipped and isinstance(report.longrepr, tuple) else ""
        item.config.stash[_RESULTS][item.nodeid] = {
            "feature": feature.args[0],
            "editor": installed.name,
            "version": installed.version,
            "tier": str(installed.tier),
            # What is known not to work does not work.
            "result": "failed" if known is not None else report.outcome,
            "why": (known or why).removeprefix("Skipped: ").removeprefix("reason: "),
        }


def pytest_sessionfinish(session: pytest.Session) -> None:
    path: Path | None = session.config.getoption("--results")
    if path:
        before = json.loads(path.read_text()) if path.exists() else []
        missing = {one.name for one in editors() if one.missing}
        now = [one for one in session.config.stash[_RESULTS].values() if one["editor"] not in missing]
        path.write_text(json.dumps(merged(before, now, [one.name for one in editors()]), indent=1) + "\n")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for one in editors():
        if one.tier not in _tiers(terminalreporter.config):
            continue
        if one.missing:
            terminalreporter.write_line(f"tier {one.tier}, {one.name}: SKIPPED, {one.missing}")
        else:
            terminalreporter.write_line(f"tier {one.tier}, {one.name}: {one.version}")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = binary()
    if found is None:
        # Where everything is built, it has to be there.
        give_up = pytest.fail if os.environ.get("CI") else pytest.skip
        give_up("there is no server: set CODESAGE, or build target/ci/codesage")
    assert found
    # Nothing is cut off by the clock, however slow the machine is.
    settings = tmp_path_factory.mktemp("settings") / "codesage.toml"
    settings.write_text("[completion]\nmaxTimeMs = 60000\n")
    os.environ["CODESAGE_CONFIG"] = str(settings)
    # The built-in model is unpacked once for all tests.
    os.environ.setdefault("CODESAGE_CACHE", str(tmp_path_factory.mktemp("cache")))
    return found


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models that say what they are told to: `fill`, `rewrite`, `prose`, `review`, `test`, `picture` and `endless`."""
    folder = tmp_path_factory.mktemp("models")
    scripted_model.scripted(folder / "fill.gguf", {":": BLOCK + "\n", "=": f" {VALUE}"})
    rewritten = "def total(prices):\n    return sum(prices)\n<<<AI_EDIT_END>>>"
    scripted_model.scripted(folder / "rewrite.gguf", {"\n": rewritten})
    scripted_model.scripted(folder / "prose.gguf", {"\n": "It adds the prices and gives the sum."})
    body = "\n        # What it all comes to.\n        return sum(self.prices)\n"
    scripted_model.scripted(folder / "picture.gguf", {":": body})
    found = "- `result = 0` is not needed: sum does it."
    scripted_model.scripted(folder / "review.gguf", {"\n": found})
    # Behind the name of the test that the prompt begins.
    test = "():\n    assert total([1, 2]) == 3\n<<<AI_EDIT_END>>>"
    scripted_model.scripted(folder / "test.gguf", {"l": test})
    scripted_model.counting(folder / "endless.gguf", layers=96)
    return folder


Start = Callable[..., driver.Editor]


@pytest.fixture
def ghost_text(installed: Installed) -> None:
    """Skips an editor that shows none."""
    if installed.lacks_ghost_text:
        pytest.skip(installed.lacks_ghost_text)


@pytest.fixture
def start(installed: Installed, server: Path, models: Path, tmp_path: Path) -> Iterator[Start]:
    """Starts the editor with a model (none: the built-in one), and closes it afterwards."""
    if installed.missing:
        pytest.skip(f"tier {installed.tier}, {installed.name}: {installed.missing}")
    started: list[driver.Editor] = []

    def begin(name: str, text: str, model: str | None = "fill", menu: bool = False) -> driver.Editor:
        path = models / f"{model}.gguf" if model else None
        one = driver.start(installed, tmp_path, server, path)
        started.append(one)
        one.write(name, text)
        one.configure(menu=menu)
        if menu:
            one.write("codesage.toml", '[completion]\nmenu = "on"\n')
        if model == "endless":
            # One token after the other: what is drawn is not drafted, and what repeats itself not written in haste.
            one.write("codesage.toml", "[sampling]\ntemperature = 0.01\n")
        one.open(name)
        one.until_ready()
        return one

    yield begin
    for one in started:
        one.close()
