"""What an incarnation finds when it begins, and how it ends."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.process import stacks
from harness.process.zygote import Exit, Zygote
from tests.process.conftest import LIFE
from tests.process.families import all_gone, lines

Make = Callable[..., Zygote]
TEMPERATURES = pytest.mark.parametrize("cold", [False, True], ids=["warm", "cold"])
BUFFERED = {"PYTHONUNBUFFERED": ""}


def output_of(made: Zygote, entry: str, folder: Path, **argument: Any) -> tuple[Exit | None, str]:
    end = made.spawn(LIFE + entry, argument, output=folder / "output").wait(30)
    return end, (folder / "output").read_text()


def about(made: Zygote, folder: Path) -> dict[str, Any]:
    made.spawn(LIFE + "note", {"file": str(folder / "note")}, output=folder / "output").wait(30)
    return json.loads((folder / "note").read_text().splitlines()[-1])


@TEMPERATURES
def test_incarnation_is_a_child_of_the_nursery_in_a_session_of_its_own(
    zygote: Make, tmp_path: Path, cold: bool
) -> None:
    made = zygote(cold=cold)

    told = about(made, tmp_path)

    assert told["session"] == told["pid"]
    assert cold or told["parent"] == made.ready(30).pid


@TEMPERATURES
def test_incarnation_has_what_the_preload_function_made(zygote: Make, tmp_path: Path, cold: bool) -> None:
    told = about(zygote("load", {"subject": "shop:agent"}, cold=cold), tmp_path)

    assert told["held"] == {"argument": "{'subject': 'shop:agent'}"}


@TEMPERATURES
def test_incarnation_writes_to_its_output_and_reads_nothing(zygote: Make, tmp_path: Path, cold: bool) -> None:
    end, output = output_of(zygote(cold=cold), "talk", tmp_path)

    assert sorted(output.splitlines()) == ["heard ''", "said on stderr", "said on stdout"]
    assert end == Exit(0, None)


def test_import_that_closed_its_standard_streams_does_no_harm(zygote: Make, tmp_path: Path) -> None:
    made = zygote("load_and_close_standard_streams")

    told = about(made, tmp_path)

    assert told["streams"] == [os.devnull, str(tmp_path / "output"), str(tmp_path / "output")]
    assert [str(Path(f"/proc/{told['parent']}/fd/{number}").readlink()) for number in (0, 1)] == [os.devnull] * 2


@TEMPERATURES
def test_output_is_appended(zygote: Make, tmp_path: Path, cold: bool) -> None:
    made = zygote(cold=cold)
    output_of(made, "talk", tmp_path)

    assert output_of(made, "talk", tmp_path)[1].count("said on stdout") == 2


@TEMPERATURES
def test_output_before_a_crash_is_kept(zygote: Make, tmp_path: Path, cold: bool) -> None:
    end, output = output_of(zygote(cold=cold, env=BUFFERED), "crash_after_talking", tmp_path)

    assert (end, output) == (Exit(None, signal.SIGKILL), "said before the crash\n")


def test_incarnation_holds_nothing_of_the_nursery(zygote: Make, tmp_path: Path) -> None:
    opened = about(zygote(), tmp_path)["descriptors"]

    assert not [each for each in opened if each.startswith(("socket:", "anon_inode:"))]


def test_half_a_line_that_the_import_printed_is_not_printed_again(zygote: Make, tmp_path: Path) -> None:
    (tmp_path / "chatty.py").write_text("print('loading', end='')")
    made = zygote("load_module", {"folder": str(tmp_path), "module": "chatty"}, env=BUFFERED)

    assert "loading" not in output_of(made, "talk", tmp_path)[1]

    assert (tmp_path / "zygote.log").read_text() == "loading"


def test_file_that_the_subject_opened_at_import_stays_open(zygote: Make, tmp_path: Path) -> None:
    made = zygote("load_with_open_file", {"file": str(tmp_path / "subject.log")})

    assert output_of(made, "use_open_file", tmp_path)[0] == Exit(0, None)

    assert (tmp_path / "subject.log").read_text() == "from the incarnation\n"


def test_signal_handler_that_the_subject_installed_at_import_stays(zygote: Make, tmp_path: Path) -> None:
    assert output_of(zygote("load_with_signal_handler"), "run_child", tmp_path)[1] == "child\n"


@pytest.fixture
def unusual_signals() -> Iterator[None]:
    """What a harness may have been started with, by `nohup` for example."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    yield
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
    signal.signal(signal.SIGHUP, before)


@TEMPERATURES
def test_signals_that_the_harness_ignores_or_blocks_reach_an_incarnation(
    zygote: Make, tmp_path: Path, unusual_signals: None, cold: bool
) -> None:
    told = about(zygote(cold=cold), tmp_path)

    assert told["blocked"] == []
    assert set(told["ignored"]) - {stacks.C} == {signal.SIGPIPE, signal.SIGXFSZ}  # as Python itself does


def test_siblings_draw_different_random_numbers(zygote: Make, tmp_path: Path) -> None:
    made = zygote()
    for _ in range(3):
        output_of(made, "draw", tmp_path, file=str(tmp_path / "drawn"))

    assert len(set((tmp_path / "drawn").read_text().split())) == 3


CODES = {"nothing": (None, 0), "a number": (3, 3), "true": (True, 1), "words": ("out of stock", 1)}


@pytest.mark.parametrize(("said", "code"), CODES.values(), ids=CODES)
def test_exit_code_is_what_the_entry_asked_for(zygote: Make, tmp_path: Path, said: Any, code: int) -> None:
    end, output = output_of(zygote(), "exit_with", tmp_path, code=said)

    assert end == Exit(code, None)
    assert output == ("out of stock\n" if said == "out of stock" else "")


@TEMPERATURES
def test_exception_in_the_entry_is_in_the_output(zygote: Make, tmp_path: Path, cold: bool) -> None:
    end, output = output_of(zygote(cold=cold), "raise_error", tmp_path)

    assert end == Exit(1, None)
    assert output.count("Traceback") == 1
    assert output.endswith("ValueError: from the entry\n")


def test_import_that_fails_in_a_cold_incarnation_is_in_the_output(zygote: Make, tmp_path: Path) -> None:
    end, output = output_of(zygote("refuse", cold=True), "do_nothing", tmp_path)

    assert (end, output) == (Exit(1, None), "no such agent\n")


def test_thread_left_behind_does_not_keep_the_process_alive(zygote: Make, tmp_path: Path) -> None:
    assert output_of(zygote(), "leave_a_thread", tmp_path)[0] == Exit(0, None)


FAMILIES = {
    "ends by itself": {"stay": False},
    "ends by itself, an orphan too": {"stay": False, "orphan": True},
    "is killed": {},
    "is killed, an orphan too": {"orphan": True},
}


@TEMPERATURES
@pytest.mark.parametrize("argument", FAMILIES.values(), ids=FAMILIES)
def test_end_is_reported_when_everything_it_started_is_gone(
    zygote: Make, tmp_path: Path, argument: dict[str, Any], cold: bool
) -> None:
    made = zygote(cold=cold)
    family = tmp_path / "family"
    argument = {**argument, "file": str(family)}
    incarnation = made.spawn(LIFE + "found_a_family", argument, output=tmp_path / "output")
    pids = lines(family, 2)
    if argument.get("stay", True):
        incarnation.kill()

    assert incarnation.wait(30) is not None

    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def test_end_of_one_incarnation_spares_the_family_of_another(zygote: Make, tmp_path: Path) -> None:
    made = zygote()
    family = {"file": str(tmp_path / "family"), "orphan": True}
    living = made.spawn(LIFE + "found_a_family", family, output=tmp_path / "output")
    pids = lines(tmp_path / "family", 2)
    living_pids = [pid for pid in pids if Path(f"/proc/{pid}").exists()]

    output_of(made, "do_nothing", tmp_path)

    assert [pid for pid in pids if Path(f"/proc/{pid}").exists()] == living_pids
    assert living_pids
    living.kill()
    assert all_gone(pids)


def test_process_that_the_import_started_lives_as_long_as_the_zygote(zygote: Make, tmp_path: Path) -> None:
    made = zygote("load_with_server")
    server = made.ready(30).info["server"]

    output_of(made, "do_nothing", tmp_path)
    os.kill(server, 0)
    made.close()

    assert all_gone([server])
