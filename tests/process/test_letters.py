from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from harness.process.letters import Letters


@pytest.fixture
def ends() -> Iterator[tuple[Letters, socket.socket]]:
    one, other = socket.socketpair()
    with one, other:
        yield Letters(one), other


def test_letters_arrive_whole_and_in_order(ends: tuple[Letters, socket.socket]) -> None:
    letters, other = ends
    other.sendall(b'{"do": "spawn"}\n{"do": "sig')

    assert letters.receive() == [{"do": "spawn"}]

    other.sendall(b'nal"}\n')
    assert letters.receive() == [{"do": "signal"}]


def test_first_letter_does_not_lose_those_that_came_with_it(ends: tuple[Letters, socket.socket]) -> None:
    letters, other = ends
    other.sendall(b'{"cold": true}\n{"do": "spawn"}\n')

    assert letters.first() == {"cold": True}
    assert letters.early == [{"do": "spawn"}]


def test_letter_may_hold_any_text_and_be_long(ends: tuple[Letters, socket.socket]) -> None:
    letters, other = ends
    text = "zwei\nZeilen 🎲 " * 2000

    Letters(other).send({"text": text})

    assert letters.first() == {"text": text}


def test_other_side_going_away_is_told_to_the_reader_only(ends: tuple[Letters, socket.socket]) -> None:
    letters, other = ends
    other.close()

    letters.send({"do": "spawn"})

    with pytest.raises(EOFError):
        letters.receive()
    assert list(letters) == []
