"""The map is made once: for all tests, for all workers of pytest-xdist, for the next session, until code changes."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest

from tests.plugin.conftest import Make, Project, Ran

SWEPT = """
    import pytest

    @pytest.mark.durable("shop:agent", engine="journal", tools={"charge": "keyed:order_id"})
    def test_payments():
        pass
"""


@pytest.fixture(scope="module")
def shop(project: Make) -> Project:
    return project({"test_shop.py": SWEPT})


@pytest.fixture(scope="module")
def first(shop: Project) -> Ran:
    """Two workers, with nothing kept from before."""
    return shop.pytest("-n2", "-v", "-k", "model")


def baselines(shop: Project) -> int:
    """How many fault-free runs the sessions so far have made their maps from."""
    return len(list(shop.folder.glob(".pytest_cache/d/durable/runs/*/*/*/*-baseline")))


def ids(ran: Ran) -> set[str]:
    return set(re.findall(r"test_payments\[(.+)\]", ran.out))


def test_two_workers_make_the_baselines_once_and_agree_on_ids(shop: Project, first: Ran) -> None:
    assert first.count("passed") == 6, first.out
    assert baselines(shop) == 2
    assert {"journal-crash@model#1/before", "journal-crash@model#2/after"} <= ids(first)


def test_the_summary_hears_of_runs_in_workers(first: Ran) -> None:
    assert "6 runs, 6 crashes: 6 passed" in first.out
    assert "crash points: 6 of 12 tried (50 %)" in first.out


def test_the_next_session_makes_no_baseline(shop: Project, first: Ran) -> None:
    collected = shop.pytest("--collect-only", "-q")

    assert first.code == 0
    assert len(ids(collected)) == 12
    assert baselines(shop) == 2


def test_a_changed_agent_has_a_new_map(project: Make) -> None:
    made = project({"test_shop.py": SWEPT})
    before = ids(made.pytest("--collect-only", "-q"))
    agent = made.folder / "shop.py"
    agent.write_text(agent.read_text() + "\n\n@agent.tool_plain\ndef refund() -> str:\n    return 'back'\n")

    after = ids(made.pytest("--collect-only", "-q"))

    assert {line for line in after - before if "refund" in line}
    assert before < after


def test_without_a_cache_sweeps_work_too_and_what_they_leave_is_removed_after_a_day(
    project: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    kept = tmp_path / f"harness-pytest-{os.getuid()}"
    for name, days in (("yesterday", 2), ("today", 0)):
        (kept / name).mkdir(parents=True)
        os.utime(kept / name, (time.time() - days * 24 * 3600,) * 2)

    ran = project({"test_shop.py": SWEPT}).pytest("-p", "no:cacheprovider", "-k", "model and after")

    assert ran.count("passed") == 2, ran.out
    assert (kept / "today").is_dir()
    assert not (kept / "yesterday").exists()
    assert len(list(kept.iterdir())) == 2


def test_coverage_below_what_is_asked_fails_the_session(shop: Project, first: Ran) -> None:
    ran = shop.pytest("-k", "model and after", "--durable-min-coverage", "50")

    assert first.code == 0
    assert ran.count("passed") == 2
    assert ran.code == pytest.ExitCode.TESTS_FAILED
    assert "crash-point coverage 17 % is less than --durable-min-coverage 50 %" in ran.out


def test_a_test_in_which_a_worker_died_is_an_error_of_the_job_summary(project: Make) -> None:
    dies = SWEPT.replace("pass", "os.kill(os.getpid(), 9)").replace("import pytest", "import os, pytest")
    made = project({"test_shop.py": dies})

    ran = made.pytest("-n1", "--max-worker-restart=0", "-k", "model and after", "--durable-report", "told")

    told = (made.folder / "told" / "summary.md").read_text()
    assert ran.code == pytest.ExitCode.TESTS_FAILED
    assert told.startswith("## Durable tests: something is wrong (1 error)\n")
    assert "- **error** `test_shop.py::test_payments[journal-crash@model#1/after]`: worker 'gw0' crashed" in told
