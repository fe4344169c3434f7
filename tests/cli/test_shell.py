"""The way in and the way out: help is quick, and every piece of bad input is one sentence and exit code 2."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from harness import cli
from harness.cli import shell as front
from harness.errors import InternalError
from tests.cli.conftest import ROOT, SHOP, Shell, environment

HEAVY = {"pydantic", "pydantic_ai", "rich", "dbos", "prefect", "temporalio", "yaml", "asyncio"}


def test_help_imports_nothing_heavy():
    script = "import sys; from harness.cli.shell import outcome; outcome(['sweep', '--help']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "Crash SUBJECT" in done.stdout
    assert {name.partition(".")[0] for name in done.stdout.split()} & HEAVY == set()


def test_every_command_is_listed_in_the_order_of_need(shell: Shell):
    listed = shell("--help").out.partition("Commands:")[2].splitlines()
    names = [line.split()[0] for line in listed if line.strip()]
    asked = "sweep run steps audit show replay replay-history script check doctor conform"
    assert names == asked.split()


def test_the_version_is_said_with_or_without_an_installation(shell: Shell):
    assert shell("--version").out.startswith("harness")


BAD = {
    "no command": ([], "Commands:"),
    "a command that does not exist": (["swep"], "No such command 'swep'"),
    "no engine": (["sweep", SHOP], "name one of none, journal, dbos"),
    "no engine for one run": (["run", SHOP], "name one of none, journal, dbos"),
    "a scenario file to audit": (["audit", "scenarios/answer_bought_twice.yaml"], "audit its subject"),
    "an engine without a name": (["sweep", SHOP, "-e", "journal,"], "unknown engine ''"),
    "an unknown engine, with the nearest": (["sweep", SHOP, "-e", "dboss"], "did you mean 'dbos'?"),
    "an unknown engine in a list": (["sweep", SHOP, "-e", "journal,jurnal"], "did you mean 'journal'?"),
    "several engines for one run": (["run", SHOP, "-e", "journal,none"], "one engine at a time"),
    "all engines for one run": (["steps", SHOP, "-e", "all"], "one engine at a time"),
    "a module that does not exist": (["sweep", "no.such:agent", "-e", "journal"], "'no.such'"),
    "an attribute that does not exist": (["sweep", f"{SHOP}x", "-e", "journal"], "has no 'agentx'"),
    "a subject that is no agent": (["steps", "json:__doc__", "-e", "journal"], "is no agent"),
    "a fault that does not parse": (["run", SHOP, "-e", "journal", "-f", "crsh@model#1"], "column 1"),
    "a fault at no step": (["run", SHOP, "-e", "journal", "-f", "crash@model#9/after"], "Did you mean 'model#2'"),
    "a policy without a tool": (["sweep", SHOP, "-e", "journal", "--tools", "charge"], "say TOOL=MAY"),
    "a policy that does not exist": (["sweep", SHOP, "-e", "journal", "--tools", "charge=never"], "'never'"),
    "an option without a value": (["sweep", SHOP, "-e", "journal", "-o", "x"], "say NAME=VALUE"),
    "several things at once": (
        ["sweep", SHOP, "-e", "journal", "--time-scale", "-1", "--stall", "-2"],
        "time_scale: input should be greater than 0\n  - stall",
    ),
    "deps that do not exist": (["steps", SHOP, "-e", "journal", "--deps", "no.such:deps"], "no.such"),
    "a script that does not exist": (["steps", SHOP, "-e", "journal", "--script", "no-such.yaml"], "no-such.yaml"),
    "a required engine that was not asked for": (
        ["sweep", SHOP, "-e", "journal", "--require", "dbos"],
        "`--require` names engine 'dbos'",
    ),
    "a folder that cannot be written": (["steps", SHOP, "-e", "journal", "--out", "/proc/x"], "--out"),
    "a run folder that does not exist": (["show", "no-such-folder"], "does not exist"),
    "a folder that is no run folder": (["show", "tests"], "is no run folder"),
}


@pytest.mark.parametrize(("arguments", "said"), BAD.values(), ids=BAD.keys())
def test_bad_input_is_one_sentence_and_exit_code_2(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, arguments: list[str], said: str
):
    takes_out = arguments and arguments[0] in ("sweep", "run", "steps") and "--out" not in arguments
    code = front.outcome([*arguments, *(["--out", str(tmp_path)] if takes_out else [])])
    told = capfd.readouterr()
    assert code == 2
    assert said in told.err
    assert told.out == ""
    assert "Traceback" not in told.err
    assert list(tmp_path.iterdir()) == []


def test_a_subject_whose_import_raises_shows_its_own_traceback_once(shell: Shell, tmp_path: Path):
    (tmp_path / "broken.py").write_text("def connect():\n    raise OSError('no database here')\n\nconnect()\n")
    ran = shell("sweep", f"{tmp_path}/broken.py:agent", "-e", "journal", "--out", str(tmp_path / "out"))
    assert ran.code == 2
    assert ran.err.count("Traceback") == 1
    assert "in connect" in ran.err
    assert "harness/" not in ran.err.partition("error:")[0]
    assert ran.err.splitlines()[-1].startswith("error: ")


NAMELESS = {
    "a capability": "agent = Agent('openai:gpt-5', capabilities=[DBOSDurability()])",
    "a wrapper": "agent = DBOSAgent(Agent('openai:gpt-5'))",
}


@pytest.mark.parametrize("written", NAMELESS.values(), ids=NAMELESS)
def test_an_agent_without_the_name_that_its_engine_needs_is_told_to_have_one(
    shell: Shell, tmp_path: Path, written: str
):
    imports = "from pydantic_ai import Agent\nfrom pydantic_ai.durable_exec.dbos import DBOSAgent, DBOSDurability\n"
    (tmp_path / "nameless.py").write_text(f"{imports}\n{written}\n")
    ran = shell("sweep", f"{tmp_path}/nameless.py:agent", "-e", "dbos", "--out", str(tmp_path / "out"))
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.count("Traceback") == 1
    assert "needs to have a unique `name` in order to be used with DBOS" in ran.err.splitlines()[-1]
    assert not (tmp_path / "out").exists() or list((tmp_path / "out").iterdir()) == []


def test_an_engine_that_is_not_installed_comes_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    from harness.engines import registry

    class Missing:
        name, unit = "missing", "unit"

        def problems(self, options: dict[str, object]) -> list[str]:
            return ["engine 'missing' is not installed: run `pip install missing`"]

    monkeypatch.setattr(registry, "BUILT_IN", {**registry.BUILT_IN, "missing": "nowhere:Missing"})
    monkeypatch.setattr(registry, "attribute", lambda _path: Missing)
    assert front.outcome(["sweep", SHOP, "-e", "missing", "--out", str(tmp_path)]) == 2
    assert "run `pip install missing`" in capsys.readouterr().err


def test_a_required_engine_that_is_missing_is_told_before_anything_runs(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
):
    missing = ("-o", "temporal.server=/no/such/temporal", "-o", "prefect.api_url=http://127.0.0.1:1/api")
    required = ("--require", "journal,temporal,prefect")
    code = front.outcome(["sweep", SHOP, "-e", "journal,temporal,prefect", *required, *missing, "--out", str(tmp_path)])
    told = capfd.readouterr()
    assert (code, told.out, list(tmp_path.iterdir())) == (2, "", [])
    assert told.err.startswith("error: a required engine cannot be used here:\n  - temporal: option 'server' names")
    assert "\n  - prefect: no Prefect server answers at http://127.0.0.1:1/api" in told.err


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("dbos.stor=1", "engine 'dbos' has no option 'stor', did you mean 'store'?"),
        ("journal.speed=1", "engine 'journal' has no option 'speed'; it has none"),
        ("temporal.address=here", "option 'address' is 'here', and an address is written HOST:PORT"),
        ("prefect.api_url=here", "api_url 'here' is no http address"),
    ],
)
def test_a_mistake_in_an_option_passes_for_no_missing_engine(
    option: str, said: str, capfd: pytest.CaptureFixture[str], tmp_path: Path
):
    arguments = ("sweep", SHOP, "-e", "journal,dbos,temporal,prefect", "-o", option, "--out", str(tmp_path))
    assert front.outcome(arguments) == 2
    told = capfd.readouterr()
    assert (told.out, list(tmp_path.iterdir())) == ("", [])
    assert f"cannot take these options: {said}" in told.err


def test_an_engine_that_is_not_required_may_be_missing_and_is_told(capfd: pytest.CaptureFixture[str], tmp_path: Path):
    missing = ("-o", "temporal.server=/no/such/temporal")
    arguments = ("sweep", SHOP, "-e", "journal,temporal", *missing, "--format", "json", "--out", str(tmp_path))
    assert front.outcome(arguments) == 0
    _journal, temporal = json.loads(capfd.readouterr().out)["engines"]
    assert "option 'server' names '/no/such/temporal', which is no program" in temporal["unavailable"]


def test_a_full_disk_is_a_sentence(tmp_path: Path):
    limited = subprocess.run(
        [sys.executable, "-m", "harness", "steps", SHOP, "-e", "journal", "--out", str(tmp_path)],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000)),
    )
    assert limited.returncode == 2
    assert "cannot write" in limited.stderr
    assert "`--out`" in limited.stderr
    assert "Traceback" not in limited.stderr
    assert list(tmp_path.iterdir()) == []


RAISED = {
    "our own complaint": (InternalError("two journals for one run"), 4, "please report it"),
    "what nobody expected": (KeyError("x"), 4, "this is a bug in the harness, please report it"),
    "a full disk anywhere": (OSError(28, "No space left on device", "/x"), 2, "the disk is full at /x"),
    "a read-only disk anywhere": (OSError(30, "Read-only file system"), 2, "the disk is read-only"),
    "an interruption": (KeyboardInterrupt(), 130, "interrupted"),
}


@pytest.mark.parametrize(("error", "code", "said"), RAISED.values(), ids=RAISED.keys())
def test_whatever_is_raised_has_an_exit_code_and_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    said: str,
):
    def fails(*_given: object, **_named: object) -> None:
        raise error

    monkeypatch.setattr("harness.explore.sweep.show", fails)
    assert front.outcome(["show", str(ROOT)]) == code
    told = capsys.readouterr().err
    assert said in told
    assert ("Traceback" in told) is (isinstance(error, KeyError))


def test_the_command_exits_with_what_it_came_to():
    with pytest.raises(SystemExit) as ended:
        cli.main(["show", "no-such-folder"])
    assert ended.value.code == 2


def test_a_reader_that_goes_away_is_no_error():
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as gone:
        done = subprocess.run(
            [sys.executable, "-m", "harness", "doctor"], cwd=ROOT, stdout=gone, stderr=subprocess.PIPE, check=False
        )
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_terminal_that_cannot_write_every_letter_still_gets_the_report(shell: Shell, tmp_path: Path):
    agent = "from pydantic_ai import Agent\nagent = Agent('test', name='Überweisung')\n"
    (tmp_path / "übung.py").write_text(agent, "utf-8")
    arguments = ("steps", f"{tmp_path}/übung.py:agent", "-e", "journal", "--out", str(tmp_path / "out"))
    ran = shell(*arguments, env={"PYTHONIOENCODING": "ascii"})
    assert ran.code == 0
    assert "\\xfcbung.py" in ran.out
