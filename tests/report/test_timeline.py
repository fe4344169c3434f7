"""The lives of a run side by side: who ran what, what was replayed, and where the process died."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.history import History, ProcessEnded
from harness.report.paper import Paper
from harness.report.timeline import MANY, rows, timeline
from harness.verdict import Finding
from tests.builders import Story
from tests.report.samples import a_finding, a_warning

CHARGE = "tool:charge#1"


def cells(history: History, step: str) -> tuple[str, ...]:
    lives = sorted({event.incarnation for event in history if event.incarnation})
    return next(row.cells for row in rows(history, lives, {}) if row.step == step)


def drawn(history: History, *found: Finding) -> list[str]:
    return Paper().write(*timeline(history, found)).splitlines()


def charged_twice() -> Story:
    story = Story("crash@model#2/before")
    story.life().kept("model#1").ran(CHARGE, arguments={"order_id": "7"}).crash()
    return story.life().ran(CHARGE, arguments={"order_id": "7"}).kept("model#2").finished()


def test_the_lives_of_a_crashed_run_stand_side_by_side():
    assert drawn(charged_twice().history(), a_finding()) == [
        "  step            life 1                life 2",
        "  " + "-" * 66,
        "  model#1         ran, recorded         replayed",
        "  tool:charge#1   ran                   ran again           <- TWICE",
        '                  {"order_id": "7"}     {"order_id": "7"}',
        "  model#2         KILLED before         ran, recorded",
        "  the end         killed by the fault   finished",
    ]


def test_a_warning_is_marked_in_small_letters():
    marked = [line for line in drawn(charged_twice().history(), a_warning()) if "<-" in line]
    assert [line.rpartition("<- ")[2] for line in marked] == ["twice"]


def test_a_body_cut_off_is_not_said_to_have_run():
    story = Story(f"crash@{CHARGE}/between")
    story.life().entered(CHARGE).crash().life().ran(CHARGE).finished()
    assert cells(story.history(), CHARGE)[0].startswith("cut off, KILLED between")


def test_replayed_means_recorded_before_and_gone_past():
    story = Story("crash@model#3/before")
    story.life().kept("model#1").ran("tool:plain#1").kept("model#2").crash()
    story.life().ran("tool:plain#1").kept("model#3").finished()
    assert cells(story.history(), "model#1") == ("ran, recorded", "replayed")
    assert cells(story.history(), "model#2") == ("ran, recorded", "replayed")


def test_a_life_that_died_before_a_step_did_not_replay_it():
    story = Story("crash@model#2/after; crash@model#1/before~2")
    story.life().kept("model#1").kept("model#2").crash()
    story.life().crash("crash@model#1/before~2").life().kept("model#3").finished()
    assert cells(story.history(), "model#2") == ("ran, recorded, KILLED after", "", "replayed")


def test_a_step_that_nothing_recorded_is_never_called_replayed():
    story = Story("crash@model#1/before")
    story.life().ran(CHARGE).crash().life().kept("model#1").finished()
    assert cells(story.history(), CHARGE) == ("ran", "")


def test_a_life_that_did_not_touch_an_invocation_replayed_nothing_of_it():
    story = Story("crash@run#2.model#2/before").life().kept("run").kept("model#1").outcome().invokes(2).entered("run")
    story.kept("model#1").crash().life().ran("run").kept("model#2").finished()
    rows_of_two = [cells(story.history(), step)[1] for step in ("run", "model#1", "run#2.model#1")]
    assert rows_of_two == ["", "", "replayed"]


def test_a_step_that_was_struck_before_it_ran_is_shown():
    story = Story("crash@model#1/before")
    story.life().crash().life().kept("model#1").finished()
    assert cells(story.history(), "model#1") == ("KILLED before", "ran, recorded")


def test_attempts_within_one_life_are_counted():
    story = Story("error(503)@model#1")
    story.life().fires("error(503)@model#1").ran("model#1", error="boom: 503").kept("model#1").finished()
    assert cells(story.history(), "model#1") == ("ERROR(503) before, ran 2 times, recorded",)


def test_an_error_of_a_body_is_named():
    story = (
        Story().life().ran(CHARGE, error="ValueError: no such order").failed("no such order", "ValueError").dies("exit")
    )
    assert cells(story.history(), CHARGE) == ("raised ValueError",)
    assert cells(story.history(), "the end") == ("failed: ValueError",)


def test_the_effects_of_a_repeated_tool_show_their_keys():
    story = Story("crash@model#1/before")
    for key in ("a", "b"):
        story.life().entered(CHARGE).effect("charge", CHARGE, key=key).left(CHARGE)
        story = story.crash() if key == "a" else story.kept("model#1").finished()
    assert [cell.splitlines()[-1] for cell in cells(story.history(), CHARGE)] == [
        "effect charge key=a",
        "effect charge key=b",
    ]


def test_the_effects_of_another_invocation_are_not_shown():
    story = Story("crash@model#1/before").life().ran(CHARGE).effect("charge", CHARGE, key="a").outcome().invokes(2)
    story.ran(CHARGE).effect("charge", CHARGE, key="b").crash().life().ran(CHARGE).effect("charge", CHARGE, key="b")
    shown = cells(story.finished().history(), f"run#2.{CHARGE}")
    assert [cell.count("effect charge") for cell in shown] == [1, 1]


ENDS = [
    pytest.param("crash", "killed by the fault", id="crash"),
    pytest.param("hang", "hung, ended by the watchdog", id="hang"),
    pytest.param("death", "killed by somebody else", id="somebody else"),
    pytest.param("exit", "exited with code 0", id="by itself"),
]


@pytest.mark.parametrize(("cause", "said"), ENDS)
def test_each_life_says_how_it_ended(cause: str, said: str):
    assert cells(Story().life().kept("model#1").dies(cause).history(), "the end") == (said,)


def test_a_life_that_its_own_code_ended_by_a_signal_names_it():
    history = Story().life().kept("model#1").dies("death").history()
    by_signal = [replace(event, signal=11) if isinstance(event, ProcessEnded) else event for event in history.events]
    assert cells(History(tuple(by_signal)), "the end") == ("ended by SIGSEGV",)


def test_a_journal_that_stops_says_so():
    assert cells(Story().life().kept("model#1").history(torn=True), "the end") == ("the journal stops here",)


def test_the_run_itself_is_taken_up_again_and_not_repeated():
    story = Story("crash@model#1/after")
    story.life().entered("run").kept("model#1").crash().life().ran("run").finished()
    assert cells(story.history(), "run") == ("cut off", "taken up again")


def test_many_lives_are_drawn_in_blocks_that_fit():
    plan = "; ".join(f"crash@model#{number}/after" for number in range(1, 9))
    story = Story(plan)
    for number in range(1, 9):
        story.life().kept(f"model#{number}").crash()
    picture = drawn(story.life().finished().history())
    assert [line.split()[1:] for line in picture if line.startswith("  step")] == [
        ["life", "1", "life", "2", "life", "3"],
        ["life", "4", "life", "5", "life", "6"],
        ["life", "7", "life", "8", "life", "9"],
    ]
    assert max(map(len, picture)) <= 100


def test_of_many_lives_only_the_block_with_the_second_body_is_marked():
    story = Story("; ".join(f"crash@model#{number}/after" for number in range(1, 5)))
    story.life().ran(CHARGE).kept("model#1").crash().life().ran(CHARGE).kept("model#2").crash()
    story.life().kept("model#3").crash().life().kept("model#4").crash().life().finished()
    picture = drawn(story.history(), a_finding(incarnation=2))
    assert ["TWICE" in line for line in picture if CHARGE in line] == [True, False]


def test_long_runs_are_folded_and_the_crash_is_still_there():
    story = Story("crash@model#150/before").life()
    for number in range(1, 150):
        story.kept(f"model#{number}")
    picture = drawn(story.crash().life().kept("model#150").finished().history())
    assert len(picture) < MANY
    assert any(".. 147 more steps" in line for line in picture)
    assert any("KILLED before" in line for line in picture)


def test_a_second_invocation_has_rows_of_its_own():
    story = Story().life().kept("model#1").outcome().invokes(2).kept("model#1").finished()
    assert cells(story.history(), "run#2.model#1") == ("ran, recorded",)
