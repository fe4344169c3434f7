from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import InternalError, SubjectError, UsageError
from harness.process import loading
from harness.process.zygote import Exit, Zygote
from tests.process.conftest import LIFE
from tests.process.families import all_gone, below, happens, lines

Make = Callable[..., Zygote]
TEMPERATURES = pytest.mark.parametrize("cold", [False, True], ids=["warm", "cold"])


@TEMPERATURES
def test_zygote_hands_over_what_its_preload_function_returned(zygote: Make, cold: bool) -> None:
    ready = zygote("load", {"subject": "shop:agent"}, cold=cold).ready(30)

    assert ready.info["argument"] == {"subject": "shop:agent"}
    assert ready.threads == ()


@TEMPERATURES
def test_zygote_names_threads_that_the_import_left(zygote: Make, cold: bool) -> None:
    ready = zygote("load_with_thread", cold=cold).ready(30)

    assert len(ready.threads) == 1


def test_zygotes_with_different_hash_seeds_hash_differently(zygote: Make) -> None:
    hashes = [zygote(hash_seed=seed).ready(30).info["hash"] for seed in (1, 2, 1)]

    assert hashes[0] != hashes[1]
    assert hashes[0] == hashes[2]


def test_current_directory_comes_before_all_but_what_is_in_front_of_the_harness_s_path(
    zygote: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    front = loading.in_front(sys.path)
    monkeypatch.chdir(tmp_path)

    path = zygote().ready(30).info["path"]

    assert path[: len(front) + 1] == [*front, str(tmp_path)]
    assert "" not in path


@TEMPERATURES
def test_what_is_in_front_of_the_harness_s_path_is_in_front_of_a_zygote_s(
    zygote: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cold: bool
) -> None:
    """As it is with `pythonpath = ["src"]` in pytest's configuration."""
    (tmp_path / "src").mkdir()
    for folder in (tmp_path, tmp_path / "src"):
        (folder / "twice.py").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path / "src")

    found = zygote("load_module", {"module": "twice"}, cold=cold).ready(30).info

    assert found == {"file": str(tmp_path / "src" / "twice.py")}


def test_paths_that_only_the_harness_has_come_last(
    zygote: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "only")])

    assert zygote().ready(30).info["path"][-1] == str(tmp_path / "only")


BUFFERED = {"PYTHONUNBUFFERED": ""}  # as it is where nobody asked for more


@TEMPERATURES
def test_log_has_what_the_import_printed(zygote: Make, tmp_path: Path, cold: bool) -> None:
    (tmp_path / "chatty.py").write_text("print('importing chatty')\n")

    zygote("load_module", {"folder": str(tmp_path), "module": "chatty"}, cold=cold, env=BUFFERED).ready(30)

    assert happens(lambda: "importing chatty" in (tmp_path / "zygote.log").read_text())


BROKEN = {
    "raises": ("raise ValueError('no key')", "ValueError: no key"),
    "exits": ("import sys; sys.exit('not today')", "SystemExit: not today"),
    "misspelt": ("def f(:", "SyntaxError: invalid syntax (broken.py, line 1)"),
    "needs": ("import not_installed_anywhere", "No module named 'not_installed_anywhere'"),
}


@TEMPERATURES
@pytest.mark.parametrize(("source", "message"), BROKEN.values(), ids=BROKEN)
def test_import_that_fails_is_the_subjects_error_with_its_own_traceback(
    zygote: Make, tmp_path: Path, source: str, message: str, cold: bool
) -> None:
    (tmp_path / "broken.py").write_text(source)
    made = zygote("load_module", {"folder": str(tmp_path), "module": "broken"}, cold=cold)

    with pytest.raises(SubjectError) as caught:
        made.ready(30)

    assert message in str(caught.value)
    assert "broken.py" in str(caught.value.traceback)
    assert "harness/process" not in str(caught.value.traceback)
    assert "importlib/__init__" not in str(caught.value.traceback)
    assert "frozen importlib" not in str(caught.value.traceback)


def test_error_of_ours_arrives_as_it_was(zygote: Make) -> None:
    with pytest.raises(UsageError, match=r"^no such agent$"):
        zygote("refuse").ready(30)


def test_spawn_says_why_the_import_failed(zygote: Make, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such agent"):
        zygote("refuse").spawn(LIFE + "do_nothing", {}, output=tmp_path / "output")


def test_result_that_json_cannot_carry_is_an_internal_error(zygote: Make) -> None:
    with pytest.raises(InternalError, match="not JSON serializable"):
        zygote("return_what_json_cannot_carry").ready(30)


@TEMPERATURES
def test_interpreter_that_dies_during_the_import_is_reported_with_the_end_of_its_log(zygote: Make, cold: bool) -> None:
    with pytest.raises(SubjectError, match=r"SIGSEGV(.|\n)*last words"):
        zygote("die", cold=cold).ready(30)


@pytest.mark.parametrize("preload", ["never_return", "never_return_to_python"])
def test_import_that_hangs_is_reported_with_the_place(zygote: Make, tmp_path: Path, preload: str) -> None:
    made = zygote(preload, {"file": str(tmp_path / "note")})
    lines(tmp_path / "note", 1)

    with pytest.raises(SubjectError, match=r"longer than 0\.1 s") as caught:
        made.ready(0.1)

    assert f"in {preload}" in str(caught.value.traceback)


@pytest.mark.slow
def test_import_that_hangs_is_reported_with_the_place_when_cold(zygote: Make, tmp_path: Path) -> None:
    made = zygote("never_return", {"file": str(tmp_path / "note")}, cold=True)

    with pytest.raises(SubjectError, match="longer than 3 s") as caught:
        made.ready(3)  # time enough to come as far as the import

    assert "in never_return" in str(caught.value.traceback)


def test_zygote_that_is_killed_takes_its_incarnations_along_and_says_so(zygote: Make, tmp_path: Path) -> None:
    made = zygote()
    incarnation = made.spawn(LIFE + "sleep", {"file": str(tmp_path / "note")}, output=tmp_path / "output")

    os.kill(made.ready(30).pid, signal.SIGKILL)

    with pytest.raises(InternalError, match=r"the zygote died \(SIGKILL\)"):
        incarnation.wait(30)
    assert all_gone([incarnation.pid])
    with pytest.raises(InternalError, match="the zygote has ended"):
        made.spawn(LIFE + "do_nothing", {}, output=tmp_path / "output")


BAD_PLACES = {
    "no interpreter": ({"executable": "/nowhere/python"}, "/nowhere/python"),
    "no folder for the log": ({"log": Path("/nowhere/zygote.log")}, "/nowhere/zygote.log"),
}


@pytest.mark.parametrize(("options", "named"), BAD_PLACES.values(), ids=BAD_PLACES)
def test_zygote_that_cannot_be_started_is_a_usage_error(zygote: Make, options: dict, named: str) -> None:
    with pytest.raises(UsageError, match=named):
        zygote(**options)


def test_interpreter_that_cannot_even_start_is_reported(zygote: Make) -> None:
    made = zygote(executable="/bin/false")

    with pytest.raises(SubjectError, match="exit code 1"):
        made.ready(30)


@TEMPERATURES
def test_output_that_cannot_be_opened_is_a_usage_error_and_harms_nothing(
    zygote: Make, tmp_path: Path, cold: bool
) -> None:
    made = zygote(cold=cold)

    with pytest.raises(UsageError, match="/nowhere/output"):
        made.spawn(LIFE + "do_nothing", {}, output=Path("/nowhere/output"))

    assert made.spawn(LIFE + "do_nothing", {}, output=tmp_path / "output").wait(30) == Exit(0, None)


@TEMPERATURES
def test_close_ends_everything_and_can_be_repeated(zygote: Make, tmp_path: Path, cold: bool) -> None:
    made = zygote(cold=cold)
    family = {"file": str(tmp_path / "family")}
    incarnation = made.spawn(LIFE + "found_a_family", family, output=tmp_path / "output")
    pids = [*lines(tmp_path / "family", 2), incarnation.pid]

    made.close()
    made.close()

    assert all_gone(pids)
    assert incarnation.wait(0) == Exit(None, signal.SIGKILL)
    with pytest.raises(InternalError):
        made.spawn(LIFE + "do_nothing", {}, output=tmp_path / "output")


def test_close_does_not_wait_for_an_import(zygote: Make, tmp_path: Path) -> None:
    made = zygote("never_return_to_python", {"file": str(tmp_path / "note")})
    [nursery] = lines(tmp_path / "note", 1)

    made.close()

    assert all_gone([nursery["pid"]])


def test_cold_twin_is_made_once_and_closed_with_its_original(zygote: Make, tmp_path: Path) -> None:
    made = zygote("load", {"subject": "shop:agent"})
    twin = made.cold_twin()
    incarnation = twin.spawn(LIFE + "sleep", {"file": str(tmp_path / "note")}, output=tmp_path / "output")

    assert made.cold_twin() is twin
    assert twin.cold_twin() is twin
    assert twin.ready(30).info["argument"] == {"subject": "shop:agent"}
    made.close()

    assert all_gone([incarnation.pid])


def descriptors(process: int | str) -> int:
    return len(list(Path(f"/proc/{process}/fd").iterdir()))


def settled(look: Callable[[], int]) -> int:
    """What it comes to when it has not changed for half a second: the next fork is made ahead, in its own time."""
    seen: list[int] = []
    while len(seen) < 10 or len(set(seen[-10:])) > 1:
        seen.append(look())
        time.sleep(0.05)
    return seen[-1]


def test_two_hundred_incarnations_leave_no_descriptors_and_no_processes(zygote: Make, tmp_path: Path) -> None:
    made = zygote()
    nursery = made.ready(30).pid
    made.spawn(LIFE + "do_nothing", {}, output=tmp_path / "output").wait(30)
    assert happens(lambda: len(below(nursery)) == 1)
    made.spawn(LIFE + "do_nothing", {}, output=tmp_path / "output").wait(30)
    before = descriptors("self"), settled(lambda: descriptors(nursery))

    for _ in range(200):
        made.spawn(LIFE + "do_nothing", {}, output=tmp_path / "output").wait(30)

    assert descriptors("self") <= before[0]
    assert happens(lambda: descriptors(nursery) <= before[1])  # or a fork is just being made ahead
    assert happens(lambda: len(below(nursery)) == 1)  # the one that waits for the next


def test_incarnation_was_forked_before_it_was_asked_for(zygote: Make, tmp_path: Path) -> None:
    made = zygote()
    nursery = made.ready(30).pid
    assert happens(lambda: below(nursery))
    [waiting] = below(nursery)

    assert made.spawn(LIFE + "do_nothing", {}, output=tmp_path / "output").pid == waiting


def test_fork_that_dies_while_it_waits_is_replaced(zygote: Make, tmp_path: Path) -> None:
    made = zygote()
    nursery = made.ready(30).pid
    assert happens(lambda: below(nursery))
    [waiting] = below(nursery)

    os.kill(waiting, signal.SIGKILL)

    assert happens(lambda: below(nursery) not in ([], [waiting]))
    assert made.spawn(LIFE + "do_nothing", {}, output=tmp_path / "output").wait(30) == Exit(0, None)


def test_several_threads_use_one_zygote_at_once(zygote: Make, tmp_path: Path) -> None:
    made = zygote()
    exits: dict[int, list[Exit | None]] = {code: [] for code in range(4)}

    def run(code: int) -> None:
        for _ in range(20):
            incarnation = made.spawn(LIFE + "exit_with", {"code": code}, output=tmp_path / "output")
            exits[code].append(incarnation.wait(30))

    threads = [threading.Thread(target=run, args=(code,)) for code in exits]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert exits == {code: [Exit(code, None)] * 20 for code in range(4)}
