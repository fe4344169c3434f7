from __future__ import annotations

import os
import subprocess
import sys

import pytest

from harness.process import kin


@pytest.fixture
def child() -> subprocess.Popen[bytes]:
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


def test_children_are_the_direct_ones(child: subprocess.Popen[bytes]) -> None:
    assert child.pid in kin.children()
    assert os.getpid() not in kin.children()
    assert kin.has_children()


def test_children_are_found_where_the_kernel_keeps_no_list(child: subprocess.Popen[bytes]) -> None:
    assert child.pid in kin._children_by_parent()
    assert os.getpid() not in kin._children_by_parent()


def test_kill_says_whether_there_was_anybody(child: subprocess.Popen[bytes]) -> None:
    assert kin.kill(child.pid)

    child.wait()

    assert not kin.kill(child.pid)


def test_other_tasks_are_those_that_the_kernel_knows() -> None:
    assert said("other_tasks", "done.wait", "done.set()") == "0 1"


def test_process_that_is_born_after_its_parent_died_ends_at_once() -> None:
    nobody = 2**22 + 1  # beyond the largest pid of Linux

    pid = os.fork()
    if pid == 0:
        kin.die_with(nobody)
        os._exit(0)

    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1


def test_private_file_is_closed_on_exec() -> None:
    descriptor = kin.private_file("notes")

    assert not os.get_inheritable(descriptor)
    os.close(descriptor)


def test_a_thread_that_is_about_to_end_is_no_lasting_one() -> None:
    assert said("lasting_tasks", "lambda: time.sleep(0.02)") == "0 0"


THREADS = """
import threading, time
from harness.process import kin

done = threading.Event()
before = kin.{tasks}()
threading.Thread(target={target}).start()
print(len(before), len(kin.{tasks}()))
{then}
"""


def said(tasks: str, target: str, then: str = "") -> str:
    """How many there are before and after a thread begins: in a process of its own, where no other begins or ends."""
    code = THREADS.format(tasks=tasks, target=target, then=then)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
