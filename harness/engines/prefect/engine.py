"""The parent's half of Prefect: what it claims, one server for many runs, and folders of its own for each."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from harness.contract import Contract
from harness.engines.base import Store
from harness.engines.clock import choose
from harness.engines.given import unknown, unlike_count, unlike_seconds
from harness.engines.prefect import api, records, versions
from harness.engines.prefect.server import Server
from harness.engines.prefect.shared import Shared, Unanswered
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.history import EngineRecord

WARMING_UP = 30.0
"""Seconds that a session's first run may be silent besides: a server loads much with its first requests, and on a busy
machine that takes longer than any step."""
CROWDED = 5.0
"""Seconds that any run on a shared server may be silent besides: other sessions are served, too."""
OPTIONS = ("api_url", "flow_retries", "flow_timeout", "own_server", "persist_results")

_ASKED = "nothing retries a flow run whose process died until a person, an automation or a worker asks for it"
NOTES = (
    f"{_ASKED}; here the harness asks, by a forced AwaitingRetry",
    "a task in flight at the crash runs again",
    "the result of a task inside another task is kept only when the outermost one ends",
    "the flow that we put around an agent keeps its results, unless the option persist_results is false",
)

TIMEOUTS = {
    "model": "`PrefectDurability(model_task_config=TaskConfig(timeout_seconds=SECONDS))`",
    "tool": "`metadata={'prefect': TaskConfig(timeout_seconds=SECONDS)}` of the tool `{name}`, or for all of them"
    " `PrefectDurability(tool_task_config=...)`, of an MCP server `mcp_task_config=...`; for a plain function, whose"
    " thread Prefect does not interrupt, pydantic-ai's own `timeout=SECONDS` of the tool",
    "tools": "`PrefectDurability(mcp_task_config=TaskConfig(timeout_seconds=SECONDS))`",
    "event": "`PrefectDurability(event_stream_handler_task_config=TaskConfig(timeout_seconds=SECONDS))`",
    "step": "`@task(timeout_seconds=SECONDS)` on `{name}`",
}


class PrefectEngine:
    """Model requests, tool calls, MCP, stream events and the run itself are recorded: each is a task with a result."""

    name: ClassVar[str] = "prefect"
    unit: ClassVar[str] = "task"
    worker: ClassVar[str] = "harness.engines.prefect.worker:PrefectWorker"
    examines: ClassVar[bool] = False

    def mistakes(self, options: dict[str, Any]) -> list[str]:
        found = unknown("prefect", options, OPTIONS)
        found += unlike_count("prefect", "flow_retries", options, 0)
        found += unlike_seconds("prefect", "flow_timeout", options)
        for name in ("own_server", "persist_results"):
            if not isinstance(value := options.get(name, True), bool):
                found.append(f"option {name} of engine 'prefect' is true or false, not {value!r}")
        return found + (api.mistakes(str(options["api_url"])) if "api_url" in options else [])

    def problems(self, options: dict[str, Any]) -> list[str]:
        found = versions.problems()
        if not found and "api_url" in options:
            found += api.problems(str(options["api_url"]))
        return found

    def contract(self) -> Contract:
        return Contract(
            engine=self.name,
            unit=self.unit,
            records=frozenset({"model", "tool", "tools", "event", "step", "run"}),
            recovery="operator",
            remedy="have it called in a task with `persist_result=True` and a cache policy, which keeps the result",
            notes=NOTES,
            timeouts=TIMEOUTS,
            caches=True,
            keyed_by="`cache_policy` (or `cache_key_fn`)",
        )

    @contextmanager
    def session(self, options: dict[str, Any], folder: Path) -> Iterator[PrefectSession]:
        if "api_url" in options:
            yield PrefectSession(str(options["api_url"]).rstrip("/"))
            return
        with ExitStack() as stack:

            def alone() -> Server:
                server = Server(folder)
                stack.callback(server.close)
                return server

            server = (None if options.get("own_server") else _shared(folder)) or alone()
            if isinstance(server, Shared):
                stack.callback(server.close)
            yield PrefectSession(server, alone)


def _shared(folder: Path) -> Shared | None:
    """A share in the server that sessions have in common, None where they cannot meet."""
    try:
        return Shared(folder)
    except OSError:
        return None


class PrefectSession:
    """Runs share a server; results, home and flow run names are each run's own.

    `server` may be shared with other sessions; `alone` starts one that is not, for runs that do it harm.
    """

    def __init__(self, server: Server | Shared | str, alone: Callable[[], Server] | None = None) -> None:
        self._server = server
        self._alone = alone
        self._apart: Server | None = None
        self._starting = threading.Lock()
        self._usual: dict[str, float] = {}
        self._factor: float | None = None

    def store(self, run_id: str, folder: Path) -> Store:
        url = self._url()
        usual = CROWDED if isinstance(self._server, Shared) else 0.0
        return self._store(run_id, folder, url, usual if self._usual else WARMING_UP)

    def store_apart(self, run_id: str, folder: Path) -> Store:
        """A store on the server that `server` kills, which no other session uses."""
        url = self._server if isinstance(self._server, str) else self._own().url()
        return self._store(run_id, folder, url, WARMING_UP)

    def _store(self, run_id: str, folder: Path, url: str, quiet: float) -> Store:
        folder = folder.absolute()
        values = {
            "api_url": url,
            "ours": not isinstance(self._server, str),
            "name": f"{run_id}-{uuid.uuid4().hex[:12]}",
            "home": str(folder / "prefect"),
            "results": str(folder / "prefect-results"),
            "ledger": str(folder / "prefect-units.jsonl"),
            "factor": self._factor,
            "usual": self._usual,
        }
        return Store(run_id, str(folder), values, quiet=quiet)

    def observe(self, store: Store) -> Iterable[EngineRecord]:
        if not self._usual:  # the first run of a session is its baseline
            ledger = records.Ledger(Path(store.values["ledger"]))
            self._usual, self._factor = ledger.usual(), choose(ledger.timeouts())
        return records.of_run(store, api.Api(store.values["api_url"]))

    def fingerprint(self, store: Store) -> str | None:
        return records.fingerprint(store, api.Api(store.values["api_url"]))

    def server(self, act: Literal["kill", "start"]) -> None:
        if isinstance(self._server, str):
            raise UsageError(
                f"the server at {self._server} is yours and not ours to {act}; leave out the option 'api_url'"
            )
        own = self._own()
        if act == "kill":
            own.kill()
        else:
            own.start()

    def _url(self) -> str:
        if isinstance(self._server, str):
            return self._server
        try:
            return self._server.url()
        except Unanswered:
            self._server = self._own()
            return self._server.url()

    def _own(self) -> Server:
        """The server of this session alone, which starts when it is first asked for."""
        with self._starting:
            if isinstance(self._server, Server):
                return self._server
            if self._apart is None:
                assert self._alone is not None
                self._apart = self._alone()
            return self._apart
