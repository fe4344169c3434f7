"""The door that pytest knocks at: hooks and fixtures, and nothing heavy before a durable test is collected.

Installed with the distribution; from a checkout, `pytest_plugins = ["harness.pytest_plugin"]` in the top conftest does
the same. A suite without durable tests pays for these few functions only.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from harness.plugin import FIXTURES, MARKERS, PROPERTIES, options

if TYPE_CHECKING:
    from harness.plugin.fixtures import Durable
    from harness.retries.report import AuditReport

__all__ = ["durable_sweep"]

HOOKS = "harness.plugin.hooks"


def durable_sweep(subject: Any = None, **keywords: Any) -> Callable[..., None]:
    """Make a test that only sweeps.

    As in `test_payments = durable_sweep("shop.agents:payments", engine="dbos")`, in a module or a class.
    Takes what `@pytest.mark.durable` takes. The test is found where this is called, so editors and reports point there.
    """

    # It asks for the fixture so that a session without the plugin has an error here, and not a test that passes.
    def test_every_crash_is_survived(instance: object = None, /, *, durable_case: Any) -> None:
        """Nothing but the sweep itself."""

    given = {**keywords, **({"subject": subject} if subject is not None else {})}
    frame = sys._getframe(1)  # noqa: SLF001  the only way to know who calls
    code = test_every_crash_is_survived.__code__
    test_every_crash_is_survived.__code__ = code.replace(
        co_filename=frame.f_code.co_filename, co_firstlineno=frame.f_lineno
    )
    test_every_crash_is_survived.__module__ = frame.f_globals.get("__name__", __name__)
    marked: Callable[..., None] = pytest.mark.durable(**given)(test_every_crash_is_survived)
    return marked


def pytest_addoption(parser: pytest.Parser) -> None:
    options.add(parser)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "durable(subject, engine=..., ...): crash `subject` at every step, a test each")
    config.addinivalue_line(
        "markers", "retry_budget(N, subject=..., engine=...): fail if a call can be tried more often"
    )
    options.Settings.of(config)  # a mistake in them is better told before anything is collected
    if config.getoption("dist", "no") != "no" or options.asks_for_summary(config):
        wake(config)  # workers of pytest-xdist collect, and this process only hears of it


def wake(config: pytest.Config) -> None:
    """Register the hooks that are called for every test, because there is one of ours."""
    if not config.pluginmanager.hasplugin(HOOKS):
        from harness.plugin.hooks import Hooks

        config.pluginmanager.register(Hooks(config), HOOKS)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    marked = {mark.name for mark in metafunc.definition.iter_markers()} & MARKERS
    asked = FIXTURES.intersection(metafunc.fixturenames)
    if not (marked or asked):
        return
    wake(metafunc.config)
    if "durable" in marked or {"durable", "durable_engine"} & asked:
        from harness.plugin.collection import generate

        generate(metafunc)
    if "retry_budget" in marked:
        from harness.plugin.auditing import check

        check(metafunc)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    if file_path.suffix not in (".yaml", ".yml"):
        return None
    from harness.plugin.scenarios import collected

    found = collected(file_path, parent)
    if found is not None:
        wake(parent.config)
    return found


def pytest_collection_finish(session: pytest.Session) -> None:
    """Wake for what is marked and was never asked to be parametrized: a method of unittest, what a conftest marks.

    And for properties, which need no mark: a module that has one has imported the room.
    """
    above = {item.parent for item in session.items if item.parent is not None}
    marks = chain(*(item.own_markers for item in session.items), *(node.iter_markers() for node in above))
    if PROPERTIES in sys.modules or any(mark.name in MARKERS for mark in marks):
        wake(session.config)


@pytest.fixture
def durable_case(request: pytest.FixtureRequest) -> Any:
    """The engine and fault of a test that a sweep has made; for the plugin's own use."""
    return request.param


@pytest.fixture
def durable(request: pytest.FixtureRequest) -> Iterator[Durable]:
    """Run an agent under a fault and ask what came of it: `durable.run("crash@model#2/after", subject=...)`."""
    from harness.plugin.fixtures import Durable

    wake(request.config)
    handed = Durable(request.node)
    yield handed
    handed.close()


def _nobodys(*_faults: str, **_scenario: Any) -> NoReturn:
    """What `durable.run` and `durable.steps` are for who imported the fixture; to call it itself, pytest forbids."""
    __tracebackhide__ = True
    from harness.errors import UsageError

    raise UsageError("the fixture `durable` was used outside a test: import nothing, and write `def test_it(durable):`")


for _name in ("run", "steps"):
    setattr(durable, _name, _nobodys)


@pytest.fixture
def durable_engine(request: pytest.FixtureRequest) -> str:
    """The name of the engine that this test runs under; a test without a marker gets each of `--durable-engines`."""
    from harness.plugin.fixtures import engine_of

    return engine_of(request.node, getattr(request, "param", None))


@pytest.fixture
def retry_audit(request: pytest.FixtureRequest) -> Callable[..., AuditReport]:
    """Audit the retries of an agent: `retry_audit("shop.agents:payments", "dbos").units`; static unless told else."""
    wake(request.config)

    def audit(subject: Any = None, engine: str | None = None, **keywords: Any) -> AuditReport:
        __tracebackhide__ = True
        from harness.plugin.auditing import answered

        named = {name: value for name, value in (("subject", subject), ("engine", engine)) if value is not None}
        return answered(request.node, {**keywords, **named})

    return audit


@pytest.fixture
def scripted_model() -> Callable[..., Any]:
    """Make a deterministic model from a script, for any unit test: `agent.run_sync(model=scripted_model([...]))`."""
    from harness.plugin.model import scripted

    return scripted
