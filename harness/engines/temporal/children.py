"""Child workflows: which are served here, and what they are called on a server that many runs share."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.exceptions import ApplicationError
from temporalio.worker import (
    Interceptor,
    StartChildWorkflowInput,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
)

from harness.engines.temporal.records import HEADER


class Children:
    """The child workflows that are served here: those named `served` (None is every name).

    `task` is how much time a workflow task of theirs has.
    """

    def __init__(self, served: Collection[str | None], task: timedelta) -> None:
        self._served, self.task = set(served), task
        self._ids: dict[str, str] = {}

    def demand(self, name: str) -> None:
        """Fail a workflow that would wait for ever."""
        if self._served.isdisjoint({name, None}):
            raise ApplicationError(
                f"the child workflow {name!r} is served by no worker here: the harness serves the workflow classes that"
                f" the subject's module holds; import {name!r} there, or start it on a task queue of yours",
                type="UserError",
                non_retryable=True,
            )

    def id(self, queue: str, asked: str) -> str:
        """The id that a child has here: runs share a server, and each has a child by the id that was asked for."""
        self._ids[asked] = f"{queue}-{asked}"
        return self._ids[asked]

    def known(self, asked: str) -> str:
        """The id of the workflow that is meant by `asked`, which is a child of ours or none."""
        return self._ids.get(asked, asked)


class Recorded(Interceptor):
    """For a replay: children are asked for by the ids that a run of ours gave them, as the history has them."""

    def __init__(self, history: WorkflowHistory) -> None:
        asked = [event.start_child_workflow_execution_initiated_event_attributes for event in history.events]
        self._ids = sorted((one.workflow_id for one in asked if HEADER in one.header.fields), key=len)

    def workflow_interceptor_class(self, input: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:  # noqa: A002
        ids = self._ids

        class Requests(WorkflowOutboundInterceptor):
            async def start_child_workflow(
                self,
                input: StartChildWorkflowInput,  # noqa: A002
            ) -> workflow.ChildWorkflowHandle[Any, Any]:
                input.id = next((known for known in ids if known.endswith(f"-{input.id}")), input.id)
                return await super().start_child_workflow(input)

        class Container(WorkflowInboundInterceptor):
            def init(self, outbound: WorkflowOutboundInterceptor) -> None:
                super().init(Requests(outbound))

        return Container
