"""Every name inside Prefect that we hold on to, and a look at each before anything is run.

An upgrade may move any of them; `check` then says clearly what has moved. What each is for: `places.py` (where flows
ask for tasks), `units.py` (where they run), `flows.py` (what is around them), `commits.py` (where results become
durable), `pace.py` (what makes Prefect wait), `adoption.py` (what makes flow runs); here, the settings that Prefect
read when it was imported, and the events that it sends in the background.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import certifi
import prefect.context
from prefect import Flow, flow_engine, task_engine
from prefect.client import base
from prefect.events.worker import EventsWorker
from prefect.results import ResultStore
from prefect.task_runners import ThreadPoolTaskRunner
from prefect.transactions import AsyncTransaction, Transaction

from harness.engines.held import Function, moved, unsupported
from harness.engines.prefect.versions import KNOWN

HELD: tuple[Function, ...] = (
    (task_engine.BaseTaskRunEngine, "__post_init__", ()),
    (task_engine.SyncTaskRunEngine, "call_task_fn", ("transaction",)),
    (task_engine.AsyncTaskRunEngine, "call_task_fn", ("transaction",)),
    (task_engine, "call_with_parameters", ("fn", "parameters")),
    (ThreadPoolTaskRunner, "submit", ("task",)),
    (Transaction, "commit", ()),
    (AsyncTransaction, "commit", ()),
    (ResultStore, "persist_result_record", ("result_record",)),
    (ResultStore, "apersist_result_record", ("result_record",)),
    (flow_engine.BaseFlowRunEngine, "__post_init__", ()),
    (flow_engine.FlowRunEngine, "call_flow_fn", ()),
    (flow_engine.AsyncFlowRunEngine, "call_flow_fn", ()),
    (flow_engine.FlowRunEngine, "set_state", ("state",)),
    (flow_engine.AsyncFlowRunEngine, "set_state", ("state",)),
    (Flow, "__call__", ()),
    (flow_engine, "run_flow_async", ("flow", "flow_run", "parameters")),
    (EventsWorker, "drain_all", ("timeout",)),
    (base, "clamped_poisson_interval", ("average_interval",)),
)
"""What we replace or call."""

VALUES = ("prefect.context.GLOBAL_SETTINGS_CONTEXT",)
"""What we set besides."""

AI = (
    "pydantic_ai.durable_exec.prefect._toolset.resolve_tool_task_config",
    "pydantic_ai.durable_exec.prefect._toolset.with_non_retryable_errors",
    "pydantic_ai.durable_exec.prefect._types.default_task_config",
    "pydantic_ai.durable_exec.prefect.PrefectAgent._model_task_config",
    "pydantic_ai.durable_exec.prefect.PrefectAgent._mcp_task_config",
    "pydantic_ai.durable_exec.prefect.PrefectAgent._tool_task_config",
    "pydantic_ai.durable_exec.prefect.PrefectAgent._event_stream_handler_task_config",
    "pydantic_ai.durable_exec.prefect.PrefectDurability._model_task_config",
    "pydantic_ai.durable_exec.prefect.PrefectDurability._mcp_task_config",
    "pydantic_ai.durable_exec.prefect.PrefectDurability._tool_task_config",
    "pydantic_ai.durable_exec.prefect.PrefectDurability._event_stream_handler_task_config",
    "pydantic_ai.durable_exec.prefect.PrefectAgent._tool_task_config_by_name",
)
"""What `retries.py` reads of pydantic-ai's half of this engine, and looks for first: only an audit needs it."""

IN_SERVER = ("prefect.server.services.task_run_recorder.consumer",)
"""What a server of ours sets, and looks at itself; it does without (`host.py`), so nobody else loads it."""

DRAINING = 5.0


def check() -> None:
    """Look at every name we hold. Raises `EngineUnavailable` naming the first that has moved; takes milliseconds."""
    if what := moved(HELD, VALUES):
        raise unsupported("prefect", "prefect", KNOWN, what)


def change_settings(settings: Mapping[str, Any]) -> None:
    """Change what Prefect read when it was imported (`{"api.url": …}`), for every thread of this process."""
    root = prefect.context.GLOBAL_SETTINGS_CONTEXT
    changed = root.settings
    for name, value in settings.items():
        changed = _changed(changed, name.split("."), value)
    prefect.context.GLOBAL_SETTINGS_CONTEXT = prefect.context.SettingsContext(profile=root.profile, settings=changed)


def _changed(model: Any, path: list[str], value: Any) -> Any:
    """A copy of a settings model with one value changed. Building one anew reads every variable and file again."""
    name, *rest = path
    return model.model_copy(update={name: _changed(getattr(model, name), rest, value) if rest else value})


def write_one_certificate(path: Path) -> None:
    """Write a file of certificates that is quick to load: the first that clients would load otherwise."""
    known = Path(certifi.where()).read_text("utf-8")
    start, end = known.index("-----BEGIN CERTIFICATE-----"), known.index("-----END CERTIFICATE-----")
    path.write_text(known[start:end] + "-----END CERTIFICATE-----\n", "utf-8")


async def flush_events() -> None:
    """Send what Prefect has queued about its task runs, as it would at the end of a process that is not killed."""
    await EventsWorker.drain_all(timeout=DRAINING)  # type: ignore[misc]  # in an event loop it is awaitable
