"""The plugin is a good guest: cheap to import, quiet without durable tests, and it leaves no process behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from harness.plugin import PROPERTIES
from tests.plugin.conftest import OTHERS, ROOT, Make, Project

MOMENTS = 600
"""How often to look again, ten times a second, for a process that should end: only one that stays costs them all."""
ENGINES = {"dbos", "prefect", "temporalio", "pydantic_ai", "hypothesis"}
SWEPT = """
    import pytest

    @pytest.mark.durable("shop:agent", engine="journal", tools={"charge": "keyed:order_id"})
    def test_payments():
        pass
"""
LOOKS = """
    import pytest

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(session):
        assert session.config.pluginmanager.hasplugin("harness.plugin.hooks") is AWAKE
"""
MARKS = "@pytest.mark.durable('shop:agent', faults='crash@model#1/after')"
COLLECTED = {
    "plain functions": ("def test_it(tmp_path): pass", False),
    "unittest": ("class TestIt(unittest.TestCase):\n    def test_it(self): pass", False),
    "a marked function": (f"{MARKS}\ndef test_it(): pass", True),
    "a marked class of unittest": (f"{MARKS}\nclass TestIt(unittest.TestCase):\n    def test_it(self): pass", True),
    "a budget": ("@pytest.mark.retry_budget(6, subject='shop:agent')\ndef test_it(): pass", True),
    "a fixture of a fixture": ("@pytest.fixture\ndef mine(retry_audit): pass\ndef test_it(mine): pass", True),
}
SLOW = """
    import os, pathlib, signal, time
    import pytest

    def test_it(durable):
        durable.run(subject="shop:agent")
        pathlib.Path("ready").touch()
        FATE
"""
SERVED = """
    import os, pathlib, signal, time
    import psutil

    def test_it(durable):
        durable.run(subject="shop:agent", engine="temporal")
        mine = {each.pid for each in psutil.Process().children(recursive=True)}
        running = [each.info for each in psutil.process_iter(["pid", "create_time", "cmdline"]) if each.pid in mine]
        told = [f"{each['pid']} {each['create_time']} {' '.join(each['cmdline'] or [])}" for each in running]
        pathlib.Path("started").write_text("\\n".join(line.replace("\\n", " ") for line in told))
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(60)
"""


def imported(folder: Path, *arguments: str) -> set[str]:
    """The top-level packages that a session of pytest has imported when it ends."""
    told = "print('IMPORTED', *{name.split('.')[0] for name in sys.modules})"
    script = f"import sys, pytest; pytest.main(sys.argv[1:]); {told}"
    done = subprocess.run(
        [sys.executable, "-c", script, "-p", "harness.pytest_plugin", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return set(done.stdout.rpartition("IMPORTED")[2].split())


def test_no_engine_is_imported_without_durable_tests(project: Make) -> None:
    plain = project({"test_one.py": "def test_one(): pass\n", "data/settings.yaml": "a: 1\n"})

    assert imported(plain.folder) & {*ENGINES, "pydantic", "rich", "yaml"} == set()


def test_no_engine_is_imported_to_collect_and_run_durable_tests(project: Make) -> None:
    assert imported(project({"test_one.py": SWEPT}).folder) & (ENGINES - {"pydantic_ai"}) == set()


@pytest.mark.parametrize(("test", "awake"), COLLECTED.values(), ids=COLLECTED.keys())
def test_what_is_called_for_every_test_is_registered_for_tests_of_ours_only(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, test: str, awake: bool
) -> None:
    monkeypatch.delitem(sys.modules, PROPERTIES, raising=False)  # other tests of this process have imported it
    pytester.makeconftest(LOOKS.replace("AWAKE", str(awake)))
    pytester.makepyfile(f"import pytest, unittest\n{test}")

    ran = pytester.runpytest_inprocess("--collect-only", "-p", "harness.pytest_plugin", *OTHERS)

    assert ran.ret == pytest.ExitCode.OK, ran.outlines


def test_importing_the_plugin_costs_a_twentieth_of_a_second_at_most() -> None:
    script = (
        "import pytest, time; t = time.process_time(); import harness.pytest_plugin; print(time.process_time() - t)"
    )
    took = [
        float(subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, check=True).stdout)
        for _ in range(3)
    ]

    assert min(took) <= 0.05  # of processor time, so that a busy machine does not matter


def test_a_suite_without_durable_tests_says_the_same_with_the_plugin(project: Make) -> None:
    files = {
        "test_one.py": "import pytest\n@pytest.mark.parametrize('n', [1, 2])\ndef test_n(n): assert n == 1\n",
        "scenarios/theirs.yaml": "given: something else\nthen: {nothing: [\n",
    }
    plain = project(files)

    ran, without = plain.pytest("-q"), plain.pytest("-q", plugin=False)

    assert ran.count("failed") == 1
    assert (ran.code, _untimed(ran.out)) == (without.code, _untimed(without.out))


def test_a_published_packages_own_suite_says_the_same_with_the_plugin(project: Make) -> None:
    empty = project({})
    theirs = ("-v", "--pyargs", *(f"jsonschema.tests.test_{name}" for name in ("validators", "format", "types")))

    ran, without = empty.pytest(*theirs), empty.pytest(*theirs, plugin=False)

    assert ran.count("passed") > 300
    assert (ran.code, _untimed(ran.out)) == (without.code, _untimed(without.out))


def test_it_can_be_loaded_by_a_conftest_and_by_name_at_once(project: Make) -> None:
    conftest = 'pytest_plugins = ["harness.pytest_plugin"]\n'
    made = project({"conftest.py": conftest, "test_one.py": "def test_one(): pass\n"})

    assert made.pytest().code == 0


@pytest.mark.parametrize(
    ("fate", "arguments", "code"),
    [
        ("os.kill(os.getpid(), signal.SIGINT); time.sleep(60)", (), pytest.ExitCode.INTERRUPTED),
        ("assert False\n\n    def test_more(durable): durable.run(subject='shop:agent')", ("-x",), 1),
        ("os.kill(os.getpid(), signal.SIGKILL)", ("-n1", "--max-worker-restart=0"), 1),
    ],
    ids=["Ctrl-C", "-x", "a killed worker"],
)
def test_no_process_outlives_the_session(project: Make, fate: str, arguments: tuple[str, ...], code: int) -> None:
    made = project({"test_one.py": SLOW.replace("FATE", fate)})

    ran = made.pytest(*arguments)

    assert (made.folder / "ready").exists()
    assert ran.code == code
    assert _left_behind(made) == []


@pytest.mark.engine(name="temporal")
def test_a_server_stops_with_the_session_after_ctrl_c(project: Make) -> None:
    made = project({"test_one.py": SERVED})

    assert made.pytest().code == pytest.ExitCode.INTERRUPTED

    started = [line.split(" ", 2) for line in (made.folder / "started").read_text().splitlines()]
    assert any("server start-dev" in command for _pid, _began, command in started)
    assert _still_there([(int(pid), float(began)) for pid, began, _command in started]) == []


def test_a_killed_session_leaves_no_process_behind(project: Make) -> None:
    made = project({"test_one.py": SLOW.replace("FATE", "time.sleep(120)")})
    session = subprocess.Popen(
        made.command(), cwd=made.folder, env=made.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while not (made.folder / "ready").exists() and session.poll() is None:
        time.sleep(0.1)

    session.send_signal(signal.SIGKILL)
    session.wait()

    assert (made.folder / "ready").exists()
    assert _left_behind(made) == []


def _left_behind(made: Project) -> list[str]:
    """Processes that were started in a project and are still there; those that are just ending get a moment."""
    for _ in range(MOMENTS):
        everything = psutil.process_iter(["cwd", "cmdline"])
        found = [process for process in everything if process.info["cwd"] == str(made.folder)]
        if not found:
            return []
        time.sleep(0.1)
    return [" ".join(process.info["cmdline"] or []) for process in found]


def _still_there(processes: list[tuple[int, float]]) -> list[int]:
    """The ids of those that have not ended; a number that another process has now is none of them."""
    for _ in range(MOMENTS):
        found = [pid for pid, began in processes if _runs(pid, began)]
        if not found:
            return []
        time.sleep(0.1)
    return found


def _runs(pid: int, began: float) -> bool:
    try:
        process = psutil.Process(pid)
        return process.create_time() == began and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _untimed(text: str) -> str:
    """What a session said without its time, and without the line that lists every installed plugin."""
    return re.sub(r"(?m)^plugins: .*\n", "", text).rpartition(" in ")[0].strip()
