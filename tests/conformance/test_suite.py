"""The suite on the engines that are here: each meets every requirement, and says so the way a shell expects."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.cli.shell import outcome
from harness.conformance import REQUIREMENTS, Answer, Conformance, Result, conform
from harness.engines.journal.engine import JournalEngine
from harness.errors import EngineUnavailable, UsageError
from harness.verdict import Status

NOT_OFFERED = {"temporal": {"fingerprint"}}
"""What an engine need not offer, and does not."""


OURS = {
    "journal": ("journal", {}),
    "dbos": ("dbos", {}),
    "dbos on PostgreSQL": ("dbos", {"store": "postgres"}),
    "prefect": ("prefect", {}),
    "temporal": ("temporal", {}),
}


@pytest.mark.slow
@pytest.mark.parametrize(("engine", "options"), OURS.values(), ids=OURS.keys())
def test_an_engine_of_ours_meets_every_requirement(tmp_path: Path, engine: str, options: dict[str, str]):
    report = conform(engine, out=tmp_path, options=options)

    unmet = {result.requirement: result.sentence for result in report.results if result.answer is not Answer.MET}
    not_offered = NOT_OFFERED.get(engine, set())
    assert unmet.keys() == not_offered, unmet
    assert set(report.named(Answer.NOT_APPLICABLE)) == not_offered
    assert [result.requirement for result in report.results] == [requirement.name for requirement in REQUIREMENTS]


def test_the_engine_without_durability_is_exempt_and_nothing_tried_is_unknown(tmp_path: Path):
    report = conform("none", out=tmp_path)

    assert (report.status, report.results) == (Status.UNKNOWN, ())
    assert "nothing to hold" in report.exempt
    assert list(tmp_path.iterdir()) == []


def test_requirements_are_sentences_with_names_of_their_own():
    assert len({requirement.name for requirement in REQUIREMENTS}) == len(REQUIREMENTS) >= 18
    assert all(requirement.says.endswith(".") for requirement in REQUIREMENTS)


class Unready(JournalEngine):
    def problems(self, options: dict[str, object]) -> list[str]:
        return ["the flux is not charged: run `flux charge`"]


def test_an_engine_that_cannot_be_used_here_is_no_verdict_but_an_error(tmp_path: Path):
    with pytest.raises(EngineUnavailable, match="run `flux charge`"):
        conform(Unready(), out=tmp_path)


class Curt(JournalEngine):
    def mistakes(self, options: dict[str, object]) -> list[str]:
        return ["options"] if options else []


def test_a_mistake_that_is_told_in_one_word_is_no_sentence(tmp_path: Path):
    report = conform(Curt(), out=tmp_path, only=["problems"])

    assert "`mistakes({'no_such_option': 1})` says 'options', which is no sentence" in report.results[0].sentence


class Sulking(JournalEngine):
    def session(self, options: dict[str, object], folder: Path) -> object:
        raise ZeroDivisionError("no session today")


def test_an_adapter_that_raises_has_not_met_the_requirement(tmp_path: Path):
    report = conform(Sulking(), out=tmp_path, only=["fault-free run"])

    [result] = report.results
    assert result.answer is Answer.NOT_MET
    assert result.sentence == "the adapter raised ZeroDivisionError: no session today"


def test_a_requirement_that_does_not_exist_is_refused(tmp_path: Path):
    with pytest.raises(UsageError, match="did you mean 'unit keys'"):
        conform("journal", out=tmp_path, only=["unit key"])


def test_one_requirement_can_be_tried_by_itself(tmp_path: Path):
    report = conform("journal", out=tmp_path, only=["unit keys"])

    assert [(result.requirement, result.answer) for result in report.results] == [("unit keys", Answer.MET)]


COMMANDS = {
    "exempt": ("none", 3, "engine 'none' claims no recovery"),
    "unknown": ("jornal", 2, "unknown engine 'jornal', did you mean 'journal'?"),
    "no module": ("nowhere:Engine", 2, "engine 'nowhere:Engine' cannot be loaded: ModuleNotFoundError"),
    "no engine": ("json:JSONDecoder", 2, "'json:JSONDecoder' is no engine: it has no name, unit"),
}


@pytest.mark.parametrize(("engine", "code", "says"), COMMANDS.values(), ids=COMMANDS.keys())
def test_the_command_says_in_one_sentence_why_nothing_was_tried(
    capsys: pytest.CaptureFixture[str], engine: str, code: int, says: str
):
    assert outcome(["conform", engine]) == code

    told = capsys.readouterr()
    assert says in told.out + told.err
    assert "Traceback" not in told.err


def test_the_command_prints_one_document(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    assert outcome(["conform", "none", "--format", "json", "--out", str(tmp_path)]) == 3

    said = json.loads(capsys.readouterr().out)
    assert said.keys() == {"engine", "status", "exempt", "counts", "requirements", "folder"}
    assert said["status"] == "unknown"


@pytest.mark.parametrize("style", ["text", "json"])
def test_a_report_names_every_requirement(style: str, tmp_path: Path):
    report = _report()
    if style == "json":
        assert [each["requirement"] for each in report.to_json()["requirements"]] == ["unit keys", "fingerprint"]
        return
    from harness.conformance.rendered import rendered
    from harness.report.paper import Paper

    text = rendered(report, Paper())
    assert "CONFORMANCE  engine flux: FAILED" in text
    rows = [" ".join(line.split()) for line in text.splitlines()]
    assert "unit keys NOT MET two share a key" in rows
    assert "fingerprint n/a it makes none" in rows
    assert "of 2 requirements: 0 met, 1 not met, 1 n/a; the runs are in out" in rows


def _report() -> Conformance:
    wrong = Result("unit keys", Answer.NOT_MET, "two share a key")
    absent = Result("fingerprint", Answer.NOT_APPLICABLE, "it makes none")
    return Conformance("flux", (wrong, absent), folder="out")


MET, NOT_MET, ABSENT, NOT_KNOWN = (Result("some", answer, "so it is") for answer in Answer)


@pytest.mark.parametrize(
    ("results", "status"),
    [
        pytest.param((MET, ABSENT), Status.PASSED, id="all that apply are met"),
        pytest.param((MET, ABSENT, NOT_MET), Status.FAILED, id="one is not met"),
        pytest.param((MET, NOT_KNOWN), Status.UNKNOWN, id="one could not be tried"),
        pytest.param((ABSENT, ABSENT), Status.UNKNOWN, id="none applies"),
    ],
)
def test_what_does_not_apply_is_neither_met_nor_missed(results: tuple[Result, ...], status: Status):
    assert Conformance("flux", results).status is status
