"""`harness check`, and scenario files as the subject of other commands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.cli import options
from harness.cli.shell import outcome
from harness.errors import UsageError

GOOD = """\
why: a charge must not be made twice
subject: tests.cli.shop:agent
prompt: Pay.
tools: {charge: "keyed:order_id"}
faults: crash@tool:charge#1/between
expected: {journal: passed, none: failed}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "good.yaml").write_text(GOOD)
    return tmp_path


def test_files_that_are_right_are_told_with_what_they_expect(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = outcome(["check", str(folder)])

    assert code == 0
    told = capsys.readouterr().out
    assert "good.yaml: ok (passed under journal, failed under none)" in told
    assert "1 scenario, none of them wrong" in told


def test_each_mistake_is_told_with_its_place(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "bad.yaml").write_text(GOOD.replace("prompt", "prmpt").replace("crash@", "crush@"))

    code = outcome(["check", str(folder)])

    told = capsys.readouterr().out
    assert code == 2
    assert "line 3, column 1: 'prmpt' is not a field of a scenario, did you mean 'prompt'" in told
    assert "line 5, column 9: faults: cannot read fault" in told
    assert "2 scenarios, 1 of them wrong" in told


def test_an_option_that_an_engine_does_not_have_is_told_with_its_place(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mistaken = "options: {dbos.stor: 1}\nexpected: {dbos: failed, journal: passed, jurnal: passed}"
    (folder / "bad.yaml").write_text(GOOD.replace("expected: {journal: passed, none: failed}", mistaken))

    code = outcome(["check", str(folder)])

    told = capsys.readouterr().out
    assert code == 2
    assert "line 6, column 11: engine 'dbos' cannot take these options: engine 'dbos' has no option 'stor', did" in told
    assert told.count("jurnal") == 1


NESTED = """\
script:
  - call: charge
    args: {cents: 1}
  - call: charge
    aargs: {cents: 1}
checks: [effects, efects]
options: {dbos.store: sqlite, dbos.stor: 1}
expected: {dbos: failed}
"""


def test_what_is_wrong_within_a_field_is_told_with_its_own_place(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "bad.yaml").write_text(GOOD.replace("expected: {journal: passed, none: failed}\n", NESTED))

    outcome(["check", str(folder)])

    told = capsys.readouterr().out
    assert "line 10, column 5: cannot read the script: [2].aargs: unknown field 'aargs', did you mean 'args'?" in told
    assert "line 11, column 19: there is no check 'efects'" in told
    assert "line 12, column 31: engine 'dbos' cannot take these options: engine 'dbos' has no option 'stor'" in told


@pytest.mark.parametrize("arguments", [["check"], ["check", "nowhere/"]], ids=["nothing", "nowhere"])
def test_a_place_without_scenarios_is_refused(arguments: list[str]) -> None:
    assert outcome(arguments) == 2


def test_the_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert outcome(["check", "--schema"]) == 0
    assert json.loads(capsys.readouterr().out)["required"] == ["subject", "why", "expected"]


def test_a_scenario_file_is_a_subject_and_options_come_before_what_it_says(folder: Path) -> None:
    given = {"subject": str(folder / "good.yaml"), "prompt": None, "tools": ("refund=once",), "stall": 3.0}

    scenario = options.scenario(given, engine="none", faults=())

    assert (scenario.subject, scenario.engine, scenario.prompt) == ("tests.cli.shop:agent", "none", "Pay.")
    assert scenario.faults == ("crash@tool:charge#1/between",)
    assert {name: policy.may for name, policy in scenario.tools.items()} == {"charge": "keyed", "refund": "once"}
    assert scenario.stall == 3.0


def test_faults_of_the_command_line_replace_those_of_the_file(folder: Path) -> None:
    given = {"subject": str(folder / "good.yaml")}

    assert options.scenario(given, engine="journal", faults=("crash@model#1/after",)).faults == ("crash@model#1/after",)


def test_a_scenario_file_names_its_engine(folder: Path) -> None:
    assert options.own_engine(str(folder / "good.yaml")) == "journal"
    assert options.own_engine("tests.cli.shop:agent") is None


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read .*nowhere\.yaml"):
        options.own_engine(str(tmp_path / "nowhere.yaml"))
