"""What a session's durable tests came to together: the lines at the end, the files for CI, the coverage asked for.

Facts travel on pytest's own reports, because under pytest-xdist the tests ran in other processes.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from harness.plugin import budgets, outcomes
from harness.plugin.options import Settings, asks_for_summary, typed
from harness.plugin.running import facts
from harness.report.consequences import own
from harness.report.words import counted
from harness.steps import readable
from harness.verdict import Finding

SHOWN = 10
"""Findings in the terminal's summary; the files have all of them."""


@dataclass
class Tally:
    """Every durable run and retry audit of a session, the engines that were missing, and what became of its tests."""

    runs: list[dict[str, Any]] = field(default_factory=list)
    audits: list[dict[str, Any]] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    tests: dict[str, dict[str, Any]] = field(default_factory=dict)
    uncollected: dict[str, str] = field(default_factory=dict)
    demanded: bool = False
    """Whether a coverage was asked for on the command line, whatever tests there are."""
    trouble: str = ""

    @property
    def tried(self) -> int:
        return sum(len(points) for points, _possible in self._swept)

    @property
    def possible(self) -> int:
        return sum(possible for _points, possible in self._swept)

    @property
    def _swept(self) -> Iterable[tuple[set[tuple[str, ...]], int]]:
        """For each crash map that a test has a point of: the points that were tried, and how many it has.

        One subject has several maps under one engine: another script, say, or other deps, has other points. A test
        that was skipped has its point, too.
        """
        found: dict[str, tuple[set[tuple[str, ...]], int]] = {
            test["map"]: (set(), test["possible"]) for test in self.tests.values() if test["map"]
        }
        for run in self.runs:
            if run["cell"]:
                points, _possible = found.setdefault(run["map"], (set(), run["possible"]))
                points.add(tuple(run["cell"]))
        return found.values()

    @property
    def coverage(self) -> float:
        """Crash points tried, in percent of those that the crash maps have."""
        return 100 * self.tried / self.possible if self.possible else 0.0

    @property
    def findings(self) -> list[dict[str, Any]]:
        """Each kind of finding once, errors first, with the runs that show it. What was expected is none, nor is what
        only follows from another finding.
        """
        kinds: dict[tuple[Any, ...], dict[str, Any]] = {}
        for number, run in enumerate(self.runs):
            if run["status"] == run["expected"] != "passed":
                continue
            for finding in own(Finding(**values) for values in run["findings"]):
                kind = (run["subject"], run["engine"], finding.severity, *finding.group, finding.change)
                about = readable(finding.group[-1]) or "the run"
                known = kinds.setdefault(kind, {**finding.to_json(), "about": about, "runs": set(), **_origin(run)})
                known["runs"].add(number)
        order = ["error", "warning"]
        grave = [finding for finding in kinds.values() if finding["severity"] in order]
        return sorted(grave, key=lambda finding: order.index(finding["severity"]))

    @property
    def wrong(self) -> bool:
        """Whether a run came to something else than was expected of it, an audit did not pass, or a test failed."""
        unexpected = any(run["status"] != run["expected"] for run in self.runs)
        audits = any(audit["status"] not in ("passed", budgets.ASKED) for audit in self.audits)
        return unexpected or audits or bool(self.uncollected) or any(map(outcomes.is_wrong, self.tests.values()))

    @property
    def untold(self) -> dict[str, str]:
        """The tests that failed without a finding to show for it, and what could not be collected, each with why."""
        told = {run["test"] for run in self.runs if run["status"] == "failed" != run["expected"]}
        told |= {audit["test"] for audit in self.audits if audit["status"] == "failed"}
        failed = {name: test["why"] for name, test in self.tests.items() if outcomes.is_wrong(test)}
        return {**self.uncollected, **{name: why for name, why in failed.items() if name not in told}}


def _origin(run: dict[str, Any]) -> dict[str, str]:
    return {"subject": run["subject"], "engine": run["engine"], "fault": run["fault"], "replay": run["replay"]}


TALLY = pytest.StashKey[Tally]()
LOST = pytest.StashKey[dict[str, dict[str, Any]]]()
"""The tests in which a worker of pytest-xdist died."""


def annotate(item: pytest.Item, report: pytest.TestReport) -> None:
    """Put what is known of an item's runs on its report, once; and on the item, where JUnit's properties come from."""
    ended = report.when == "call" or not report.passed
    known = {**facts(item), "audits": _audits(item), "test": outcomes.test_of(item)} if ended else {}
    if report.skipped and hasattr(report, "wasxfail"):
        for run in known["runs"]:
            run["expected"] = run["status"]  # by pytest's own marker
    if any(known.values()):
        # Plain values only: they are sent to other processes, and pytest-xdist ends a session over any other kind.
        vars(report)["durable"] = json.loads(json.dumps(known, default=str))
        for run in known["runs"]:
            shown = {name: run[name] for name in ("engine", "fault", "status", "replay")}
            item.user_properties += [(f"durable_{name}", value) for name, value in shown.items()]


def shorten(report: pytest.TestReport, raised: pytest.ExceptionInfo[BaseException] | None) -> None:
    """Let a failure of a run say one line where pytest asks for its message, and not the story told above it.

    On CI pytest repeats that message, however long, in its short summary; JUnit has it as an attribute.
    """
    crash = getattr(report.longrepr, "reprcrash", None)
    told = raised is not None and isinstance(raised.value, pytest.fail.Exception) and not raised.value.pytrace
    if crash is not None and told and hasattr(report, "durable"):
        crash.message = crash.message.partition("\n")[0]


def _audits(item: pytest.Item) -> list[dict[str, Any]]:
    if "harness.plugin.auditing" not in sys.modules:
        return []
    from harness.plugin.auditing import ASKED

    return item.stash.get(ASKED, [])


def take(config: pytest.Config, report: pytest.TestReport) -> None:
    """Keep what a finished test says about its runs."""
    tally = config.stash.setdefault(TALLY, Tally())
    known: dict[str, Any] = vars(report)["durable"]
    tally.runs += known["runs"]
    tally.audits = budgets.distinct([*tally.audits, *known["audits"]])
    if missing := known["missing"]:
        tally.missing[missing["engine"]] = missing["reason"]
    before = tally.tests.get(report.nodeid)
    if known["test"] and not (before and outcomes.is_wrong(before)):  # a teardown may fail after the test
        tally.tests[report.nodeid] = {**known["test"], **outcomes.became(report)}


def lose(config: pytest.Config, report: pytest.TestReport) -> None:
    """Keep a test in which a worker died: only its name is known, and not whether it is one of ours."""
    config.stash.setdefault(LOST, {})[report.nodeid] = {**outcomes.UNKNOWN, **outcomes.became(report)}


def finish(session: pytest.Session) -> None:
    """Write the files that were asked for; let a session fail whose coverage is too low."""
    config = session.config
    if hasattr(config, "workerinput") or any(config.getoption(name, default=False) for name in outcomes.SHOWING):
        return
    if TALLY not in config.stash and not asks_for_summary(config):
        return
    settings, tally = Settings.of(config), config.stash.setdefault(TALLY, Tally())
    tally.demanded, tally.uncollected = typed(config, "min-coverage"), outcomes.uncollected(config)
    lost: dict[str, dict[str, Any]] = config.stash.get(LOST, {})
    tally.tests |= lost
    if settings.report is not None:
        _write(settings.report, tally, settings)
    if _too_little(tally, settings) and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _write(folder: Path, tally: Tally, settings: Settings) -> None:
    """The files for CI. A folder that cannot be written is said at the end, and fails nothing that has been found."""
    counts = {"tried": tally.tried, "possible": tally.possible}
    tests = {"tests": list(tally.tests.values()), "uncollected": tally.uncollected}
    content = {"runs": tally.runs, "audits": tally.audits, "missing": tally.missing, **tests, **counts}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "summary.md").write_text("\n".join(markdown(tally, settings)) + "\n", "utf-8")
        (folder / "report.json").write_text(json.dumps(content, indent=2) + "\n", "utf-8")
    except OSError as error:
        tally.trouble = f"cannot write the report to {folder}: {error.strerror}; choose another --durable-report"


def _too_little(tally: Tally, settings: Settings) -> bool:
    """Whether fewer crash points were tried than the settings want of durable tests, or the command line of any."""
    asked = tally.demanded or bool(tally.runs) or any(test["durable"] for test in tally.tests.values())
    return asked and settings.min_coverage is not None and tally.coverage < settings.min_coverage


def _lack(tally: Tally, settings: Settings) -> str:
    """What is said of a coverage that is too low."""
    said = f"{tally.coverage:.0f} % is less than --durable-min-coverage {settings.min_coverage:g} %"
    if tally.tried:
        return said
    return f"{said}, no crash point was tried: {outcomes.untried(tally.tests.values(), len(tally.runs))}"


def show(reporter: Any, config: pytest.Config) -> None:
    """The section at the end of a session."""
    tally = config.stash.get(TALLY, None)
    if tally is None:
        return
    settings = Settings.of(config)
    said = [*filter(None, lines(tally))]
    low = f"crash-point coverage {_lack(tally, settings)}" if _too_little(tally, settings) else ""
    wrong = [*filter(None, [tally.trouble, low])]
    if said or wrong:
        reporter.section("durable")
    for line in said:
        reporter.line(line)
    for line in wrong:
        reporter.line(line, red=True)


def lines(tally: Tally) -> Iterator[str]:
    """Runs, crashes, findings, coverage, retry audits, and each engine that was missing with its reason."""
    crashes = sum(run["crashes"] for run in tally.runs)
    statuses = [run["status"] for run in tally.runs]
    said = [f"{statuses.count(status)} {status}" for status in ("passed", "failed", "unknown") if status in statuses]
    if tally.runs:
        yield f"{counted(len(tally.runs), 'run')}, {counted(crashes, 'crash', 'crashes')}: {', '.join(said)}"
        expected = sum(run["status"] == run["expected"] != "passed" for run in tally.runs)
        yield f"as expected though not passed: {expected}" if expected else ""
    if tally.possible:
        yield f"crash points: {tally.tried} of {tally.possible} tried ({tally.coverage:.0f} %)"
    for finding in tally.findings[:SHOWN]:
        times = f" ({len(finding['runs'])} runs)" if len(finding["runs"]) > 1 else ""
        where = f"{finding['about']} of {finding['subject']} under {finding['engine']}"
        yield f"{finding['severity']}: {where}{times}: {finding['message']}"
        yield f"  do: {finding['remedy']}"
    if len(tally.findings) > SHOWN:
        yield f"and {len(tally.findings) - SHOWN} more findings"
    yield from budgets.lines(tally.audits)
    for engine, reason in tally.missing.items():
        yield f"missing: {engine}: {reason}"


def markdown(tally: Tally, settings: Settings) -> Iterator[str]:
    """The same for the summary of a CI job."""
    low = _too_little(tally, settings)
    yield f"## Durable tests: {_headline(tally, low=low)}"
    if tally.runs or low:
        yield from _runs(tally, settings)
    yield from _untold(tally)
    yield from budgets.markdown(tally.audits)
    for engine, reason in tally.missing.items():
        yield ""
        yield f"- engine **{engine}** is missing: {_cell(reason)}"


def _headline(tally: Tally, *, low: bool) -> str:
    if tally.wrong or low:
        counts = outcomes.counts(tally.tests.values(), len(tally.uncollected))
        said = ", ".join(counts + ["coverage too low"] * low)
        return f"something is wrong ({said})" if said else "something is wrong"
    return "everything held" if tally.runs or tally.audits else "nothing was tried"


def _untold(tally: Tally) -> Iterator[str]:
    for name, why in tally.untold.items():
        yield ""
        yield f"- **{tally.tests[name]['outcome'] if name in tally.tests else 'not collected'}** `{name}`: {_cell(why)}"


def _runs(tally: Tally, settings: Settings) -> Iterator[str]:
    maps = {run["map"] for run in tally.runs if run["cell"]}
    skipped = {name: test for name, test in tally.tests.items() if test["map"] and test["map"] not in maps}
    pairs = dict.fromkeys((each["subject"], each["engine"]) for each in (*tally.runs, *skipped.values()))
    if pairs:
        yield ""
        yield "| subject | engine | crash points tried | passed | failed | unknown |"
        yield "| -- | -- | -- | -- | -- | -- |"
    for subject, engine in pairs:
        own = Tally([run for run in tally.runs if (run["subject"], run["engine"]) == (subject, engine)])
        own.tests = {
            name: test for name, test in skipped.items() if (test["subject"], test["engine"]) == (subject, engine)
        }
        statuses = [run["status"] for run in own.runs]
        counts = " | ".join(str(statuses.count(status)) for status in ("passed", "failed", "unknown"))
        tried = f"{own.tried} of {own.possible}" if own.possible else ""
        yield f"| `{subject}` | {engine} | {tried} | {counts} |"
    yield ""
    said = _lack(tally, settings) if _too_little(tally, settings) else f"{tally.coverage:.0f} %"
    yield f"Crash-point coverage: {_cell(said)}"
    for finding in tally.findings:
        yield ""
        where = f"`{finding['about']}` of `{finding['subject']}` under {finding['engine']}"
        yield f"- **{finding['severity']}** {where}: {_cell(finding['message'])}"
        yield f"  - to do ({finding['owner']}): {_cell(finding['remedy'])}"
        yield f"  - again: `{finding['replay']}`"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
