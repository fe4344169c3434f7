"""Who may be inside together."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.process.turnstile import Turnstile
from tests.process.families import happens


def test_who_is_alone_waits_for_those_inside_and_keeps_out_those_that_come_later() -> None:
    turnstile, told = Turnstile(), list[str]()
    leave = threading.Event()

    def share(name: str) -> None:
        with turnstile.passed(alone=False):
            told.append(name)
            leave.wait(20)

    def be_alone() -> None:
        with turnstile.passed(alone=True):
            told.append("alone")

    with ThreadPoolExecutor(4) as pool:
        pool.submit(share, "first")
        pool.submit(share, "second")
        assert happens(lambda: sorted(told) == ["first", "second"])  # at the same time
        pool.submit(be_alone)
        assert happens(lambda: turnstile._wanting == 1)
        late = pool.submit(share, "late")
        assert not late.done()
        leave.set()

    assert told[2:] == ["alone", "late"]


def test_two_that_are_alone_take_turns() -> None:
    turnstile, inside, most = Turnstile(), 0, 0

    def be_alone() -> None:
        nonlocal inside, most
        for _ in range(200):
            with turnstile.passed(alone=True):
                inside += 1
                most = max(most, inside)
                inside -= 1

    with ThreadPoolExecutor(3) as pool:
        for _ in range(3):
            pool.submit(be_alone)

    assert most == 1


def test_it_opens_again_after_an_error() -> None:
    turnstile = Turnstile()
    for alone in (True, False):
        with pytest.raises(ValueError, match="harness"), turnstile.passed(alone=alone):
            raise ValueError("harness")
    with turnstile.passed(alone=True):
        pass
