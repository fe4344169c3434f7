"""The desk of one pytest session: made when the first durable test is collected, closed when the session ends."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import pytest

from harness.errors import HarnessError, UsageError
from harness.plugin.ahead import Ahead
from harness.plugin.desk import Desk, new_run_id
from harness.plugin.options import Settings

DESK = pytest.StashKey[Desk]()
KEPT = 24 * 60 * 60
"""For how many seconds run folders of a session without pytest's cache are kept."""
AHEAD = pytest.StashKey[Ahead]()
WORKER = "PYTEST_XDIST_WORKER"


class RequiredEngineMissing(UsageError):
    """`--durable-require` names an engine that cannot be used here, so no durable test is worth running."""


def desk_of(config: pytest.Config) -> Desk:
    """The session's desk. Raises `RequiredEngineMissing` unless every required engine can be used."""
    __tracebackhide__ = True
    if DESK not in config.stash:
        run_id = _run_id(config)
        worker = os.environ.get(WORKER, "main")
        desk = Desk(Settings.of(config), _home(config, run_id), run_id, worker)
        try:
            desk.demand()
        except UsageError as error:
            raise RequiredEngineMissing(f"--durable-require: {error}") from None
        config.stash[DESK], config.stash[AHEAD] = desk, Ahead(desk.settings.jobs)
        config.add_cleanup(lambda: close(config))  # whatever else happens at the end
    return config.stash[DESK]


def uncollected(session: pytest.Session, error: HarnessError) -> pytest.Collector.CollectError:
    """An error of ours as a collector raises it: one sentence, no frames.

    What every other durable test would have to say, too, is said once and ends the session. A worker of pytest-xdist
    goes on: what several of them say is shown once, and one that stops is taken for one that was interrupted.
    """
    if isinstance(error, RequiredEngineMissing) and WORKER not in os.environ:
        session.shouldstop = "a required engine is missing"
    return pytest.Collector.CollectError(str(error))


def ahead_of(config: pytest.Config) -> Ahead:
    """What runs tests of this session ahead of their turn."""
    desk_of(config)
    return config.stash[AHEAD]


def close(config: pytest.Config) -> None:
    """Stop every server and process that durable tests of this session have started."""
    if DESK in config.stash:
        config.stash[AHEAD].close()
        config.stash[DESK].close()


def _run_id(config: pytest.Config) -> str:
    """One name for all workers of a session of pytest-xdist."""
    given = getattr(config, "workerinput", {}).get("testrunuid")
    return str(given)[:12] if given else new_run_id()


def _home(config: pytest.Config, run_id: str) -> Path:
    """Where maps and run folders are kept: pytest's cache, or without one a folder that only this session knows."""
    cache = getattr(config, "cache", None)
    if cache is not None and not config.getoption("cacheclear", False):
        with suppress(OSError):  # a project that is mounted read-only, for example
            kept = Path(cache.mkdir("durable"))
            if os.access(kept, os.W_OK):
                return kept
    ours = Path(tempfile.gettempdir()) / f"harness-pytest-{os.getuid()}"
    _forget(ours)
    return ours / run_id


def _forget(folder: Path) -> None:
    """Remove what sessions without a cache left behind, once nobody can be in one of them or look at its runs."""
    for old in folder.glob("*"):
        if time.time() - old.stat().st_mtime > KEPT:
            shutil.rmtree(old, ignore_errors=True)
