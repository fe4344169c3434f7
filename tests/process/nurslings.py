# ruff: noqa: T201  an incarnation's output is what some of the tests look at
"""What the tests have zygotes import, and incarnations run. Each function is named by what it does to its process."""

from __future__ import annotations

import asyncio
import ctypes
import importlib
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from harness.errors import UsageError
from harness.process import stacks

FOREVER = 600

STUBBORN = """
import os, signal, sys, time
for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
    signal.signal(number, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
with open(sys.argv[1], "a") as file:
    file.write(f"{os.getpid()}\\n")
time.sleep(600)
"""

held: dict[str, Any] = {}


def load(argument: dict[str, Any]) -> dict[str, Any]:
    held["argument"] = argument
    return {"argument": argument, "hash": hash("a"), "path": sys.path, "variables": dict(os.environ)}


def load_module(argument: dict[str, Any]) -> dict[str, Any]:
    if "folder" in argument:
        sys.path.insert(0, argument["folder"])
    return {"file": importlib.import_module(argument["module"]).__file__}


def load_with_thread(argument: dict[str, Any]) -> dict[str, Any]:
    threading.Thread(target=time.sleep, args=(FOREVER,), daemon=True).start()
    return {}


def load_with_server(argument: dict[str, Any]) -> dict[str, Any]:
    held["server"] = subprocess.Popen(["sleep", str(FOREVER)])
    return {"server": held["server"].pid}


def load_with_open_file(argument: dict[str, Any]) -> dict[str, Any]:
    held["file"] = Path(argument["file"]).open("a", buffering=1)  # noqa: SIM115  the incarnations use it
    return {}


def load_and_close_standard_streams(argument: dict[str, Any]) -> dict[str, Any]:
    os.close(0)
    os.close(1)
    return {}


def load_with_signal_handler(argument: dict[str, Any]) -> dict[str, Any]:
    signal.signal(signal.SIGCHLD, say_child)
    return {}


def say_child(*_: object) -> None:
    print("child")


def refuse(argument: dict[str, Any]) -> dict[str, Any]:
    raise UsageError("no such agent")


def return_what_json_cannot_carry(argument: dict[str, Any]) -> dict[str, Any]:
    return {"set": {1}}


def never_return(argument: dict[str, Any]) -> dict[str, Any]:
    note(argument)
    time.sleep(FOREVER)
    return {}


def never_return_to_python(argument: dict[str, Any]) -> dict[str, Any]:
    note(argument)
    all(itertools.repeat(1))  # in C, and never lets go of the interpreter's lock
    return {}


def die(argument: dict[str, Any]) -> dict[str, Any]:
    os.write(2, b"last words\n")
    os.kill(os.getpid(), signal.SIGSEGV)
    return {}


def do_nothing(argument: dict[str, Any]) -> None:
    pass


def note(argument: dict[str, Any]) -> None:
    """Append one line about this process to a file."""
    with Path(argument["file"]).open("a") as file:
        file.write(json.dumps(about()) + "\n")


def about() -> dict[str, Any]:
    return {
        "pid": os.getpid(),
        "parent": os.getppid(),
        "session": os.getsid(0),
        "streams": [str(Path(f"/proc/self/fd/{number}").readlink()) for number in (0, 1, 2)],
        "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
        "ignored": [number for number in signal.valid_signals() if signal.getsignal(number) is signal.SIG_IGN],
        "descriptors": sorted(str(each.readlink()) for each in Path("/proc/self/fd").iterdir() if each.is_symlink()),
        "held": {name: str(value) for name, value in held.items()},
    }


def use_open_file(argument: dict[str, Any]) -> None:
    held["file"].write("from the incarnation\n")


def run_child(argument: dict[str, Any]) -> None:
    subprocess.run(["true"], check=True)


def talk(argument: dict[str, Any]) -> None:
    print("said on stdout")
    print("said on stderr", file=sys.stderr)
    print(f"heard {sys.stdin.read()!r}")


def crash_after_talking(argument: dict[str, Any]) -> None:
    print("said before the crash")
    os.kill(os.getpid(), signal.SIGKILL)


def never_quite_end(_argument: dict[str, Any]) -> None:
    """As if the kernel took for ever to take this process apart."""
    os._exit = lambda _code: signal.pause()


def exit_with(argument: dict[str, Any]) -> None:
    sys.exit(argument["code"])


def raise_error(argument: dict[str, Any]) -> None:
    raise ValueError("from the entry")


def leave_a_thread(argument: dict[str, Any]) -> None:
    threading.Thread(target=time.sleep, args=(FOREVER,)).start()


def draw(argument: dict[str, Any]) -> None:
    with Path(argument["file"]).open("a") as file:
        file.write(f"{random.random()}\n")


def sleep(argument: dict[str, Any]) -> None:
    note(argument)
    time.sleep(FOREVER)


def found_a_family(argument: dict[str, Any]) -> None:
    """Two stubborn descendants, one of them in a session of its own and an orphan; then wait or end."""
    file = argument["file"]
    note({"file": file + ".self"})
    child = subprocess.Popen([sys.executable, "-c", STUBBORN, file], start_new_session=True)
    while not Path(file).exists() or len(Path(file).read_text().split()) < 2:
        time.sleep(0.01)
    if argument.get("orphan"):
        child.kill()
    if argument.get("stay", True):
        time.sleep(FOREVER)


def wait_in_tasks(argument: dict[str, Any]) -> None:
    async def waits_for_the_bank() -> None:
        await asks_the_bank()

    async def asks_the_bank() -> None:
        asyncio.get_running_loop().call_soon(note, argument)  # when this task waits
        await asyncio.sleep(FOREVER)

    async def everything() -> None:
        await asyncio.gather(asyncio.create_task(waits_for_the_bank(), name="payment"))

    asyncio.run(everything())


def block_in_c(argument: dict[str, Any]) -> None:
    note(argument)
    all(itertools.repeat(1))


def block_in_c_and_break_when_asked(argument: dict[str, Any]) -> None:
    nowhere = ctypes.c_void_p(8)
    ctypes.CDLL(None).signal(ctypes.c_int(stacks.C), nowhere)
    block_in_c(argument)


def wait_beside_busy_threads(argument: dict[str, Any]) -> None:
    for _ in range(2):
        threading.Thread(target=_compile_for_ever, name="busy").start()
    note(argument)
    time.sleep(FOREVER)


def _compile_for_ever() -> None:
    while True:
        exec(compile("def deep(n):\n    return n and deep(n - 1)\ndeep(30)", "busy", "exec"), {})


def tick(argument: dict[str, Any]) -> None:
    for _ in range(argument["times"]):
        note(argument)
        time.sleep(0.05)
    if argument.get("then_hang"):
        time.sleep(FOREVER)
