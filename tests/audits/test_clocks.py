"""Loops of a person's own that stop by the clock, whichever they look at: all of them go on by what nobody waits."""

# ruff: noqa: DTZ001, DTZ003  as people write them

from __future__ import annotations

import asyncio
import datetime as dt
import time
from asyncio import sleep
from datetime import UTC, datetime, timedelta
from time import monotonic

import pytest
from pydantic import TypeAdapter
from pydantic_ai import Agent
from pydantic_ai.exceptions import ModelAPIError
from pydantic_ai.models.wrapper import WrapperModel

from fixtures.audit import clients
from harness.audits.asking.dates import moved_dates
from harness.audits.asking.modeling import Asker
from harness.retries.values import Failure
from tests.audits.cells import measured

F = Failure


class Budget(WrapperModel):
    """Tries again after ten seconds, as long as a minute is not over."""

    def now(self):
        return time.time()

    async def pause(self):
        await asyncio.sleep(10)

    async def request(self, *given, **more):
        ends = self.now() + 59
        while True:
            try:
                return await super().request(*given, **more)
            except ModelAPIError:
                if self.now() >= ends:
                    raise
                await self.pause()


class Precise(Budget):
    def now(self):
        return time.perf_counter()


class InNanoseconds(Budget):
    def now(self):
        return time.time_ns() / 10**9


class OfTheLoop(Budget):
    def now(self):
        return asyncio.get_running_loop().time()


class Borrowing(Budget):
    def now(self):
        return monotonic()

    async def pause(self):
        await sleep(10)


class OnTheWall(Budget):
    def now(self):
        return datetime.now(UTC).timestamp()


class OnTheCalendar(Budget):
    def now(self):
        return (dt.datetime.utcnow() - dt.datetime(2000, 1, 1)) / dt.timedelta(seconds=1)


KINDS = [Budget, Precise, InNanoseconds, OfTheLoop, Borrowing, OnTheWall, OnTheCalendar]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_who_stops_by_a_clock_is_asked_without_waiting(kind):
    asker, began = Asker(kind(clients.openai())), time.perf_counter()
    asked = asker.ask(F.BAD_REQUEST)
    assert (asked.expression.total, asked.course.seconds) == (7, 60)
    assert asker.ask(F.READ_TIMEOUT).expression.total == 3  # of the client, which takes longer than a minute
    assert time.perf_counter() - began < 5
    assert (monotonic, sleep) == (time.monotonic, asyncio.sleep)  # and everything is as it was
    assert datetime is dt.datetime


@pytest.mark.parametrize("name", ["budget", "of_the_loop", "borrowing", "on_the_wall", "on_the_calendar"])
def test_in_a_run_the_clock_goes_on_by_what_is_not_waited(tmp_path, name):
    cell = measured(tmp_path, f"{__name__}:{name}", "none", "model", F.BAD_REQUEST)
    assert (cell.predicted, cell.counted, cell.agrees, cell.unmeasured) == (7, 7, True, "")


budget = Agent(Budget(clients.openai()), name="budget")
of_the_loop = Agent(OfTheLoop(clients.openai()), name="of_the_loop")
borrowing = Agent(Borrowing(clients.openai()), name="borrowing")
on_the_wall = Agent(OnTheWall(clients.openai()), name="on_the_wall")
on_the_calendar = Agent(OnTheCalendar(clients.openai()), name="on_the_calendar")


def test_a_date_that_goes_on_is_a_date_like_any():
    passed = [0.0]
    moved = moved_dates(lambda: passed[0])
    other, module = moved[datetime], moved[dt]
    passed[0] = 3600
    ahead = [
        other.now().astimezone(UTC),
        module.datetime.now(UTC),
        other.utcnow().replace(tzinfo=UTC),
        other.today().astimezone(UTC),
    ]
    assert all(timedelta(minutes=59) < one - datetime.now(UTC) <= timedelta(hours=1) for one in ahead)
    made = [other(2026, 1, 1), other.fromisoformat("2026-01-01"), other.strptime("2026", "%Y"), *ahead]
    assert {type(one) for one in made} == {datetime}  # what others get is theirs
    assert isinstance(datetime(2026, 1, 1), other)
    assert issubclass(datetime, other)
    assert module.UTC is UTC
    assert TypeAdapter(other | None).validate_python("2026-01-01T00:00:00") == datetime(2026, 1, 1)
