"""Requests that say timeouts of their own in place of their client's: each waits for its answer as long as it says."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from harness.audits.asking.transports import Asked
from harness.audits.asking.unseen import Unseen
from harness.retries.arithmetic import Course, Times

TIMED = "some of its requests have a timeout and others have none, and what comes after one that waits only a run shows"


def as_patient(each: Sequence[float | None], asked: Asked, around: Course, below: Sequence[Times]) -> Course:
    """The course of requests that wait as long as they say.

    Nobody knows how long it takes where transports `below` send each of them again, or where not all were tried.
    """
    known = [seconds for seconds in each if seconds is not None]
    if len(known) < len(each):
        raise Unseen(TIMED)
    if len(known) != asked.sends or any(one.total != 1 for one in below):
        return replace(around, seconds=math.nan)
    course = Course(seconds=known[0])
    for attempt, seconds in enumerate(known[1:], 1):
        course = course.lasting(asked.answer.wait(attempt)).then(Course(seconds=seconds))
    return course
