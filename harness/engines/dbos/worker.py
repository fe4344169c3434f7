"""The child's half of DBOS: launch, run the agent in a workflow, and after a crash launch again and wait.

DBOS recovers by itself: a launched process puts the pending workflows of its executor on a queue and runs them. Here
that is all that recovery does, too.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import os
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

from harness.engines.base import Case, Hook, NotStarted, Store, Unsupported
from harness.engines.dbos.records import workflow_id
from harness.engines.dbos.stores import SQLITE
from harness.engines.dbos.urls import is_postgres, with_login_of
from harness.retries.live import Live, Unit
from harness.subjects.clock import Clock, eased, in_order
from harness.subjects.importing import loaded_function

if TYPE_CHECKING:
    from harness.engines.dbos.rehearsal import Rehearsed

HASTE = 20.0
"""What waits that limit nothing are divided by, unless a person says otherwise: steps are retried after a second."""


class DbosWorker:
    """Runs an agent in a DBOS workflow: a bare one with `DBOSDurability`, a durable one as it is."""

    def prepare(self) -> None:
        for name in [name for name in os.environ if name.startswith("DBOS__")]:
            del os.environ[name]  # the cloud's variables would override what we configure, and reach its servers
        from dbos import DBOS

        from harness.engines.dbos import seams
        from harness.engines.dbos.children import Children
        from harness.engines.dbos.deadlines import Deadlines

        seams.check()
        self._launch_dbos = DBOS.launch
        # A subject that launches DBOS when it is imported would start threads in the zygote, on its own database.
        DBOS.launch = _launch_later  # type: ignore[method-assign]
        self._launched = False
        self._rehearsed: Rehearsed | None = None
        self._ids: set[str] = set()
        self._deadlines = Deadlines()
        self._children = Children(self._ids.__contains__, self._deadlines.around)
        self._children.watch()

    def bind(self, case: Case) -> Unsupported | None:
        from harness.engines.dbos.binding import bind

        self._case = case
        if case.runs:
            self._warm(case.options.get("store"))
        bound = bind(case)
        if isinstance(bound, Unsupported):
            return bound
        self._run: Callable[[int], Awaitable[Any]] = bound
        self._startup = loaded_function(str(said)) if (said := case.options.get("startup")) else None
        return None

    def _warm(self, store: Any) -> None:
        """Do once what every child does otherwise, when it launches DBOS."""
        importlib.import_module("harness.engines.dbos.transactions")
        if store not in (None, SQLITE):
            importlib.import_module("sqlalchemy.dialects.postgresql")
            return
        from harness.engines.dbos.rehearsal import rehearse

        self._rehearsed = rehearse(self._launch_dbos, partial(_config, serializer=None), ENGINE)

    def retry_layers(self, unit: Unit) -> Sequence[Live]:
        from harness.engines.dbos.seams import AI
        from harness.engines.held import look_at_pydantic_ai

        look_at_pydantic_ai("dbos", AI)
        from harness.engines.dbos.retries import layers

        return layers(self._case.subject.value, unit, self._case.options)

    def seams(self, hook: Hook) -> None:
        from harness.engines.dbos import seams, transactions

        usual = hook.pace() or max(HASTE, self._case.scale)
        scale = eased(usual if self._case.auto_scale else self._case.scale, hook.ease())
        self._is_twofold = hook.plans("duplicate")
        limit = self._limits(hook)
        seams.watch_units(hook, scale, transactions.is_body, limit)
        transactions.watch(hook)
        seams.watch_commits(hook, self._ids.__contains__)
        self._children.report(hook, are_steps=self._case.subject.agent is None)
        self._deadlines.report(hook, partial(limit, whole=True))
        seams.scale_waits(hook, scale)

    def _limits(self, hook: Hook) -> Callable[..., float]:
        """What a configured timeout is here: as the hook says, unless waits and timeouts are to be divided alike."""
        if self._case.auto_scale:
            return hook.limit
        clock = Clock(self._case.scale, asked=True, ease=hook.ease())
        return lambda seconds, *, whole=False: in_order(clock.limit(seconds, whole=whole)).effective

    def opens_unit(self, function: Callable[..., Any]) -> bool:
        from dbos import DBOS

        from harness.engines.dbos import seams

        in_workflow = DBOS.workflow_id is not None and DBOS.step_id is None
        opens = in_workflow and seams.made_by_dbos(function)
        self._children.expect(opens=opens)
        return opens

    async def start(self, store: Store, invocation: int) -> Any:
        from dbos import SetWorkflowID

        from harness.engines.dbos import seams

        workflow = self._known(store, invocation)
        if self._is_twofold:  # the second owner is to take the run, and no thread of this one, which stands still
            seams.leave_recovery_to_others()
        await self._launch(store)
        with SetWorkflowID(workflow), self._timeout():
            return await self._run(invocation)

    async def recover(self, store: Store, invocation: int) -> Any:
        from dbos import DBOS

        from harness.engines.dbos import seams

        workflow = self._known(store, invocation)
        self._timeout()  # DBOS has kept when it is over; what was configured is known from here
        seams.poll_at_once()
        await self._launch(store)
        if await DBOS.get_workflow_status_async(workflow) is None:
            raise NotStarted
        handle: Any = await DBOS.retrieve_workflow_async(workflow)
        return await handle.get_result(polling_interval_sec=seams.QUICK)

    def _timeout(self) -> AbstractContextManager[Any]:
        """What gives a run up as a whole, if the option `workflow_timeout` asks for it."""
        from dbos import SetWorkflowTimeout

        seconds = self._case.options.get("workflow_timeout")
        return nullcontext() if seconds is None else SetWorkflowTimeout(seconds)

    def _known(self, store: Store, invocation: int) -> str:
        workflow = workflow_id(store.run_id, invocation)
        self._ids.add(workflow)
        return workflow

    async def _launch(self, store: Store) -> None:
        """Launch DBOS on the store, once per process. What recovers pending workflows in production is this, too.

        What the person's own program does after it has launched DBOS follows, if the option `startup` names it.
        """
        if self._launched:
            return
        from dbos import DBOS

        from harness.engines.dbos import seams

        known = seams.instance()
        serializer = seams.serializer(known)
        if known is not None:
            DBOS.destroy()
        config = _config(url := self._url(store), serializer)
        if self._rehearsed is not None and not is_postgres(url):
            config["system_database_engine"] = self._rehearsed.at(url)
        DBOS(config=config)
        self._launch_dbos()
        self._launched = True
        if self._startup is not None:
            begun = await asyncio.to_thread(self._startup)  # DBOS wants its blocking functions away from an event loop
            if inspect.isawaitable(begun):
                await begun

    def _url(self, store: Store) -> str:
        """The database of the run. A store is written down without its password, which the options have."""
        url, given = str(store.values["url"]), self._case.options.get("store")
        return with_login_of(url, str(given)) if is_postgres(given) else url


def _launch_later(*_: Any) -> None:
    """What `DBOS.launch()` does while a subject is imported: nothing yet."""


class Unsynced(sqlite3.Connection):
    """Leaves it to the system when the disk is written: what a process has committed survives its SIGKILL all the same.

    Waiting for the disk at each commit guards against a power cut, which is no fault that is injected here.
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.execute("PRAGMA synchronous=OFF")


ENGINE: dict[str, Any] = {"connect_args": {"factory": Unsynced}}
"""How the engine for a SQLite file is made."""


def _config(url: str, serializer: Any) -> Any:
    """Quiet, quick, and the same in every life: a version of its own would hide the workflows of the life before."""
    return {
        "db_engine_kwargs": {} if is_postgres(url) else ENGINE,
        "name": "harness",
        "system_database_url": url,
        "serializer": serializer,
        "application_version": "v1",
        "executor_id": "local",
        "log_level": "CRITICAL",
        "run_admin_server": False,
        "notification_listener_polling_interval_sec": 0.01,
    }
