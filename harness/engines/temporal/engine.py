"""The parent's half of Temporal: what it claims, one server per session, and what was learned about times."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from harness.contract import Contract
from harness.engines.base import Store
from harness.engines.clock import choose
from harness.engines.given import unknown, unlike_count, unlike_seconds
from harness.engines.temporal import greeting, records, server, versions
from harness.engines.temporal.server import Server
from harness.errors import EngineUnavailable, UsageError
from harness.subjects.clock import ROOM

if TYPE_CHECKING:
    from harness.history import EngineRecord, Note, Observation

SANDBOX = ("strict", "passthrough")
OPTIONS = (
    "address",
    "namespace",
    "server",
    "port",
    "sandbox",
    "passthrough",
    "workflow_attempts",
    "workflow_timeout",
)

_CONFIG = "ActivityConfig(start_to_close_timeout=timedelta(seconds=SECONDS))"
TIMEOUTS = {
    "model": f"`TemporalDurability(model_activity_config={_CONFIG})`",
    "tool": f"`metadata={{'temporal': {_CONFIG}}}` of the tool `{{name}}`, or for a whole toolset"
    " `TemporalDurability(toolset_activity_config={ID: ...})`",
    "tools": f"`TemporalDurability(toolset_activity_config={{'{{name}}': {_CONFIG}}})`",
    "event": f"`TemporalDurability(event_stream_handler_activity_config={_CONFIG})`",
    "step": "`start_to_close_timeout=timedelta(seconds=SECONDS)` where the workflow asks for `{name}`",
}


class TemporalEngine:
    """Everything a workflow asks for is recorded; any worker goes on with a run whose worker died."""

    name: ClassVar[str] = "temporal"
    unit: ClassVar[str] = "activity"
    worker: ClassVar[str] = "harness.engines.temporal.worker:TemporalWorker"
    examines: ClassVar[bool] = True
    replays: ClassVar[str] = "harness.engines.temporal.saved:answer"

    def mistakes(self, options: dict[str, Any]) -> list[str]:
        found = unknown("temporal", options, OPTIONS)
        if (sandbox := options.get("sandbox")) not in (None, *SANDBOX):
            found.append(f"option 'sandbox' of engine 'temporal' is {sandbox!r}, and may be {' or '.join(SANDBOX)}")
        found += unlike_count("temporal", "workflow_attempts", options, 1)
        found += unlike_seconds("temporal", "workflow_timeout", options)
        return found + greeting.unlike_address(options.get("address")) + _unlike_port(options.get("port"))

    def problems(self, options: dict[str, Any]) -> list[str]:
        return versions.problems() or _server_problems(options)

    def packages(self, _options: dict[str, Any]) -> list[str]:
        """What is missing for looking at a subject only: no server is asked."""
        return versions.problems()

    def contract(self) -> Contract:
        return Contract(
            engine=self.name,
            unit=self.unit,
            records=frozenset({"model", "tool", "tools", "event", "step", "run"}),
            recovery="automatic",
            remedy="let it run as an activity: remove `metadata={'temporal': False}` from the tool",
            timeouts=TIMEOUTS,
            notes=(
                "an activity in flight at the crash runs again, when its timeout has passed",
                "workflow code runs again on every recovery: instructions, validators, tools with `temporal: False`",
            ),
        )

    @contextmanager
    def session(self, options: dict[str, Any], folder: Path) -> Iterator[TemporalSession]:
        namespace = options.get("namespace", "default")
        timeouts = [options["workflow_timeout"]] if "workflow_timeout" in options else []
        if (address := options.get("address")) is not None:
            yield TemporalSession(address, namespace, None, timeouts)
            return
        program = server.program(options)
        port = options.get("port")
        ours = Server(program, folder, None if port is None else int(port))
        ours.start()
        try:
            if greeting.told(program) is None:  # what tells its version was looked at before, in `problems`
                greeting.check(ours.address, "default")
            yield TemporalSession(ours.address, "default", ours, timeouts)
        finally:
            ours.close()


class TemporalSession:
    """A server, and a task queue of its own for each run, so that no worker ever takes another run's work."""

    def __init__(self, address: str, namespace: str, ours: Server | None, timeouts: Iterable[float] = ()) -> None:
        self._address, self._namespace, self._server = address, namespace, ours
        self._id = uuid.uuid4().hex[:12]
        self._usual: dict[str, float] = {}
        self._longest = 0.0
        self._configured = set(timeouts)

    def store(self, run_id: str, folder: Path) -> Store:
        values = {
            "address": self._address,
            "namespace": self._namespace,
            "queue": f"harness-{self._id}-{run_id}",
            "factor": choose(self._configured),
            "usual": self._usual,
        }
        return Store(run_id, str(folder), values, quiet=ROOM * self._longest)

    def observe(self, store: Store) -> Iterable[EngineRecord | Observation | Note]:
        folder = Path(store.folder)
        self._learn(folder)
        yield from records.of_run(folder)

    def fingerprint(self, store: Store) -> str | None:
        return None

    def server(self, act: Literal["kill", "start"]) -> None:
        if self._server is None:
            raise UsageError(f"the Temporal server at {self._address} is yours, so the harness does not crash it")
        if act == "kill":
            self._server.kill()
        else:
            self._server.start()

    def _learn(self, folder: Path) -> None:
        """Keep how long each kind of activity took when it was first seen: in the baseline, without faults."""
        took: dict[str, float] = {}
        for activity in records.activities_of_run(folder):
            self._configured.update(value for name, value in activity.configured.items() if name.endswith("timeout"))
            if activity.took is not None:
                took[activity.name] = max(activity.took, took.get(activity.name, 0.0))
        self._longest = max([self._longest, *took.values()])
        took[records.WHOLE] = max(records.spans_of_run(folder), default=0.0)
        self._usual = {**took, **self._usual}


def _unlike_port(port: Any) -> list[str]:
    """What is wrong with a port; nothing if it is not given."""
    if port is None or (str(port).isdigit() and 0 < int(port) < 65536):
        return []
    return [f"option 'port' is {port!r}, and a port is a number from 1 to 65535"]


def _server_problems(options: dict[str, Any]) -> list[str]:
    """What keeps us from a server, as far as can be told without obtaining one."""
    try:
        if (address := options.get("address")) is not None:
            greeting.check(address, options.get("namespace", "default"))
        elif (program := server.known(options)) is not None:
            greeting.check_program(program)
    except EngineUnavailable as error:
        return [str(error)]
    return []
