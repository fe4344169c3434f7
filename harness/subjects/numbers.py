"""Which number a unit has among those of its name, so that it is the same step in every life.

Units are counted in the order in which their container asks for them, be they run or replayed. A unit that has units
of its own, as a workflow has that a workflow calls, counts them by itself: of such, several may be on their way.
"""

from __future__ import annotations

from collections import defaultdict

from harness.steps import StepId
from harness.subjects.places import step_here


class Numbers:
    """The units of one invocation, by the engine's keys."""

    def __init__(self) -> None:
        self._keys: dict[str, list[str]] = defaultdict(list)
        self._places: dict[str, str] = {}

    def called(self, key: str, name: str) -> None:
        """The container asks for unit `key`, or for what is to be at the place `key`."""
        place = self._places.get(key, key)
        if place not in (places := self._counted(name)):
            places.append(place)

    def known(self, place: str, key: str) -> None:
        """What was asked for at `place` is unit `key`, which is the same wherever else it is asked for."""
        self._places.setdefault(key, place)

    def step(self, key: str, name: str) -> StepId:
        """The step that the unit is, if no body of the conversation claims it."""
        number = self._counted(name).index(self._places.get(key, key)) + 1
        return StepId.of("step", name, number).inside(step_here.get())

    def clear(self) -> None:
        """Another invocation begins."""
        self._keys.clear()
        self._places.clear()

    def _counted(self, name: str) -> list[str]:
        """The keys among which a unit of this name is counted here."""
        here = step_here.get()
        path = here.path if here is not None else ()
        own = max((index for index, segment in enumerate(path, 1) if segment.kind == "step"), default=0)
        return self._keys[f"{StepId(path[:own])}.{name}" if own else name]
