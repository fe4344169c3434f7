"""The child's half: a life as any other, but with the person's own models, over an endpoint that fails.

Nothing answers in a model's place here. That models may make requests at all is due to the endpoint below them; the
guard still refuses every connection to another machine, whatever the endpoint lets pass.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from pydantic_ai import models as gate
from pydantic_ai.agent import AbstractAgent
from pydantic_ai.messages import ModelMessage, ModelResponse

from harness.audits.asking.huggingface import ask_nothing_else
from harness.audits.beside import Function, named
from harness.audits.inside import durable
from harness.audits.reach import own_function, reached, referred
from harness.audits.wire import endpoint, hurry, senders
from harness.audits.wire.around import Around, around
from harness.audits.wire.failures import AT_THE_ENDPOINT, SUCCESS, UNREACHED
from harness.engines.base import Worker
from harness.engines.registry import attribute
from harness.history import Observation
from harness.process import worker
from harness.retries.live import Live, Unit
from harness.steps import StepId
from harness.subjects import bodies, events, guard, models
from harness.subjects.probes import Body

_beside: dict[str, Function] = {}
"""The functions of an agent that is the subject, beside its tools, by the names that the audit gives them."""
_others: set[str] = set()
"""The names of the agents that they ask."""
_missed: set[str] = set()
"""The hosts that the guard kept this life from, as far as they are told."""


def prepare(argument: dict[str, Any]) -> dict[str, Any]:
    """Make this interpreter ready to be forked, as `worker.prepare` does.

    What it returns says also what the engine has around whatever asks a provider, see `Around`.
    """
    guard.protect(allow_hosts=argument.get("hosts", ()))
    ask_nothing_else()
    models.watch(_asked)
    bodies.install()
    events.install()
    numbered = senders.install()
    engine: Worker = attribute(argument["worker"])()
    worker.prepare_engine(engine)
    ready = worker.take(argument, engine)
    if not ready["refused"]:
        _look_beside()
    numbered()
    return ready | _enclosing([] if ready["refused"] else _layers(engine))


def live(argument: dict[str, Any]) -> None:
    """Run one incarnation as `argument["wire"]` says: failure, limit, sent, script, pace and scale.

    Where the failure is not the endpoint's, the model is scripted, and if a step of a workflow is what fails, the
    endpoint answers whoever asks a provider without one. Where it is that of requests out of a tool's body, the model
    is scripted so that it calls the tool, and out of another function, so that it gives its output at once; the models
    of agents inside that are their own. So it is where a step or an agent of a workflow fails alone.
    """
    wire = argument["wire"]
    within = _within(wire)
    if wire["failure"] in AT_THE_ENDPOINT:
        gate.ALLOW_MODEL_REQUESTS = True
        told = {"limit": wire["limit"], "sent": wire["sent"], "within": within, "by_models": bool(_beside)}
        told |= {"others": wire["others"], "host": wire["host"], "works_beside": wire["alone"] is not None}
        told |= {"instead": wire["instead"], "sender": wire["sender"], "each": wire["each"]}
        endpoint.install(endpoint.Endpoint(wire["failure"], **told))
    elif wire["step"] and StepId.parse(wire["step"]).kind == "step":
        # A workflow comes to its step only if what it asks before is answered; that is not counted.
        endpoint.install(endpoint.Endpoint(SUCCESS, limit=1, within=lambda: False, works_beside=True))
    if wire["failure"] not in AT_THE_ENDPOINT or within is not None:
        models.uninstall()
        worker.script_models(wire["script"], without_tools=bool(wire["beside"] or wire["alone"]))
        models.let_through(_real(wire, within), _asked if wire["alone"] else None)
    guard.told.add(_unreached)
    hurry.install(wire["pace"], short=wire["short"])
    worker.pace(wire["scale"], auto=wire["pace"] is None, haste=wire["haste"])
    worker.live(argument)


def _unreached(host: str) -> None:
    """Write down whom a run tries to reach in vain: it may be why it comes to no end."""
    if (probes := bodies.active()) is not None and host not in _missed:
        _missed.add(host)
        probes.journal.append(Observation(name=UNREACHED, value=host), invocation=probes.invocation)


def _look_beside() -> None:
    """Find, once for all lives, what may ask a provider beside the model of an agent."""
    subject = worker.subject()
    if subject.agent is None:
        return
    _beside.update(named(subject.agent, subject.value))
    found = (one.value for function in _beside.values() for one in reached(function.value))
    _others.update(str(value.name) for value in found if isinstance(value, AbstractAgent))


def _within(wire: dict[str, Any]) -> Callable[[], bool] | None:
    """What tells whether the code runs whose requests fail; None if every provider's do."""
    if wire["beside"]:
        code = getattr(own_function(_beside[wire["beside"]].value), "__code__", None)
        return lambda: endpoint.is_called_by(code)
    if wire["alone"]:
        step, agent = wire["alone"]
        return (lambda: endpoint.asking.get() is not None) if agent else (lambda: endpoint.is_in(step))
    if not wire["step"]:
        return None
    tool = StepId.parse(wire["step"]).name
    return lambda: endpoint.is_within(tool)


def _real(wire: dict[str, Any], within: Callable[[], bool] | None) -> Callable[[], bool]:
    """What tells whether a model that asks is to ask its provider."""
    if within is None or wire["failure"] not in AT_THE_ENDPOINT:
        return lambda: False
    step, agent = wire["alone"] or ("", "")
    return (lambda: endpoint.is_in(step) and _asks(agent)) if agent else within


def _asks(agent: str) -> bool:
    """Whether this agent asks its model here. Of a `TemporalAgent` only the name of its activity tells."""
    name = models.asking().agent_name
    return endpoint.is_in_model_of(agent) if name is None else name == agent


def _layers(engine: Worker) -> list[Live]:
    """The engine's layers around whatever asks a provider, as far as its adapter tells them."""
    ask: Callable[[Unit], Sequence[Live]] = getattr(engine, "retry_layers", lambda _unit: ())
    return [live for unit in _units() for live in ask(unit)]


def _enclosing(lives: Sequence[Live]) -> Around:
    endless = any(live.answer(ConnectionError("harness")).attempts is None for live in lives)
    return around((live.layer for live in lives), endless=endless)


def _units() -> list[Unit]:
    """What asks a provider: an agent's model, or whatever a workflow of the person's own calls."""
    subject = worker.subject()
    if subject.agent is not None:
        return [Unit("model")]
    named = list(referred(subject.value))
    models = [Unit("model", owner=value) for _, value in named if durable(value)]
    return [Unit("run"), *models, *(Unit("own", name, value) for name, value in named)]


async def _asked(model: Any, messages: list[ModelMessage], ask: Callable[[], Awaitable[Any]]) -> Any:
    """A model's request, as a body between probes. Of models that ask other models, the outermost is the body."""
    probes = bodies.active()
    if probes is None or _is_anothers():
        return await ask()
    before = endpoint.asking.get()
    endpoint.asking.set(_address(model))
    try:
        if before is not None:
            return await ask()
        body = Body(_step(messages), arguments={"model": model.model_name})
        return await probes.body(body, ask)
    finally:
        endpoint.asking.set(before)


def _is_anothers() -> bool:
    """Whether another agent asks, out of a function of the subject's: that is not what its own model is asked."""
    asked_by = models.asking().agent_name
    return asked_by in _others and asked_by != worker.subject().name


def _address(model: Any) -> str:
    try:
        return str(model.base_url or "")
    except Exception:  # noqa: BLE001  a client that cannot be built fails in the request itself, as it would for anybody
        return ""


def _step(messages: list[ModelMessage]) -> StepId:
    """In message order, as everywhere."""
    return StepId.of("model", number=1 + sum(isinstance(message, ModelResponse) for message in messages))
