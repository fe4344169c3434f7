"""Events survive the journal, also one that another version of the harness wrote."""

from __future__ import annotations

import json

import pytest

from harness.history import Effect, Event, Note


@pytest.mark.parametrize(
    "kind", [kind for kind in Event.kinds.values() if kind is not Event], ids=lambda kind: kind.__name__
)
def test_every_kind_of_event_survives_json(kind):
    required = {
        name: "x" for name in kind.__dataclass_fields__ if kind.__dataclass_fields__[name].kw_only and name in SAMPLES
    }
    event = kind(**{name: SAMPLES[name] for name in required}, seq=3, time=1.5, pid=7, worker=1, incarnation=2)
    values = json.loads(json.dumps(event.to_json()))
    assert "seq" not in values
    assert Event.from_json(3, values) == event


SAMPLES = {
    "run": "r", "engine": "e", "subject": "s", "plan": "p", "how": "finished", "cause": "crash", "act": "kill",
    "method": "POST", "host": "h", "seconds": 0.5, "configured": 10.0, "effective": 0.5, "limit": 60.0, "waits": 70.0,
    "unit": "u", "name": "n", "step": "model#1", "claimed": True, "fault": "hang@model#1", "window": "before",
    "status": "ok", "said": "5d", "text": "t", "stimulus": "approval", "kind": "k", "role": "validator", "attempt": 2,
    "tries": 3, "found": True,
}  # fmt: skip


def test_an_event_of_a_later_version_is_a_note_and_unknown_fields_are_left_out():
    unknown = Event.from_json(4, {"kind": "Teleported", "to": "mars"})
    assert isinstance(unknown, Note)
    assert (unknown.seq, "Teleported" in unknown.text) == (4, True)
    newer = {"kind": "Effect", "name": "charge", "colour": "red"}
    assert Event.from_json(5, newer) == Effect(seq=5, name="charge")
