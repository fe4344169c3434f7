"""The folder of an audit: it goes when the audit ends, however that is; one of a killed audit goes later."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from harness.audits.scratch import PREFIX, scratch
from tests.process.families import MARK, family, happens

HOLDING = """
import time
from harness.audits.scratch import scratch
with scratch() as made:
    print(made, flush=True)
    time.sleep(60)
"""
SLOW = """
import os, time
from pathlib import Path
Path(os.environ["BEGUN"]).touch()
time.sleep(60)
"""


RUNNING = """
import os, select
from pathlib import Path
from pydantic_ai import Agent
from pydantic_ai.models.test import TestModel
agent = Agent(TestModel(), name="slow")
@agent.tool_plain
def wait() -> str:
    Path(os.environ["BEGUN"]).touch()
    select.select([], [], [], 8)
    Path(os.environ["BEGUN"]).with_name("done").touch()
    return "done"
"""


@pytest.fixture
def temporary(tmp_path, monkeypatch) -> Path:
    """A folder for temporary files, of this process and of its children."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


@pytest.fixture
def holder(temporary):
    """A process that has a folder of its own, which was made a while ago."""
    with subprocess.Popen([sys.executable, "-c", HOLDING], stdout=subprocess.PIPE, text=True) as process:
        made = Path(process.stdout.readline().strip())
        os.utime(made, (1, 1))
        yield process, made
        process.kill()


def test_a_folder_goes_with_its_audit(temporary):
    def interrupted() -> None:
        with scratch() as made:
            (made / "some file").touch()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(temporary.iterdir()) == []


def test_a_folder_whose_owner_lives_stays(holder):
    _process, made = holder
    with scratch():
        assert made.is_dir()


def test_a_folder_whose_owner_was_killed_goes_with_the_next_audit(holder):
    process, made = holder
    process.kill()
    process.wait()
    assert made.is_dir()
    with scratch():
        assert not made.is_dir()


def test_a_folder_that_was_made_just_now_is_left_alone(temporary):
    (fresh := temporary / f"{PREFIX}fresh").mkdir()
    (temporary / "another").mkdir()
    with scratch():
        assert fresh.is_dir()
    assert sorted(path.name for path in temporary.iterdir()) == ["another", fresh.name]


ENDINGS = [signal.SIGTERM, signal.SIGHUP, signal.SIGINT]


@pytest.mark.parametrize("number", ENDINGS, ids=lambda number: number.name)
@pytest.mark.parametrize(("source", "how"), [(SLOW, ["--static"]), (RUNNING, [])], ids=["importing", "proving"])
def test_an_audit_that_is_told_to_end_takes_its_folder_along(temporary, number, source, how):
    (temporary / "slow.py").write_text(source)
    begun, mark = temporary / "begun", f"{os.getpid()}-{temporary.name}"
    command = [sys.executable, "-m", "harness", "audit", f"{temporary / 'slow.py'}:agent", *how]
    environment = {**os.environ, "BEGUN": str(begun), MARK: mark}
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process:
        while not begun.exists() and process.poll() is None:
            time.sleep(0.02)
        assert len(list(temporary.glob(f"{PREFIX}*"))) == 1
        process.send_signal(number)
        assert process.wait() == (130 if number is signal.SIGINT else 128 + number)
    assert list(temporary.glob(f"{PREFIX}*")) == []
    assert happens(lambda: family(mark) == [])
    assert not (temporary / "done").exists()  # nobody waited for what was under way
