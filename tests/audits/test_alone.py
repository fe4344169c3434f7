"""What a static audit imports: the subject, and what asks it. It is to take no longer than that."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from harness import audit
from harness.audits.worker import modules_of
from harness.errors import UsageError

ROOT = Path(__file__).parents[2]

CHILD = """
import sys
from fixtures.audit.documented_{0} import openai
print(*sys.modules)
from harness.audits import alone
alone.prepare(
    dict(subject="fixtures.audit.documented_{0}:openai", engine="{0}", options={{}}, hosts=[], folder=sys.argv[1])
)
print(*sys.modules)
"""
LOADED = """
import sys
from harness.audits import alone
alone.prepare(dict(subject=sys.argv[2], engine="none", options={}, hosts=[], folder=sys.argv[1]))
print(*sys.modules)
"""
PARENT = """
import sys
from harness.process.zygote import Zygote

start = Zygote.__init__
def starting(self, *arguments, **keywords):
    print("before", *sys.modules)
    start(self, *arguments, **keywords)
Zygote.__init__ = starting

from harness.cli.shell import outcome
from harness.process.environment import leave_out_plugins
leave_out_plugins()
outcome(["audit", "fixtures.audit.documented_dbos:openai", "--engine", "dbos", "--static"])
print("after", *sys.modules)
"""
LOG = """
from harness.engines.prefect.worker import PrefectWorker
PrefectWorker().{}()
from prefect.logging import configuration
print(bool(configuration.PROCESS_LOGGING_CONFIG), configuration.setup_logging.__module__)
"""
MOVED = """
import prefect.main
from prefect.logging import configuration
del configuration.setup_logging
from harness.engines.prefect.worker import PrefectWorker
PrefectWorker().prepare_to_be_asked()
print("asked")
"""
SLOW = {"pydantic", "pydantic_ai", "rich", "yaml", "asyncio"}
ROOMS = {
    f"harness.{room}"
    for room in ("checks", "cli", "explore", "history", "journal", "plugin", "report", "runner", "scenario")
}
PARTS = {"harness.process.worker", "harness.audits.proof", "harness.audits.wire"}
"""What a run, a sweep, a proof or a report needs."""
NEEDED = {"temporal": {"harness.history", "harness.journal"}}
"""What the adapter takes from there all the same: its workflow class has the journal spell what a run returns."""


def said(script: str, *arguments: str) -> list[str]:
    command = [sys.executable, "-c", script, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("engine", ["none", "dbos", "prefect", "temporal"])
def test_of_other_peoples_packages_only_those_are_imported_that_the_subject_imports(engine: str, tmp_path: Path):
    theirs, then = (set(line.split()) for line in said(CHILD.format(engine), str(tmp_path)))
    ours = {name for name in then if name.startswith("harness.")}

    assert packages(then) - packages(theirs) - sys.stdlib_module_names == {"harness"}
    assert "harness.audits.worker" in ours
    assert {".".join(name.split(".")[:2]) for name in ours} & ROOMS == NEEDED.get(engine, set())
    assert {".".join(name.split(".")[:3]) for name in ours} & PARTS == set()


def test_what_only_observes_is_imported_if_the_subject_imports_it_and_for_nobody_else(tmp_path: Path):
    plain, observed = tmp_path / "plain.py", tmp_path / "observed.py"
    agent = "from pydantic_ai import Agent\nagent = Agent('test')\n"
    plain.write_text(agent)
    observed.write_text(f"import logfire\nlogfire.configure(send_to_logfire=False)\n{agent}")

    (modules,) = said(LOADED, str(tmp_path), f"{plain}:agent")
    assert {"logfire", "opentelemetry.sdk", "httpx._main"} & set(modules.split()) == set()
    (modules,) = said(LOADED, str(tmp_path), f"{observed}:agent")
    assert "logfire" in modules.split()


@pytest.mark.parametrize(("prepare", "is_set_up"), [("prepare", True), ("prepare_to_be_asked", False)])
def test_where_nothing_runs_prefect_sets_up_no_log(prepare: str, is_set_up: bool):
    assert said(LOG.format(prepare)) == [f"{is_set_up} prefect.logging.configuration"]


def test_a_prefect_that_sets_up_its_log_in_another_way_is_asked_all_the_same():
    assert said(MOVED) == ["asked"]


def packages(modules: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules}


def test_the_subjects_interpreter_is_started_before_anything_slow_is_imported():
    before, *_report, after = said(PARENT)

    assert before.split()[0] == "before"
    assert set(before.split()) & SLOW == set()
    assert {"pydantic_ai", "dbos"} & set(after.split()) == set()


def test_an_engine_that_cannot_be_used_is_told_before_the_subject_is_imported(tmp_path: Path):
    subject, trace = tmp_path / "shop.py", tmp_path / "imported"
    subject.write_text(f"open({str(trace)!r}, 'w').close()\nfrom pydantic_ai import Agent\nagent = Agent()\n")

    with pytest.raises(UsageError, match="engine 'dbos' has no option 'nonsense'"):
        audit(f"{subject}:agent", "dbos", static=True, options={"nonsense": 1})
    assert not trace.exists()
    audit(f"{subject}:agent", "dbos", static=True)
    assert trace.exists()


def test_settings_are_looked_for_in_the_subjects_file_and_then_in_all_others_of_the_person(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "audited_helper.py").write_text("retries = 3\n")
    (tmp_path / "audited_shop.py").write_text("import audited_helper\nagent = None\n")

    found = modules_of(f"{tmp_path / 'audited_shop.py'}:agent")
    assert found[0] == "audited_shop"
    assert "audited_helper" in found
    assert {"pydantic_ai", "pytest", "harness.errors"} & set(found) == set()
    for name in ("audited_shop", "audited_helper"):
        del sys.modules[name]
