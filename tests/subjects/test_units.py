"""What the journal is told of units that are asked for under keys of a person's choice."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from harness.faults import FaultPlan
from harness.history import UnitAsked
from harness.journal import Journal, load
from harness.steps import StepId
from harness.subjects.places import Body, Setting, asked_here, step_here, waiting_here
from harness.subjects.probes import Probes
from harness.subjects.strikes import Strikes

PAY, CHARGE = "pay", StepId.of("tool", "charge")


class Amount(BaseModel):
    """Fields that are told."""

    cents: int


@dataclass
class Order:
    """What tells two orders apart, and what does not."""

    number: int
    client: object


def probes_in(folder: Path) -> Probes:
    journal = Journal(folder / "journal.jsonl")
    return Probes(journal, Strikes(journal, FaultPlan.parse(""), 1, {}))


def told(folder: Path) -> list[UnitAsked]:
    return list(load(folder / "journal.jsonl").of(UnitAsked))


def test_arguments_are_told_as_a_person_reads_them_and_nothing_is_used_up(tmp_path: Path) -> None:
    lines = (line for line in ("one", "two"))
    given = {"order": Order(7, object()), "amount": Amount(cents=5), "when": date(2026, 1, 2), "lines": lines}
    round_about: dict[str, Any] = {}
    round_about["self"] = round_about

    for arguments in (given, {"tags": {"b", "a"}, "raw": b"x"}, round_about):
        probes_in(tmp_path).asked("k", "flow:pay-1", PAY, arguments, found=False)

    one, other, endless = (event.arguments for event in told(tmp_path))
    assert one == {
        "order": {"number": 7, "client": "object"},
        "amount": {"cents": 5},
        "when": "2026-01-02",
        "lines": "generator",
    }
    assert other == {"tags": ["'a'", "'b'"], "raw": "b'x'"}
    assert endless is None
    assert [*lines] == ["one", "two"]


def test_calls_under_one_key_have_the_numbers_of_their_places(tmp_path: Path) -> None:
    probes = probes_in(tmp_path)
    for number, found in enumerate((False, True, True), 1):
        probes.known(f"flow:pay-{number}", "k")
        probes.asked("k", f"flow:pay-{number}", PAY, {}, found=found)

    said = [(event.step, event.found) for event in told(tmp_path)]
    assert said == [("step:pay#1", False), ("step:pay#2", True), ("step:pay#3", True)]


def test_the_record_of_a_tool_call_is_asked_for_outside_of_its_body(tmp_path: Path) -> None:
    probes = probes_in(tmp_path)
    probes.asked("k", "1", "Call Tool", None, found=True)
    with Setting(asked_here, CHARGE):
        probes.asked("k", "2", "Call Tool", None, found=True)
        with Setting(step_here, CHARGE):
            probes.asked("k", "3", "Model Request", None, found=True)
            probes.asked("k", "4", PAY, {"cents": 5}, found=True)
        with Setting(waiting_here, Body(CHARGE)):
            probes.asked("k", "5", PAY, {"cents": 5}, found=True)

    assert [event.step for event in told(tmp_path)] == [
        None,
        "tool:charge#1",
        None,
        "tool:charge#1.step:pay#1",
        "tool:charge#1",
    ]
