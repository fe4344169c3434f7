"""The child: one incarnation of a run, from the entered world to the outcome in the journal.

`prepare` runs once in the zygote: it protects the machine, puts the scripted model and the probes in place, imports the
subject and binds it to the engine. `live` runs in the forked child and leaves by its end, or by a fault.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast

from harness import effects
from harness.engines.base import Case, Examiner, NotStarted, Store, Worker
from harness.engines.registry import attribute
from harness.errors import UsageError
from harness.faults import FaultPlan
from harness.history import ASKED, SHOWN, Effect, Event, Note, Observation, Outcome, spelled, unsaid
from harness.journal import Journal, plain
from harness.process import complaint
from harness.process.leaving import await_end
from harness.process.summons import await_answer
from harness.steps import StepId
from harness.subjects import around, bodies, events, guard, leftovers, models, output_functions, owned, wire, world
from harness.subjects.answers import Answer, answer
from harness.subjects.clock import Clock
from harness.subjects.commits import all_left
from harness.subjects.deps import load_deps
from harness.subjects.importing import ImportPath, load_module, own_files
from harness.subjects.loading import Subject, load_subject
from harness.subjects.naming import agent_names, agents_around
from harness.subjects.offers import OFFER, offer, shown
from harness.subjects.probes import Body, Probes
from harness.subjects.script import Script
from harness.subjects.script_sources import load_script
from harness.subjects.stamps import AgentRun
from harness.subjects.strikes import Strikes, exception

CAUSES = 5
"""How many causes of an error are told."""


@dataclass
class Prepared:
    """What the zygote has ready for its children."""

    subject: Subject
    script: Script | None
    worker: Worker
    life: Life | None = None
    case: Case | None = None


_prepared: Prepared | None = None


def prepare(argument: dict[str, Any]) -> dict[str, Any]:
    """Make this interpreter ready to be forked. Returns `refused` (the engine's words), `agent`, `notes`, `sources`.

    `argument`: subject, deps, assumes (whether any invocation has no deps of its own, and so takes those), script,
    worker (import path of the engine's child half), options, scale, hosts, errors (what `error(...)` faults are to
    raise). Raises `UsageError` for any of them that cannot be used.
    """
    return take(argument, protect(argument))


def protect(argument: dict[str, Any]) -> Worker:
    """The first half of `prepare`, once per interpreter: protect the machine, install the probes, import the engine."""
    guard.protect(allow_hosts=argument.get("hosts", ()))
    script_models()
    bodies.install()
    output_functions.install()
    events.install()
    around.install()
    worker: Worker = attribute(argument["worker"])()
    prepare_engine(worker)
    return worker


def prepare_engine(worker: Worker) -> None:
    """Let the engine make itself ready. What it raises is told as the engine's, and not as the subject's."""
    with complaint.said_of(f"`{type(worker).__qualname__}.prepare` of the engine"):
        worker.prepare()


def take(argument: dict[str, Any], worker: Worker) -> dict[str, Any]:
    """The second half: import the subject and bind it to the engine."""
    global _prepared
    subject = load_subject(argument["subject"], deps=argument.get("deps"))
    if argument.get("world"):
        world.load_world(argument["world"])
    wire.install()
    for error in argument.get("errors", ()):
        exception(error)  # by import path perhaps, which is known here only
    script = load_script(argument["script"]) if argument.get("script") is not None else None
    for agent in [subject.agent] if subject.agent else agents_around(load_module(ImportPath.parse(subject.path))):
        models.warm(agent)
    _rehearse()
    _prepared = Prepared(subject, script, worker)
    scale = argument.get("scale")
    case = Case(
        subject,
        _invoke,
        argument.get("options", {}),
        scale or 1.0,
        auto_scale=scale is None,
    )
    _prepared.case = case
    refused = worker.bind(case)
    noted = [note for note in subject.notes if argument.get("assumes", True) or note not in subject.deps.notes]
    notes = [*noted, *_misspelt(script), *events.problems(), *output_functions.problems()]
    refusal = refused.reason if refused else ""
    return {"refused": refusal, "agent": subject.name, "notes": notes, "sources": own_files()}


def _rehearse() -> None:
    """Let the harness itself compile and remember now what it would take each life longer than to use it."""
    FaultPlan.parse("crash@run")
    kinds: Iterable[Any] = Event.kinds.values()
    for kind in kinds:
        unsaid(kind)


def _misspelt(script: Script | None) -> list[str]:
    """A note about conversations of agents that no module holds: no error, a function may make its own agent."""
    try:
        if script is not None:
            script.check_agents(agent_names().values())
    except UsageError as error:
        return [str(error)]
    return []


def incarnation() -> int:
    """Which life of its run this process is, for a world that wants to know. 0 outside of one."""
    return _prepared.life.journal.incarnation if _prepared and _prepared.life else 0


def examine(argument: dict[str, Any]) -> None:
    """Ask the engine, after a run in which this process took no part, what its session is then able to read."""
    assert _prepared is not None, "prepare comes first"
    asyncio.run(cast(Examiner, _prepared.worker).examine(Store(**argument["store"])))


def live(argument: dict[str, Any]) -> None:
    """Run one incarnation: start or recover what `argument` says, and write down how each invocation ended."""
    assert _prepared is not None, "prepare comes first"
    life = Life(_prepared, argument)
    _prepared.life = life
    # Not `asyncio.run`: it would wait for what is left, and a body that hangs or an engine's own worker may never end.
    asyncio.new_event_loop().run_until_complete(life.run())


def subject() -> Subject:
    """What this process has loaded."""
    assert _prepared is not None, "prepare comes first"
    return _prepared.subject


def engine() -> Worker:
    """The engine's child half, as this process has bound it."""
    assert _prepared is not None, "prepare comes first"
    return _prepared.worker


def script_models(script: Any = None, *, without_tools: bool = False) -> None:
    """Let the script answer every model request of this process; another one than was prepared, if it is given.

    `without_tools` has an agent that nobody scripted give its output at once, as if it had no tools to call.
    """
    models.install(_answered_at_once if without_tools else _answered)
    if script is not None and _prepared is not None:
        _prepared.script = load_script(script)


def pace(scale: float, *, auto: bool, haste: float = 1.0) -> None:
    """Give this life a pace of its own, before it begins: `scale`, `auto_scale` and `haste` of its case."""
    assert _prepared is not None, "prepare comes first"
    assert _prepared.case is not None, "and binds"
    _prepared.case.scale, _prepared.case.auto_scale, _prepared.case.haste = scale, auto, haste


class Life:
    """One incarnation. `argument` is what the runner says about it, see `runner.Run._life`."""

    def __init__(self, prepared: Prepared, argument: dict[str, Any]) -> None:
        self.argument = argument
        self.prepared = prepared
        script = argument.get("script")
        self.script = prepared.script if script is None else load_script(script)
        self.journal = Journal(
            Path(argument["journal"]), worker=argument["worker"], incarnation=argument["incarnation"]
        )
        clock = Clock(**argument["clock"])
        strikes = Strikes(
            self.journal,
            FaultPlan.parse(argument["plan"]),
            argument["incarnation"],
            argument["fired"],
            invocation=lambda: self.probes.invocation,
            summon=lambda fault: await_answer(Path(argument["journal"]), fault),
            scale=clock.divisor if clock.asked else 1.0,
        )
        siblings = {step: tuple(group) for step, group in argument["siblings"].items()}
        self.invocations = {item["number"]: item for item in argument["invocations"]}
        self.probes = Probes(
            self.journal,
            strikes,
            clock,
            siblings,
            settled=set(argument["settled"]),
            records_run=argument["records_run"],
            is_own=prepared.subject.kind == "workflow",
            invocation=next(iter(self.invocations), 1),
        )
        self.store = Store(**argument["store"])
        self.messages: dict[int, Any] = {}
        self.calls: dict[int, dict[str, list[str]]] = defaultdict(dict)
        self.calls[self.probes.invocation].update(argument["calls"])

    async def run(self) -> None:
        """Enter the world, then bring every invocation that is left to its end."""
        worker = self.prepared.worker
        worker.seams(self.probes)
        bodies.activate(self.probes, worker.opens_unit)
        events.activate(self.probes, lambda: self.calls[self.probes.invocation])
        await_end(self.argument["after"])
        effects.sink = self.effect
        async with world.entered(self.argument.get("world")):
            before = leftovers.going_on()
            for number in self.invocations:
                self.probes.begin(number)
                await self.settle(number)
            for text in leftovers.left_behind(before):
                self.note(text)

    async def settle(self, number: int) -> None:
        """Start or recover one invocation and write its outcome."""
        worker, recovering = self.prepared.worker, number in self.argument["begun"]
        try:
            try:
                result = await (worker.recover if recovering else worker.start)(self.store, number)
            except NotStarted:
                self.note(f"the engine never accepted invocation {number}; its caller asked again")
                result = await worker.start(self.store, number)
            outcome = ended(owned.as_result(result))
        except Exception as error:  # noqa: BLE001  whatever the run's caller would see is its outcome
            outcome = Outcome(status="error", error=_message(error), error_type=type(error).__qualname__)
        await all_left(self.probes.committing)
        self.messages[number] = outcome.messages
        self.journal.append(outcome, invocation=number)

    async def invoke(self, agent: Any, number: int) -> Any:
        """Run the agent as a person would: prompt, deps, and the history of the invocation before.

        `agent` may be a workflow or flow of the person's own instead, to be called, or anything with an agent's `run`.
        """
        if not self.argument["plan"]:  # of runs with faults it is known what ends them
            self.journal.append(Observation(name=ASKED), invocation=number)
        invocation = self.invocations[number]
        deps = self.prepared.subject.deps
        if invocation["deps"] is not None:
            deps = load_deps(invocation["deps"], self.prepared.subject.agent)
        keywords: dict[str, Any] = {"deps": await deps.make()}
        if self.prepared.subject.kind == "workflow" and callable(agent):
            return await owned.call(agent, invocation["prompt"], keywords["deps"])
        if invocation["continues"]:
            keywords["message_history"] = _messages(self.messages.get(invocation["after"]) or invocation["history"])
        return await agent.run(invocation["prompt"], **keywords)

    def effect(self, name: str, key: str | None, arguments: dict[str, Any]) -> None:
        """Take down what the subject itself says that the world saw."""
        event = Effect(name=name, step=self.probes.place(), key=key, arguments=plain(arguments))
        self.journal.append(event, invocation=self.probes.invocation)

    def note(self, text: str) -> None:
        self.journal.append(Note(text=text), invocation=self.probes.invocation)


async def _invoke(agent: Any, number: int) -> Any:
    life = _prepared.life if _prepared else None
    assert life is not None, "an agent runs in a life only"
    return await life.invoke(agent, number)


async def _answered_at_once(model: Any, messages: Any, settings: Any, params: Any) -> Any:
    return await _answered(model, messages, settings, replace(params, function_tools=[]))


async def _answered(model: Any, messages: Any, settings: Any, params: Any) -> Any:
    """Answer a model request in place of the provider, between probes."""
    life = _prepared.life if _prepared else None
    if _prepared is None or life is None:
        raise UsageError("a model was asked for an answer while the subject was imported; ask it in a run instead")
    asking = models.asking()
    is_subject = asking.agent is None or asking.agent is _prepared.subject.agent
    name = asking.agent_name or (_prepared.subject.name if is_subject else "agent")
    number = life.probes.invocation
    conversation = life.script.conversation(name, number) if life.script else None
    inside = life.probes.parent()
    scope = spelled(str(inside), number) if inside else "" if number == 1 else spelled("run", number)
    asked_by = AgentRun(step=asking.run_step, id=asking.run_id, scope=scope, agent=name)
    if life.argument.get("offers"):
        life.journal.append(Observation(name=OFFER, value=offer(name, params)), invocation=number)
    given: Answer = answer(conversation, messages, params, model_name=model.model_name, run=asked_by)
    for text in given.notes:
        life.note(text)
    step = StepId.parse(given.step)
    asked_at = str(step.inside(inside))
    if not life.argument["plan"] or life.argument["incarnation"] > 1:  # what a life is asked anew may be new, too
        offered = shown(asked_at, params, asking.deps, asking.tools)
        life.journal.append(Observation(name=SHOWN, value=offered), invocation=number)
    calls = [str(StepId.parse(call).inside(inside)) for call in given.calls.values()]
    life.calls[number][asked_at] = calls

    async def run() -> Any:
        return given.response

    asked = {"agent": name, "model": model.model_name}
    body = Body(step, arguments=asked, calls=lambda _response: calls)
    return await life.probes.body(body, run)


def ended(result: Any) -> Outcome:
    """The outcome of a run that returned: output, messages and usage as JSON values."""
    from pydantic_ai.messages import ModelMessagesTypeAdapter

    return Outcome(
        status="ok",
        output=plain(result.output),
        messages=ModelMessagesTypeAdapter.dump_python(result.all_messages(), mode="json"),
        usage=asdict(_usage(result)),
    )


def _usage(result: Any) -> Any:
    usage = result.usage
    return usage() if callable(usage) else usage


def _messages(value: Any) -> Any:
    from pydantic_ai.messages import ModelMessagesTypeAdapter

    return ModelMessagesTypeAdapter.validate_python(value or [])


def _message(error: BaseException) -> str:
    """What an error says, with its causes: an engine's own error often says only that something failed."""
    text = str(error).strip() or type(error).__name__
    causes: list[str] = []
    cause = error.__cause__
    while cause is not None and len(causes) < CAUSES:
        if str(cause) not in text:
            causes.append(f"{type(cause).__name__}: {cause}")
        cause = cause.__cause__
    return f"{text} (because of {', because of '.join(causes)})" if causes else text
