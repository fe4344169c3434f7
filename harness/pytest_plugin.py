"""The door that pytest knocks at: hooks and fixtures, and nothing heavy before a durable test is collected.

Installed with the distribution; from a checkout, `pytest_plugins = ["harness.pytest_plugin"]` in the top conftest does
the same. A suite without durable tests pays for these few functions only.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.plugin import options

if TYPE_CHECKING:
    from harness.plugin.fixtures import Durable
    from harness.retries.report import AuditReport

__all__ = ["durable_sweep"]

SUMMARY = "harness.plugin.summary"


def durable_sweep(subject: Any = None, **keywords: Any) -> Callable[..., None]:
    """Make a test that only sweeps.

    As in `test_payments = durable_sweep("shop.agents:payments", engine="dbos")`.
    Takes what `@pytest.mark.durable` takes. The test is found where this is called, so editors and reports point there.
    """

    def test_every_crash_is_survived() -> None:
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
    config.pluginmanager.register(Listener(config), "harness.pytest_plugin.listener")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    marked = metafunc.definition.get_closest_marker("durable") is not None
    if marked or "durable_engine" in metafunc.fixturenames:
        from harness.plugin.collection import generate

        generate(metafunc)
    if metafunc.definition.get_closest_marker("retry_budget") is not None:
        from harness.plugin.auditing import check

        check(metafunc)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    if file_path.suffix not in (".yaml", ".yml"):
        return None
    from harness.plugin.scenarios import collected

    return collected(file_path, parent)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if "harness.plugin.scenarios" in sys.modules:
        from harness.plugin.scenarios import grouped

        grouped(items)


@pytest.hookimpl(trylast=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    __tracebackhide__ = True
    if item.get_closest_marker("durable") is not None:
        from harness.plugin.running import set_up

        set_up(item)
    if item.get_closest_marker("retry_budget") is not None:
        from harness.plugin import auditing

        auditing.set_up(item)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    __tracebackhide__ = True
    if pyfuncitem.get_closest_marker("durable") is not None:
        from harness.plugin.running import judge

        judge(pyfuncitem)
    if pyfuncitem.get_closest_marker("retry_budget") is not None:
        from harness.plugin import auditing

        auditing.judge(pyfuncitem)
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if "harness.plugin.running" in sys.modules and report.when != "teardown":
        from harness.plugin.summary import annotate

        annotate(item, report)
    return report


class Listener:
    """Hears of finished tests, also of those that workers of pytest-xdist ran."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if hasattr(report, "durable"):
            from harness.plugin.summary import take

            take(self.config, report)


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    if "harness.plugin.report" not in sys.modules:
        return None
    from harness.plugin.comparing import compared

    return compared(op, left, right)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if "harness.plugin.session" in sys.modules:
        from harness.plugin.session import close

        close(session.config)
    if SUMMARY in sys.modules:
        from harness.plugin.summary import finish

        finish(session)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if SUMMARY in sys.modules:
        from harness.plugin.summary import show

        show(terminalreporter, config)


@pytest.fixture
def durable_case(request: pytest.FixtureRequest) -> Any:
    """The engine and fault of a test that a sweep has made; for the plugin's own use."""
    return request.param


@pytest.fixture
def durable(request: pytest.FixtureRequest) -> Iterator[Durable]:
    """Run an agent under a fault and ask what came of it: `durable.run("crash@model#2/after", subject=...)`."""
    from harness.plugin.fixtures import Durable

    handed = Durable(request.node)
    yield handed
    handed.close()


@pytest.fixture
def durable_engine(request: pytest.FixtureRequest) -> str:
    """The name of the engine that this test runs under; a test without a marker gets each of `--durable-engines`."""
    from harness.plugin.fixtures import engine_of

    return engine_of(request.node, getattr(request, "param", None))


@pytest.fixture
def retry_audit(request: pytest.FixtureRequest) -> Callable[..., AuditReport]:
    """Audit the retries of an agent: `retry_audit("shop.agents:payments", "dbos").units`; static unless told else."""

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
