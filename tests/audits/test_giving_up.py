"""What Temporal ends goes on for a while, and what has died is noticed after a while: both count."""

from __future__ import annotations

from pathlib import Path

import pytest

from fixtures.audit import giving_up
from harness.audits import collect
from harness.audits.wire.measuring import measure, open_wire
from harness.engines.temporal import retries as temporal
from harness.engines.temporal.noticing import Noticing
from harness.retries.values import Failure
from harness.scenario import Scenario

F = Failure


def predicted(name: str, failure: Failure):
    agent = getattr(giving_up, name)
    (model, *_rest) = collect.units_of(agent, lambda unit: temporal.layers(agent, unit, {}))
    return model.cell(failure)


@pytest.mark.parametrize("name", giving_up.SEEN)
def test_as_many_requests_are_predicted_as_a_real_server_and_a_worker_let_pass(name):
    assert predicted(name, F.READ_TIMEOUT).predicted == giving_up.SEEN[name]


@pytest.mark.parametrize("name", ["usual", "heard", "whole", "deaf", "told"])
def test_so_many_are_measured_in_shorter_time(name, tmp_path: Path):
    with open_wire(Scenario.make(subject=f"fixtures.audit.giving_up:{name}", engine="temporal"), tmp_path) as bench:
        assert measure(bench.scenario, F.READ_TIMEOUT, bench=bench).requests == giving_up.SEEN[name]


DEATHS = {"whole": 2, "only_whole": 1, "long": 2, "short": 2}


@pytest.mark.parametrize("name", DEATHS)
def test_a_process_dies_as_often_as_there_is_time_to_notice_it(name, tmp_path: Path):
    assert predicted(name, F.CRASH).predicted == DEATHS[name]
    with open_wire(Scenario.make(subject=f"fixtures.audit.giving_up:{name}", engine="temporal"), tmp_path) as bench:
        died = measure(
            bench.scenario,
            F.CRASH,
            bench=bench,
            step="model#1",
            limit=DEATHS[name] + 1,
            is_enough=lambda seen: seen.bodies["model#1"] >= DEATHS[name],
        )
    assert died.bodies["model#1"] == DEATHS[name]


@pytest.mark.parametrize(
    ("noticing", "age", "sure"),
    [
        (Noticing(60.0, 30.0), 23.0, 0.0),
        (Noticing(60.0, 30.0), 25.0, 24.0),
        (Noticing(5.0, 30.0), 9.0, 8.0),
        (Noticing(600.0, 200.0), 199.0, 100.0),
        (Noticing(20.0), 24.0, 0.0),
        (Noticing(20.0), 25.0, 25.0),
        (Noticing(40.0), 44.0, 30.0),
        (Noticing(20.0, 4.0, beats=False), 8.0, 0.0),
        (Noticing(20.0, 4.0, beats=False), 9.0, 9.0),
    ],
    ids=[
        "before the second heartbeat",
        "after it",
        "no heartbeat timeout is longer than the attempt's",
        "as often as the body beats",
        "the worker's own clock",
        "which ends it",
        "heartbeats without a timeout",
        "a body that never beats",
        "which is ended",
    ],
)
def test_an_attempt_hears_late_that_it_was_given_up(noticing, age, sure):
    assert noticing.sure(age) == sure


def test_it_has_heard_of_it_when_nothing_of_what_it_does_then_is_sure():
    for noticing in (Noticing(58.0), Noticing(20.0), Noticing(20.0, beats=False), Noticing(60.0, 25.0)):
        heard = noticing.heard
        assert noticing.sure(heard - 0.01) < noticing.attempt <= noticing.sure(heard)
