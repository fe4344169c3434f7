"""No child survives the harness: a script that plays the harness is killed, and everything below it has to go."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.process.families import alive, all_gone, below, happens, lines

HARNESS = """
import multiprocessing, pathlib, sys, threading, time
from harness.process import stems
from harness.process.zygote import Zygote

folder, way, preload, entry = pathlib.Path(sys.argv[1]), *sys.argv[2:]
files = {"file": str(folder / "family")}

def start():
    global zygote
    if way == "stem":
        stems.kept().__enter__()
    zygote = Zygote("tests.process.nurslings:" + preload, {"file": str(folder / "zygote")}, hash_seed=1, env=None,
                    cold=way == "cold", log=folder / "log", stem=stems.stem(1))
    if entry:
        zygote.spawn("tests.process.nurslings:" + entry, files, output=folder / "output")

thread = threading.Thread(target=start)
thread.start()
thread.join()
if way in ("forked", "closed"):
    copy = multiprocessing.get_context("fork").Process(target=time.sleep, args=(600,))
    copy.start()
    (folder / "copy").write_text(str(copy.pid))
(folder / "started").write_text("")
if way == "closed":
    while not (folder / "close").exists():
        time.sleep(0.01)
    zygote.close()
time.sleep(600)
"""


@pytest.fixture
def harnesses(tmp_path: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for process in started:
        process.kill()
        process.wait()
    if (copy := tmp_path / "copy").exists():
        os.kill(int(copy.read_text()), signal.SIGKILL)


def play_harness(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-c", HARNESS, str(folder), *arguments])
    assert happens((folder / "started").exists)
    return process


@pytest.mark.parametrize("way", ["warm", "cold", "forked", "stem"])
def test_nothing_survives_a_harness_that_is_killed(way: str, tmp_path: Path, harnesses: list) -> None:
    harness = play_harness(tmp_path, way, "load", "found_a_family")
    harnesses.append(harness)
    [incarnation] = lines(tmp_path / "family.self", 1)
    family = [*lines(tmp_path / "family", 2), incarnation["pid"]]
    copy = {int((tmp_path / "copy").read_text())} if way == "forked" else set()
    everybody = {*family, *below(harness.pid)} - copy
    assert all(map(alive, everybody))

    harness.kill()

    assert all_gone(list(everybody))


def test_close_ends_everything_while_a_fork_of_the_harness_holds_its_files(tmp_path: Path, harnesses: list) -> None:
    harness = play_harness(tmp_path, "closed", "load", "found_a_family")
    harnesses.append(harness)
    everybody = {*lines(tmp_path / "family", 2), *below(harness.pid)} - {int((tmp_path / "copy").read_text())}

    (tmp_path / "close").touch()

    assert all_gone(list(everybody))
    assert harness.poll() is None


@pytest.mark.parametrize("preload", ["never_return", "never_return_to_python"])
def test_nothing_survives_a_harness_that_is_killed_during_the_import(
    preload: str, tmp_path: Path, harnesses: list
) -> None:
    harness = play_harness(tmp_path, "warm", preload, "")
    harnesses.append(harness)
    [nursery] = lines(tmp_path / "zygote", 1)

    harness.kill()

    assert all_gone([nursery["pid"], nursery["parent"]])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL], ids=lambda each: each.name)
def test_incarnations_do_not_survive_their_guard(number: signal.Signals, tmp_path: Path, harnesses: list) -> None:
    harness = play_harness(tmp_path, "warm", "load", "sleep")
    harnesses.append(harness)
    [incarnation] = lines(tmp_path / "family", 1)
    [guard] = set(below(harness.pid)) - set(below(incarnation["parent"])) - {incarnation["parent"]}

    os.kill(guard, number)

    assert all_gone([guard, incarnation["parent"], incarnation["pid"]])


def test_a_harness_that_ends_without_closing_leaves_nothing(tmp_path: Path, harnesses: list) -> None:
    harness = play_harness(tmp_path, "warm", "load", "found_a_family")
    harnesses.append(harness)
    family = [*lines(tmp_path / "family", 2), *below(harness.pid)]

    harness.send_signal(signal.SIGINT)  # KeyboardInterrupt: the script ends as Python ends

    assert all_gone(family)
