"""When a run is done again at another tempo, and at which."""

from __future__ import annotations

import pytest

from harness.tempo import Tempo
from tests.builders import Story

BASELINE = Story().life().entered("model#1").passes(0.58).left("model#1").finished().history()
"""A run of 0.6 seconds: what limits it as a whole keeps six."""


def waiting(*waits: float, limit: float = 60.0) -> Story:
    story = Story().life()
    for seconds in waits:
        story.waits(seconds, limit)
    return story


def test_waits_that_outlast_a_limit_are_divided_as_the_limit_is():
    again = Tempo().again(waiting(20.0, 20.0).finished().history(), None, BASELINE)
    assert again is not None
    assert again.pace == pytest.approx(10.0)
    assert again.note == "waits of 40 s within a limit of 60 s; so this run was done again with both divided by 10"
    clock = again.clock(None, BASELINE)
    assert clock.limit(60.0, whole=True).effective == pytest.approx(6.0)
    assert clock.divisor == pytest.approx(10.0)


def test_of_several_limits_the_one_that_allows_least_counts():
    story = waiting(20.0, 20.0).waits(40.0, 10.0)
    again = Tempo().again(story.finished().history(), None, BASELINE)
    assert again is not None
    assert again.pace == pytest.approx(10 / 6)


def test_a_limit_that_is_short_already_is_waited_for_in_real_time():
    again = Tempo().again(waiting(1.0, limit=1.5).finished().history(), None, BASELINE)
    assert again is not None
    assert again.pace == 1.0


@pytest.mark.parametrize(
    ("story", "tempo", "asked"),
    [
        pytest.param(waiting(20.0, 5.0), Tempo(), None, id="there is room"),
        pytest.param(Story().life().waits(500.0), Tempo(), None, id="nothing limits them"),
        pytest.param(waiting(20.0, 20.0), Tempo(pace=10.0), None, id="they are divided alike already"),
        pytest.param(waiting(20.0, 20.0), Tempo(), 1.0, id="the person has said how"),
    ],
)
def test_other_runs_stand(story: Story, tempo: Tempo, asked: float | None):
    assert tempo.again(story.finished().history(), asked, BASELINE) is None


def test_waits_of_different_invocations_are_not_added():
    story = waiting(20.0).finished()
    story.invokes(2)
    story.waits(20.0, 60.0).finished()
    assert Tempo().again(story.history(), None, BASELINE) is None


def test_a_timeout_that_strikes_by_itself_is_given_ten_times_the_time():
    story = Story().life().entered("model#1", limits=[20.0], effective=[0.5]).passes(0.5)
    again = Tempo(ease=10.0).again(story.left("model#1", error="CancelledError: ").finished().history(), None, BASELINE)
    assert again is not None
    assert (again.ease, again.pace) == (100.0, None)
    assert again.note.endswith("so this run was done again at a tenth of the time factor")


def test_waits_at_the_same_time_are_not_added():
    story = waiting(40.0)
    story.started -= 1.0
    again = Tempo().again(story.waits(40.0, 60.0).finished().history(), None, BASELINE)
    assert again is not None
    assert again.paced is not None
    assert again.paced.waits == pytest.approx(60.0, abs=0.5)


def test_what_a_run_does_besides_counts_too():
    story = waiting(2.0, limit=10.0).entered("tool:pack#1").passes(4.0).left("tool:pack#1").finished()
    again = Tempo().again(story.history(), None, BASELINE)
    assert again is not None
    assert again.paced is not None
    assert (again.paced.limit, again.paced.waits, again.paced.ended) == (10.0, 2.0, {"1": "ok"})


def test_waits_are_no_part_of_what_a_run_takes():
    baseline = waiting(40.0).entered("model#1").passes(0.5).left("model#1").finished().history()
    assert Tempo(pace=10.0).clock(None, baseline).limit(60.0, whole=True).effective == pytest.approx(6.0)
