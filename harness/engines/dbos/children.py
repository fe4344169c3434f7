"""Child workflows: the tool that is itself a workflow, `@agent.tool_plain @DBOS.workflow()`.

DBOS records them as it records steps, under an id of their own, and after a crash recovers a child that was in flight
by itself: not inside its parent's call, which is replayed up to the point where it waits for the child. Children in a
queue begin in an order of the queue's. The body's probes must know whose call it is and which, so children are counted
as their parent asks for them, and a recovered child begins when its parent has come that far.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from contextvars import Context, ContextVar, copy_context
from functools import wraps
from typing import Any

from dbos import DBOS

from harness.engines.base import Hook
from harness.engines.dbos import seams
from harness.subjects.places import Setting

PATIENCE = 2.0
"""Seconds that a recovered child waits for its parent. A parent that does not wait for its child never comes."""
LOOK = 0.002


class Children:
    """Sees the bodies of child workflows. `is_run` knows the ids of our own runs, which are no children.

    `around` surrounds the body of every workflow, ours among them.
    """

    def __init__(self, is_run: Callable[[str], bool], around: Callable[[], AbstractContextManager[None]]) -> None:
        self._is_run, self._around = is_run, around
        self._hook: Hook | None = None
        self._are_steps = False
        self._asked: dict[str, Context] = {}
        self._opens: ContextVar[bool] = ContextVar("harness_dbos_opens", default=False)

    def watch(self) -> None:
        """Replace the public decorator, before the subject is imported and uses it."""
        original = DBOS.workflow

        def workflow(**options: Any) -> Any:
            decorate = original(**options)
            return lambda function: decorate(self._seen(function, options.get("name") or function.__qualname__))

        DBOS.workflow = staticmethod(workflow)  # type: ignore[method-assign]

    def report(self, hook: Hook, *, are_steps: bool) -> None:
        """From now on let `hook` see them. `are_steps` where it is a workflow of the person's own that calls them."""
        self._hook, self._are_steps = hook, are_steps
        seams.watch_questions(hook, self._is_asked_for)

    def expect(self, *, opens: bool) -> None:
        """Remember whether the tool that is about to be called is one of DBOS's own functions."""
        self._opens.set(opens)

    def _is_asked_for(self, place: str, child: str) -> None:
        assert self._hook is not None
        self._hook.known(place, child)
        self._asked[child] = copy_context()

    def _seen(self, function: Callable[..., Any], name: str) -> Callable[..., Any]:
        if inspect.iscoroutinefunction(function):

            @wraps(function)
            async def awaited(*args: Any, **kwargs: Any) -> Any:
                deadline = time.monotonic() + PATIENCE
                while self._is_early() and time.monotonic() < deadline:  # noqa: ASYNC110  set by another thread
                    await asyncio.sleep(LOOK)
                with self._taken_over():
                    body = self._body(function, name)
                    with self._around(), self._run():
                        return await body(*args, **kwargs)

            return awaited

        @wraps(function)
        def called(*args: Any, **kwargs: Any) -> Any:
            deadline = time.monotonic() + PATIENCE
            while self._is_early() and time.monotonic() < deadline:
                time.sleep(LOOK)
            with self._taken_over():
                body = self._body(function, name)
                with self._around(), self._run():
                    return body(*args, **kwargs)

        return called

    def _run(self) -> AbstractContextManager[None]:
        """What surrounds the code of a run; of a child, nothing."""
        workflow = DBOS.workflow_id
        is_ours = self._hook is not None and workflow is not None and self._is_run(workflow)
        return self._hook.container() if is_ours and self._hook is not None else nullcontext()

    def _is_early(self) -> bool:
        """Whether this is a child that was recovered by itself, and nobody has asked for it yet."""
        child = self._child()
        return child is not None and not seams.context().parent_workflow_id and child not in self._asked

    def _child(self) -> str | None:
        workflow = DBOS.workflow_id
        return None if self._hook is None or workflow is None or self._is_run(workflow) else workflow

    def _body(self, function: Callable[..., Any], name: str) -> Callable[..., Any]:
        """The function as the body of a unit, if a tool's call or the person's own workflow waits for it."""
        child = self._child()
        if child is None or self._hook is None:
            return function
        if not self._opens.get():
            return self._hook.part(function, child, name) if self._are_steps else function
        self._opens.set(False)
        return self._hook.unit(function, child, name)

    @contextmanager
    def _taken_over(self) -> Iterator[None]:
        """Go on in the parent's call: what our probes know there they know here; no later body of this thread does."""
        known = self._asked.get(self._child() or "", Context())
        with ExitStack() as stack:
            stack.callback(self._opens.set, False)
            for variable, value in known.items():
                if variable.name.startswith("harness_"):
                    stack.enter_context(Setting(variable, value))
            yield
