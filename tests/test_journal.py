"""The journal survives what it is for: writers that die mid-sentence, disks that are full, values of any kind."""

from __future__ import annotations

import dataclasses
import enum
import os
import resource
import signal
import subprocess
import sys
import textwrap
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from harness.errors import JournalCorrupt, UsageError
from harness.history import (
    CallAnswered,
    CommitEntered,
    Effect,
    Event,
    Note,
    StepEntered,
    StepLeft,
    UnitAnswered,
    UnitAsked,
    UnitEntered,
    UnitLeft,
    UnitTried,
)
from harness.journal import Journal, Reader, load, plain


def written(path: Path, *texts: str) -> bytes:
    journal = Journal(path, worker=1, incarnation=2)
    for text in texts:
        journal.append(Note(text=text), invocation=3)
    journal.close()
    return path.read_bytes()


def test_events_come_back_as_they_were_written(tmp_path):
    path = tmp_path / "journal.jsonl"
    journal = Journal(path, worker=1, incarnation=2)
    event = StepEntered(step="tool:charge#1", unit="7", arguments={"cents": 5, "who": ["ä", None]}, may={"may": "once"})
    journal.append(event, invocation=3)
    (back,) = load(path)
    assert (back.worker, back.incarnation, back.invocation, back.pid) == (1, 2, 3, os.getpid())
    assert dataclasses.replace(back, seq=-1, time=0.0, pid=0, worker=0, incarnation=0, invocation=1) == event


def test_the_number_of_an_event_is_its_line(tmp_path):
    path = tmp_path / "journal.jsonl"
    written(path, "one", "two")
    lines = path.read_text().splitlines()
    for event in load(path):
        assert isinstance(event, Note)
        assert event.text in lines[event.seq - 1]


def test_an_event_may_say_its_own_life(tmp_path):
    journal = Journal(tmp_path / "j", incarnation=2)
    journal.append(Note(text="x", incarnation=5))
    assert load(tmp_path / "j").events[0].incarnation == 5


@pytest.mark.parametrize("text", ["line\nbreak", "\u2028\x00\x1b", "naïve 名前 🚀", "a\udc80b", '{"kind": "Note"}', ""])
def test_any_text_stays_on_one_line(tmp_path, text):
    path = tmp_path / "journal.jsonl"
    assert written(path, text, "after").count(b"\n") == 2
    first, second = load(path)
    assert (first.text, second.text) == (text, "after")


TOLD: dict[type[Event], dict[str, Any]] = {
    CallAnswered: {"step": "tool:charge#1", "own": True},
    UnitAnswered: {"unit": "charge#1", "said": "5d41402abc4b2a76"},
    UnitAsked: {"unit": "charge#1", "found": True, "step": "step:charge#1", "arguments": {"cents": 5}},
    UnitEntered: {"unit": "charge#1", "name": "charge", "step": "step:charge#1", "limits": [1.5]},
    UnitTried: {"unit": "charge#1", "step": "tool:charge#1", "attempt": 2, "tries": 3},
    UnitLeft: {"unit": "charge#1", "step": "tool:charge#1", "claimed": True, "outcome": "error", "error": "no"},
    StepEntered: {"step": "tool:charge#1", "arguments": {"cents": 5, "when": object()}, "invocation": 3},
    StepLeft: {"step": "model#1", "result": "a\udc80b", "calls": ["tool:charge#1"]},
    CommitEntered: {"step": "tool:charge#1", "unit": "charge#1", "incarnation": 5},
}


@pytest.mark.parametrize("kind", TOLD, ids=lambda kind: kind.__name__)
def test_what_is_told_is_written_as_the_event_would_be(tmp_path, monkeypatch, kind):
    monkeypatch.setattr("time.time_ns", lambda: 1_700_000_000_123_456_789)
    journal = Journal(tmp_path / "j", worker=1, incarnation=2)
    journal.append(kind(**TOLD[kind]))
    journal.tell(kind, **TOLD[kind])
    appended, told = (tmp_path / "j").read_bytes().splitlines()
    assert appended == told


# Torn files ---------------------------------------------------------------------------------------------------


def test_a_journal_torn_at_any_byte_gives_every_whole_line(tmp_path):
    path = tmp_path / "journal.jsonl"
    data = written(path, "one", "zwei ä", "three")
    for size in range(len(data) + 1):
        path.write_bytes(data[:size])
        history = load(path)
        assert len(history.events) == data[:size].count(b"\n")
        assert history.torn is (not data[:size].endswith(b"\n") and size > 0)


def test_a_reader_of_a_growing_journal_sees_at_every_byte_what_a_fresh_one_sees(tmp_path):
    whole = written(tmp_path / "whole.jsonl", "one", "zwei\u2028", "three")
    growing = tmp_path / "growing.jsonl"
    growing.touch()
    reader = Reader(growing)
    for end in range(len(whole) + 1):
        growing.write_bytes(whole[:end])
        assert reader.read() == load(growing)


def test_what_a_death_tore_off_does_not_hide_the_next_line(tmp_path):
    path = tmp_path / "journal.jsonl"
    data = written(path, "whole", 'torn, and it quotes {"kind": "Note"} itself')
    start = data.index(b"\n") + 1
    for size in range(start, len(data)):
        path.write_bytes(data[:size])
        written(path, "next")
        assert [event.text for event in load(path)] in (["whole", "next"], ["whole", "torn", "next"])


def test_a_bad_line_in_the_middle_is_damage_and_names_its_line(tmp_path):
    path = tmp_path / "journal.jsonl"
    data = written(path, "one", "two", "three").split(b"\n")
    for bad in (b"", b"nonsense", b"[]", b'"Note"', b'{"kind": "StepEntered"}', b"\xff\xfe"):
        path.write_bytes(b"\n".join([data[0], bad, data[2], b""]))
        with pytest.raises(JournalCorrupt, match=r"line 2 is no event .*; restore it, or run the plan again"):
            load(path)


def test_a_writer_that_is_killed_leaves_whole_lines(tmp_path):
    path = tmp_path / "journal.jsonl"
    code = """
        import sys
        from pathlib import Path
        from harness.history import Note
        from harness.journal import Journal
        journal = Journal(Path(sys.argv[1]))
        number = 0
        while True:
            journal.append(Note(text=f"{number} " + "x" * 20_000))
            number += 1
    """
    writer = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code), str(path)])
    while not path.exists() or path.stat().st_size < 1_000_000:
        assert writer.poll() is None
    writer.send_signal(signal.SIGKILL)
    assert writer.wait() == -signal.SIGKILL
    numbers = [int(event.text.split()[0]) for event in load(path)]
    assert numbers == list(range(len(numbers)))
    assert len(numbers) >= 49


def test_several_writers_never_mix_their_lines(tmp_path):
    path = tmp_path / "journal.jsonl"
    path.touch()
    code = """
        import sys
        from pathlib import Path
        from harness.history import Note
        from harness.journal import Journal
        journal = Journal(Path(sys.argv[1]), worker=int(sys.argv[2]))
        for number in range(200):
            journal.append(Note(text="x" * 5000 + str(number)))
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(path)]
    writers = [subprocess.Popen([*command, str(worker)]) for worker in (1, 2)]
    assert [writer.wait() for writer in writers] == [0, 0]
    history = load(path)
    for worker in (1, 2):
        numbers = [int(event.text.lstrip("x")) for event in history if event.worker == worker]
        assert numbers == list(range(200))


# Disks --------------------------------------------------------------------------------------------------------


def test_a_full_disk_is_a_usage_error():
    journal = Journal(Path("/dev/full"))
    with pytest.raises(UsageError, match="No space left on device; free some space or use `--out`"):
        journal.append(Note(text="x"))


def test_a_disk_that_takes_only_half_a_line_is_a_usage_error(tmp_path):
    path = tmp_path / "journal.jsonl"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    journal = Journal(path)
    journal.append(Note(text="whole"))
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 50, before[1]))
        with pytest.raises(UsageError, match="the disk is full"):
            journal.append(Note(text="x" * 100))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    history = load(path)
    assert [event.text for event in history] == ["whole"]
    assert history.torn


@pytest.mark.parametrize("where", ["nowhere/journal.jsonl", "file/journal.jsonl", "."])
def test_a_place_that_cannot_be_written_is_a_usage_error(tmp_path, where):
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=r"cannot write the journal .*; choose another folder with `--out`"):
        Journal(tmp_path / where)


def test_a_read_only_disk_is_a_usage_error():
    # /sys, because root may write into any folder whose disk allows it.
    with pytest.raises(UsageError, match=r"Permission denied|Read-only file system"):
        Journal(Path("/sys/journal.jsonl"))


def test_a_journal_that_is_not_there_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match="is this a run folder"):
        load(tmp_path / "journal.jsonl")
    with pytest.raises(UsageError, match="is this a run folder"):
        load(tmp_path)


# Values -------------------------------------------------------------------------------------------------------


class Order(BaseModel):
    id: str
    at: datetime


@dataclasses.dataclass
class Receipt:
    cents: int


class Colour(enum.Enum):
    RED = "red"


class Opaque:
    pass


def cycle() -> list[Any]:
    made: list[Any] = []
    made.append(made)
    return made


VALUES = [
    pytest.param(
        Order(id="o", at=datetime(2026, 1, 1, tzinfo=UTC)), {"id": "o", "at": "2026-01-01T00:00:00Z"}, id="model"
    ),
    pytest.param(Receipt(5), {"cents": 5}, id="dataclass"),
    pytest.param({"a": Receipt(5)}, {"a": {"cents": 5}}, id="dataclass in a dictionary"),
    pytest.param(Colour.RED, "red", id="enum"),
    pytest.param((1, 2), [1, 2], id="tuple"),
    pytest.param({7}, [7], id="set"),
    pytest.param(b"text", "text", id="bytes"),
    pytest.param({1: "a"}, {"1": "a"}, id="a number for a key"),
    pytest.param({(1, 2): "a"}, {"1,2": "a"}, id="a tuple for a key"),
    pytest.param({Colour.RED: {("x",): 1}}, {"red": {"x": 1}}, id="odd keys in odd keys"),
    pytest.param(Opaque(), f"<{__name__}.Opaque>", id="an object of no known form"),
    pytest.param([Opaque()], [f"<{__name__}.Opaque>"], id="one in a list"),
    pytest.param(b"\xff\xfe", "<builtins.bytes>", id="bytes that are no text"),
]


@pytest.mark.parametrize(("value", "expected"), VALUES)
def test_any_value_can_be_written(tmp_path, value, expected):
    path = tmp_path / "journal.jsonl"
    Journal(path).append(StepLeft(step="tool:charge#1", result=value))
    (event,) = load(path)
    assert event.result == expected


@pytest.mark.parametrize(
    "value", [cycle(), (letter for letter in "ab"), {"lock": Opaque(), "cycle": cycle()}], ids=type
)
def test_a_value_that_nothing_can_show_loses_nobody_else(tmp_path, value):
    path = tmp_path / "journal.jsonl"
    Journal(path).append(Effect(name="charge", key="k", arguments={"value": value}))
    (event,) = load(path)
    assert (event.name, event.key) == ("charge", "k")


def test_a_type_stands_for_an_object_without_its_address():
    assert plain(Opaque()) == plain(Opaque())


def test_one_value_that_cannot_be_said_hides_none_of_its_neighbours():
    assert plain({"session": Opaque(), "order_id": "o-7"})["order_id"] == "o-7"
