"""What happened, as data: the events of a journal, and a read-only view over them.

events.py        one class per kind of event
executions.py    which events belong to the same run of a body
invocations.py   ids of steps when there are several invocations
view.py          `History`: what checks and reports ask
"""

from __future__ import annotations

from harness.history.events import (
    ASKED,
    CANCELLED,
    SHOWN,
    CallAnswered,
    Called,
    CommitEntered,
    CommitLeft,
    Effect,
    EngineRecord,
    EngineWaited,
    Event,
    FaultFired,
    HttpRequest,
    Note,
    Observation,
    Outcome,
    Paced,
    ProcessEnded,
    ProcessStarted,
    RunEnded,
    RunStarted,
    Sent,
    ServerChanged,
    StepEntered,
    StepLeft,
    UnitAnswered,
    UnitAsked,
    UnitEntered,
    UnitLeft,
    UnitTried,
    Waited,
    unsaid,
)
from harness.history.executions import Execution
from harness.history.invocations import located, spelled
from harness.history.view import History

__all__ = [
    "ASKED",
    "CANCELLED",
    "SHOWN",
    "CallAnswered",
    "Called",
    "CommitEntered",
    "CommitLeft",
    "Effect",
    "EngineRecord",
    "EngineWaited",
    "Event",
    "Execution",
    "FaultFired",
    "History",
    "HttpRequest",
    "Note",
    "Observation",
    "Outcome",
    "Paced",
    "ProcessEnded",
    "ProcessStarted",
    "RunEnded",
    "RunStarted",
    "Sent",
    "ServerChanged",
    "StepEntered",
    "StepLeft",
    "UnitAnswered",
    "UnitAsked",
    "UnitEntered",
    "UnitLeft",
    "UnitTried",
    "Waited",
    "located",
    "spelled",
    "unsaid",
]
