"""Fallbacks: one model after the other, as long as their own conditions say so."""

from __future__ import annotations

import copy
from collections.abc import Callable, Coroutine, Sequence
from itertools import pairwise
from typing import Any

from pydantic_ai import models
from pydantic_ai.messages import ModelRequest, ModelResponse
from pydantic_ai.models import Model
from pydantic_ai.models.fallback import FallbackModel

from harness.audits.asking.clock import without_waiting
from harness.audits.asking.streaming import by_library, plainly
from harness.audits.asking.trouble import MOST, Enough
from harness.audits.asking.watching import Watch
from harness.retries.values import RetryLayer
from harness.subjects.loops import run_once
from harness.subjects.origins import explicit


class Chain:
    """A fallback as a layer: one model after the other."""

    def __init__(self, names: Sequence[str]) -> None:
        settings = {"models": ", ".join(names)}
        self.layer = RetryLayer(name="fallback", kind="fallback", settings=settings, origin=explicit("FallbackModel()"))


class Fallen:
    """A chain of models that fail with these errors, or say these answers, as a fallback asked them."""

    def __init__(self, came: Sequence[ModelResponse | BaseException | None]) -> None:
        self.came = came
        self.answer: ModelResponse | None = None
        self.called: list[int] = []
        self.slept: list[float] = []
        self._before: list[int] = []
        self.endless = False

    def ask(self, fallback: FallbackModel, watch: Watch, *, streamed: bool = False) -> BaseException | None:
        """Ask a fallback around them; what it raises. `watch` sees its conditions. No answer that is streamed does."""
        twin: Any = copy.copy(fallback)
        twin.models = [_Standing(number, self) for number in range(len(self.came))]
        if streamed:
            twin._response_handlers = []  # noqa: SLF001  it has no answer before somebody has read it
        twin._should_fallback = watch.policy(twin._should_fallback)  # noqa: SLF001  where it asks the person's own conditions
        with without_waiting() as self.slept:
            try:
                self.answer = run_once(requested(twin, None, by_library if streamed else plainly))
            except Enough:
                self.endless = True
            except Exception as error:  # noqa: BLE001  whatever its caller would see
                return error
        return None

    def asked(self, number: int) -> ModelResponse:
        """One of the models is asked: it says its answer, or raises its error."""
        if len(self.called) == MOST:
            raise Enough
        self.called.append(number)
        self._before.append(len(self.slept))
        came = self.came[number] or RuntimeError("a model of which nobody knows what becomes of it")
        if isinstance(came, BaseException):
            raise came
        return came

    @property
    def turn(self) -> list[int]:
        """The models that were asked, up to the first one that was asked again: by a loop of the person's own.

        Of a loop that does not go through the same ones each time all counts as one turn.
        """
        again = (place for place, (one, then) in enumerate(pairwise(self.called), 1) if then <= one)
        first = self.called[: next(again, len(self.called))]
        rounds = len(self.called) // max(1, len(first))
        return first if self.endless or self.called == first * rounds else self.called

    @property
    def turns(self) -> int | None:
        """How often it went through them. None: without end."""
        return None if self.endless else max(1, len(self.called) // max(1, len(self.turn)))

    def wait(self, turn: int) -> float:
        """The seconds after a turn."""
        return self.pause(turn * len(self.turn))

    def pause(self, place: int) -> float:
        """The seconds before a model was asked, after the one before it."""
        before = self._before[place - 1 : place + 1]
        return sum(self.slept[slice(*before)]) if len(before) > 1 else 0.0


class _Standing(Model[Any]):
    """Stands for one model of a fallback: answers or fails as that one does."""

    def __init__(self, number: int, chain: Fallen) -> None:
        super().__init__()
        self._number, self._chain = number, chain

    @property
    def model_name(self) -> str:
        return "standing"

    @property
    def system(self) -> str:
        return "harness"

    async def request(self, *_args: Any, **_kwargs: Any) -> Any:
        return self._chain.asked(self._number)


async def requested(
    model: Any, settings: Any, way: Callable[..., Coroutine[Any, Any, ModelResponse]] = plainly
) -> ModelResponse:
    """Ask a model once on some `way`, which may make requests for that."""
    before, models.ALLOW_MODEL_REQUESTS = models.ALLOW_MODEL_REQUESTS, True
    try:
        return await way(model, [ModelRequest.user_text_prompt("harness")], settings)
    finally:
        models.ALLOW_MODEL_REQUESTS = before
