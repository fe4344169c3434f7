"""What an agent does with its final answer is a step like any other: it is seen to run twice, and can be crashed in."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest
from pydantic_ai import _output

from harness.errors import UsageError
from harness.explore import policies
from harness.explore import sweep as exploring
from harness.history import History
from harness.journal import load
from harness.scenario import Scenario
from harness.subjects import output_functions
from harness.subjects.output_functions import RUNS_THEM
from harness.verdict import RunReport, Status

AGENT = """
    from pydantic_ai import Agent, ModelRetry, TextOutput, ToolOutput

    asked = []

    def bill(cents: int) -> str:
        return f'billed {cents}'

    async def mail(text: str) -> int:
        return len(text)

    def picky(cents: int) -> str:
        asked.append(cents)
        if len(asked) == 1:
            raise ModelRetry('another')
        return 'taken'

    tool = Agent('openai:gpt-5', name='tool', output_type=ToolOutput(bill, name='send_bill'))
    text = Agent('openai:gpt-5', name='text', output_type=TextOutput(mail))
    several = Agent('openai:gpt-5', name='several', output_type=[bill, mail])
    again = Agent('openai:gpt-5', name='again', output_type=picky, retries=2)
    plain = Agent('openai:gpt-5', name='plain', output_type=int)
"""


def run(folder: Path, agent: str, *plan: str, **said: object) -> tuple[RunReport, History]:
    file = folder / "outputs.py"
    file.write_text(dedent(AGENT))
    scenario = Scenario.make(subject=f"{file}:{agent}", engine="journal", faults=list(plan), **said)
    (judged,) = exploring.run(scenario, out=folder / "out").runs
    return judged, load(Path(judged.folder) / "journal.jsonl")


@pytest.mark.parametrize(("agent", "step"), [("tool", "tool:send_bill#1"), ("text", "tool:mail#1")])
def test_an_output_function_that_runs_again_after_a_crash_is_found(tmp_path: Path, agent: str, step: str) -> None:
    judged, history = run(tmp_path, agent, "crash@run/between")

    assert history.steps == ("run", "model#1", step)
    assert (judged.status, [(found.rule, found.step) for found in judged.findings]) == (
        Status.FAILED,
        [("finished-ran-again", step)],
    )


def test_a_finding_calls_an_output_function_as_the_person_does(tmp_path: Path) -> None:
    judged, _history = run(tmp_path, "several", "crash@run/between")

    (found,) = judged.findings
    assert found.step == "tool:final_result_bill#1"
    assert found.message.startswith("`bill` ran twice")
    assert "`bill`" in found.remedy
    assert "final_result" not in found.message + found.remedy


@pytest.mark.parametrize("name", ["bill", "final_result_bill"])
def test_what_may_happen_to_an_output_function_is_said_by_either_name(tmp_path: Path, name: str) -> None:
    judged, history = run(tmp_path, "several", "crash@run/between", tools={name: "keyed:cents"})

    assert (judged.status, judged.findings) == (Status.PASSED, ())
    assert list(policies.idle(Scenario.make(subject="x", tools={name: "once"}), history)) == []


def test_the_key_of_an_output_function_is_looked_up_by_its_own_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"'bill' is said to be keyed by 'cent'.*did you mean 'cents'\?"):
        run(tmp_path, "several", tools={"bill": "keyed:cent"})


def test_an_output_function_can_be_crashed_in(tmp_path: Path) -> None:
    _judged, history = run(tmp_path, "tool", "crash@tool:send_bill#1/before")

    assert [(fired.step, fired.window) for fired in history.fired] == [("tool:send_bill#1", "before")]
    assert [run.finished for run in history.by_step["tool:send_bill#1"]] == [True]


def test_an_output_that_is_refused_is_asked_for_again(tmp_path: Path) -> None:
    judged, history = run(tmp_path, "again")

    assert judged.status is Status.PASSED
    assert history.steps == ("run", "model#1", "tool:final_result#1", "model#1+1", "tool:final_result#1+1")


def test_an_output_without_a_function_has_no_body(tmp_path: Path) -> None:
    assert run(tmp_path, "plain")[1].steps == ("run", "model#1")


def test_what_runs_output_functions_is_where_we_hold_it() -> None:
    assert callable(getattr(_output, RUNS_THEM)), "pydantic-ai moved it: see `subjects/output_functions.py`"
    assert output_functions.problems() == []


def test_without_what_runs_output_functions_a_note_says_that_they_are_not_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(_output, RUNS_THEM)

    (note,) = output_functions.problems()

    assert f"_output.{RUNS_THEM} is gone), so it is not seen if one runs twice" in note
