"""An incarnation that is no fork: a fresh interpreter that imports the subject and then runs the entry.

Slower by the whole import, and needed where a fork would mislead: a subject whose import leaves threads behind, a
platform without safe forks, and the confirmation that a finding is not an artefact of forking.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import NoReturn

from harness.process import kin, loading, stacks
from harness.process.letters import Letter
from harness.process.newborn import FAILED, Birth, live, print_at_once


def beginning(order: Letter) -> Callable[[Birth], NoReturn]:
    """How an incarnation begins in a nursery that got this order: by replacing itself with a new interpreter.

    The order travels as that interpreter's standard input, which has no limit of size as its arguments have.
    """

    def begin(birth: Birth) -> NoReturn:
        letter = kin.private_file("order")
        with os.fdopen(os.dup(letter), "wb") as file:
            file.write(json.dumps({**order, "birth": asdict(birth)}).encode())
        os.lseek(letter, 0, os.SEEK_SET)
        os.dup2(letter, 0)
        for descriptor in (birth.stacks, birth.reply):
            if descriptor is not None:
                os.set_inheritable(descriptor, True)
        os.execv(sys.executable, loading.command(sys.executable, "cold"))  # noqa: S606  no shell wanted

    return begin


def main() -> NoReturn:
    """Import the subject; then live, or only say how the import went if that is what was asked."""
    order = json.loads(sys.stdin.buffer.read())
    birth = Birth(**order["birth"])
    loading.forget_standard_input()
    print_at_once()
    del sys.argv[1:]
    loading.put_on_path(order["path"])
    stacks.arm(birth.stacks)
    report = loading.preload(order["preload"], order["argument"])
    if birth.reply is not None:
        with os.fdopen(birth.reply, "w") as reply:
            json.dump(report, reply)
        os._exit(0)
    if report["event"] == "failed":
        os.write(2, f"{report['traceback'] or ''}{report['message']}\n".encode())
        os._exit(FAILED)
    live(birth)
