"""What asks a provider: the model of an agent, or a client without any; and what is made of each class of failure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError
from pydantic_ai import models

from harness.audits.asking.alike import apart
from harness.audits.asking.enclosing import Unknowns, enclosed, mildest_error, once, through, worst_error
from harness.audits.asking.limits import Usage
from harness.audits.asking.modeling import Asker
from harness.audits.asking.outcomes import Outcome
from harness.audits.asking.streaming import streams
from harness.audits.telling import settings_of
from harness.audits.translating import Translating
from harness.retries.arithmetic import Course, Expression, factors, product, times
from harness.retries.live import Live, Unfit, Unit, at_once
from harness.retries.report import Cell, UnitAudit
from harness.retries.values import ON_THE_WIRE, Failure, RetryLayer
from harness.steps import StepId
from harness.subjects.bare import bare
from harness.subjects.origins import default_of, explicit

Engine = Callable[[Unit], Sequence[Live]]
"""Asks the engine for its layers around a unit."""

NOTHING_SAID: Mapping[str, Any] = {}

RAISED: tuple[type[Exception], ...] = (RuntimeError, ConnectionError, TimeoutError, ValueError)
"""What a body raises, as far as retry conditions tell exceptions apart."""
READ: tuple[type[Exception], ...] = (KeyError, ValueError, AttributeError)
"""What else a body raises that reads an answer without a meaning."""


@dataclass(frozen=True)
class Turn:
    """One turn of a run whose answer is well, and which no agent takes for an output: what is sent, and what comes.

    `layers` are those below the turn that send it several times, or of which nobody knows whether they do.
    """

    expression: Expression
    error: BaseException | None = None
    layers: tuple[RetryLayer, ...] = ()

    def repeated(self, turns: Expression) -> Outcome:
        """So many of them, after which the run gives up; of one that ends in an error there are no more."""
        if self.error is not None:
            return Outcome(self.expression, Course(), self.error)
        return Outcome(product(self.expression, turns), Course(), Unfit())


ONE_REQUEST = Turn(times(1, "model"))
"""The turn of a model that asks once."""


@dataclass(frozen=True)
class ModelAsked:
    """The model of an agent as a unit, and a turn of the agent's runs that it answers."""

    unit: UnitAudit
    turn: Turn


def model_of(
    agent: Any,
    engine: Engine,
    usage: Usage | None = None,
    made_of: Translating | None = None,
    said: Mapping[str, Any] = NOTHING_SAID,
    wrapper: Any = None,
) -> ModelAsked:
    """The model of an agent; one that cannot be built here is an unknown layer.

    `made_of` tells what code of the person's own around its runs makes of errors, `said` what its calls say in place of
    its own settings; `wrapper` is what is around the agent, such as a `DBOSAgent`, if anything is.
    A model may take an answer that says nothing for an answer: then it is the agent that asks again.
    """
    try:
        model = models.infer_model(agent.model) if isinstance(agent.model, str) else agent.model
    except Exception as error:  # noqa: BLE001  a missing package, a key, whatever the provider's own code raises
        reason = f"the model {agent.model!r} cannot be built here: {error}"
        hidden = RetryLayer(name="model", kind="model", unknown=reason)
        return ModelAsked(UnitAudit(unit="model", layers=(hidden,)), Turn(times(None, hidden.name), layers=(hidden,)))
    asks, usage = output_layer(agent), usage or Usage()
    turns = usage.over(times(tries(output_retries(agent)), asks.name))
    asker = Asker(model, {**settings_of(agent), **said}, streams=streams(agent) or streams(wrapper))
    outcomes = {failure: asker.ask(failure) for failure in ON_THE_WIRE}
    taken = [failure for failure, outcome in outcomes.items() if _is_taken(outcome)]
    outcomes |= {failure: _asked_again(outcomes[failure], turns) for failure in taken}
    lives = engine(Unit("model"))
    if made_of is not None:
        outcomes = {failure: _passed_on(outcome, lives, made_of) for failure, outcome in outcomes.items()}
    unit = _model_unit("model", asker, outcomes, lives)
    unit = unit.model_copy(update={"layers": (*unit.layers, *([asks] if taken else []))})
    turn = _turn(asker, lives)
    said_before = {layer.name for layer in unit.unknown}
    return ModelAsked(unit, replace(turn, layers=tuple(one for one in turn.layers if one.name not in said_before)))


def _turn(asker: Asker, lives: Sequence[Live]) -> Turn:
    """A turn that is answered: the engine's unit around it only hears of it if the model raises something."""
    asker.unknown = {}
    units, unknown = [live for live in apart(lives) if live.layer.kind != "container"], Unknowns()
    met = through(asker.ask(Failure.INVALID_OUTPUT), units, unknown)
    trying = {factor.layer for factor in factors(met.expression) if factor.times != 1}
    layers = told([*asker.layers, *(live.layer for live in units)], {**asker.unknown, **unknown})
    return Turn(met.expression, met.error, tuple(layer for layer in layers if layer.name in trying))


def _asked_again(outcome: Outcome, turns: Expression) -> Outcome:
    """The same in each turn of a run, which the agent begins at once."""
    total = turns.total
    course = outcome.course if total is None else outcome.course.repeated(int(total), at_once)
    return replace(outcome, expression=product(outcome.expression, turns), course=course)


def _is_taken(outcome: Outcome) -> bool:
    """Whether a model took what came for an answer."""
    return outcome.error is None and not outcome.course.endless and outcome.expression.total is not None


def model_unit(name: str, asker: Asker, lives: Sequence[Live], made_of: Translating) -> UnitAudit:
    """One model, or one client without any, in code of the person's own: what that raises is the worst it may."""
    outcomes = {failure: _passed_on(asker.ask(failure), lives, made_of) for failure in ON_THE_WIRE}
    unit = _model_unit(name, asker, outcomes, lives)
    return unit.model_copy(update={"cells": tuple(cell.bounded for cell in unit.cells)})


def _passed_on(outcome: Outcome, lives: Sequence[Live], made_of: Translating) -> Outcome:
    """The outcome as the code around a client lets it out: the error itself, or one of its own in that place.

    What it takes for an answer makes it return something: of that hears who tries again after results.
    """
    if outcome.error is None:
        return outcome
    is_read = outcome.assumed and type(outcome.error) is TypeError
    errors = [outcome.error, *(kind("harness") for kind in READ if is_read)]
    errors += [bare(ValidationError, "harness")] if is_read and made_of.validates else []
    as_they_are = errors if is_read or made_of.lets_up(outcome.error, read=outcome.assumed) else []
    errors = [*as_they_are, *(other for error in errors for other in made_of.of(error))]
    made = made_of.made if outcome.assumed or any(map(made_of.catches, errors)) else ()
    taken = (None,) if outcome.assumed or any(map(made_of.takes, errors)) else ()
    usual = worst_error(lives, *errors, *taken, own=True)
    worst, mildest = worst_error(lives, usual, *made, own=True), mildest_error(lives, usual, *made)
    return replace(outcome, error=worst, otherwise=None if worst is mildest else mildest)


def _model_unit(name: str, asker: Asker, outcomes: Mapping[Failure, Outcome], lives: Sequence[Live]) -> UnitAudit:
    unknown: Unknowns = {}
    lives = apart(lives)
    cells = [enclosed(outcome, lives, failure, unknown, "requests") for failure, outcome in outcomes.items()]
    layers = [*asker.layers, *(live.layer for live in lives)]
    host, sender = (asker.sdk.host, asker.sdk.sender) if asker.sdk else ("", "")
    return UnitAudit(
        unit=name, host=host, sender=sender, layers=told(layers, {**asker.unknown, **unknown}), cells=tuple(cells)
    )


def body_unit(name: str, lives: Sequence[Live]) -> UnitAudit:
    """A unit of the person's own that asks no provider, as far as we can see: its body fails by itself.

    What is around the whole need not see that: the workflow's own code is in between.
    """
    unknown: Unknowns = {}
    lives = apart(lives)
    layers = told([live.layer for live in lives], unknown)
    cell = raising(lives, unknown).model_copy(update={"bound": any(layer.kind == "container" for layer in layers)})
    unit = UnitAudit(unit=name, layers=layers, cells=(cell,))
    shown = "" if unit.unseen else unit.called
    return unit.model_copy(update={"step": str(StepId.of("step", shown)) if shown else ""})


def raising(lives: Sequence[Live], unknown: Unknowns) -> Cell:
    """The cell of a body that raises whatever is tried again most often."""
    error = worst_error(lives, *(kind("harness") for kind in RAISED))
    cell = enclosed(once(error), lives, Failure.TOOL_EXCEPTION, unknown, "executions")
    return cell.model_copy(update={"raises": type(error).__qualname__})


def output_layer(agent: Any) -> RetryLayer:
    """How often an agent asks its model for a better output."""
    retries = output_retries(agent)
    origin = default_of("pydantic_ai") if retries == 1 else explicit(output=retries, retries=retries)
    absurd = f"output={retries} makes no sense" if retries < 0 else ""
    settings = {"output": str(retries)}
    return RetryLayer(name="agent output", kind="agent", settings=settings, origin=origin, unknown=absurd)


def tries(retries: int) -> int | None:
    """The first try and the others. None: of a number that makes no sense, nobody knows what is made."""
    return retries + 1 if retries >= 0 else None


def output_retries(agent: Any) -> int:
    """What an agent itself keeps: how often it asks again."""
    return int(getattr(agent, "_max_output_retries", 1))


def told(layers: Sequence[RetryLayer], unknown: Unknowns) -> tuple[RetryLayer, ...]:
    """The layers, and for those that could not answer, why."""
    return tuple(
        layer.model_copy(update={"unknown": unknown[layer.name]}) if layer.name in unknown else layer
        for layer in layers
    )
