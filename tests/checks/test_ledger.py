"""What a run did, step by step, in figures."""

from __future__ import annotations

from dataclasses import astuple

from harness.checks.ledger import ledger
from harness.verdict import Ledger
from tests.builders import KEEPS_MODELS, Story, a_case

COST = {"usage": {"input_tokens": 10, "output_tokens": 2}}
CHARGE = "tool:charge#1"


def usual() -> Story:
    return Story().life().kept("model#1", COST).kept(CHARGE).kept("model#2", COST).finished()


def book(story: Story, **case) -> Ledger:
    return ledger(a_case(story, usual(), **case))


def line(story: Story, step: str, **case) -> dict[str, int]:
    found = next(line for line in book(story, **case).lines if line.step == step)
    names = ("executed", "replayed", "re_executed", "indeterminate", "orphaned")
    return {name: count for name, count in zip(names, astuple(found)[1:], strict=True) if count}


def crashed() -> Story:
    """Both records are replayed in the second life."""
    story = Story("crash@model#2/before").life().kept("model#1", COST).kept(CHARGE).crash()
    return story.life().kept("model#2", COST).finished()


def test_a_fault_free_run_executes_each_body_once():
    assert [astuple(line) for line in book(usual()).lines] == [
        ("model#1", 1, 0, 0, 0, 0),
        (CHARGE, 1, 0, 0, 0, 0),
        ("model#2", 1, 0, 0, 0, 0),
    ]


def test_a_record_that_a_later_life_got_past_was_replayed():
    assert line(crashed(), "model#1") == {"executed": 1, "replayed": 1}
    assert line(crashed(), CHARGE) == {"executed": 1, "replayed": 1}


def test_a_record_is_replayed_once_per_life():
    story = Story("crash@model#2/before; crash@run/after").life().kept("model#1").crash().life().kept("model#2")
    assert line(story.crash().life().finished(), "model#1") == {"executed": 1, "replayed": 2}


REFUSED = "ModelRetry: ids look like P-0001"


def test_a_recorded_refusal_is_replayed_as_a_result_is():
    story = Story("crash@model#2/before").life().kept("model#1").kept(CHARGE, error=REFUSED).kept("model#1+1")
    story.kept(f"{CHARGE}+1").crash().life().kept("model#2").finished()
    assert line(story, CHARGE) == {"executed": 1, "replayed": 1}


def test_a_recorded_refusal_that_nothing_went_on_from_is_orphaned():
    story = Story(f"crash@{CHARGE}/after").life().kept("model#1").kept(CHARGE, error=REFUSED).crash()
    assert line(story.life().dies("hang").ended("stuck"), CHARGE) == {"executed": 1, "orphaned": 1}


def test_a_recorded_failure_that_was_tried_again_is_not_orphaned():
    story = Story().life().kept("model#1", error="boom: 503").kept("model#1").kept("model#2").finished()
    assert line(story, "model#1") == {"executed": 2}


def test_a_body_that_died_before_its_record_is_indeterminate_and_runs_again():
    story = Story(f"crash@{CHARGE}/between").life().kept("model#1").entered(CHARGE, recorded=True).left(CHARGE).crash()
    story.life().kept(CHARGE).kept("model#2").finished()
    assert line(story, CHARGE) == {"executed": 2, "re_executed": 1, "indeterminate": 1}


def test_a_record_that_was_not_used_is_orphaned():
    story = Story(f"crash@{CHARGE}/after").life().kept("model#1").kept(CHARGE).crash().life().kept(CHARGE)
    assert line(story.kept("model#2").finished(), CHARGE) == {"executed": 2, "re_executed": 1, "orphaned": 1}


def test_a_record_of_a_run_that_never_went_on_is_orphaned():
    story = (
        Story(f"crash@{CHARGE}/after").life().kept("model#1").kept(CHARGE).crash().life().dies("hang").ended("stuck")
    )
    assert line(story, CHARGE) == {"executed": 1, "orphaned": 1}


def test_a_step_that_the_engine_does_not_record_is_never_replayed():
    usually = Story().life().kept("model#1").ran(CHARGE).kept("model#2").finished()
    story = Story("crash@model#2/before").life().kept("model#1").ran(CHARGE).crash().life().ran(CHARGE).kept("model#2")
    found = ledger(a_case(story.finished(), usually, contract=KEEPS_MODELS)).lines[1]
    assert astuple(found) == (CHARGE, 2, 0, 1, 0, 0)


def test_a_retry_is_an_execution_and_no_re_execution():
    story = Story().life().kept("model#1").ran(CHARGE, error="boom").kept(CHARGE, attempt=2).kept("model#2").finished()
    assert line(story, CHARGE) == {"executed": 2}


def test_requests_and_tokens_are_counted_with_what_was_bought_again():
    story = Story("crash@model#1/between").life().entered("model#1", recorded=True).left("model#1", COST).crash()
    story.life().kept("model#1", COST).kept(CHARGE, COST).kept("model#2", COST).finished()
    found = book(story)
    assert (found.requests, found.tokens) == (3, 36)
    assert (found.requests_again, found.tokens_again) == (1, 12)


def test_a_request_without_usage_costs_nothing():
    assert book(Story().life().kept("model#1", "text").kept("model#2", {"usage": None}).finished()).tokens == 0


def test_the_run_has_no_line():
    assert [line.step for line in book(Story().life().kept("run").kept("model#1").finished()).lines] == ["model#1"]


def test_a_body_left_open_by_a_life_that_died_is_indeterminate_whatever_became_of_others():
    story = Story("crash@model#2/before; crash@run/after").life().kept("model#1").entered(CHARGE, recorded=True).crash()
    story.life().kept(CHARGE).kept("model#2").crash().life().finished()
    assert line(story, CHARGE)["indeterminate"] == 1


def test_a_body_left_open_by_a_life_that_ended_well_is_not():
    story = Story("crash@model#2/before").life().kept("model#1").crash().life().entered(CHARGE, recorded=True)
    assert "indeterminate" not in line(story.kept("model#2").finished(), CHARGE)
