"""The command that audits retries."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from harness.cli import options
from harness.cli.options import taking
from harness.cli.telling import say
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.retries.findings import Accepted
    from harness.retries.report import AuditReport

ENGINE = click.option(
    "-e",
    "--engine",
    metavar="NAME",
    default=options.CONTROL,
    show_default=True,
    help="The engine to run under; `none` for the retries of the agent alone.",
)
AUDIT_FORMAT = click.option(
    "--format", "style", type=click.Choice(["text", "json", "sarif", "markdown"]), default="text", help="How to report."
)
BUDGET = click.option(
    "--budget",
    type=click.IntRange(min=1),
    default=6,
    show_default=True,
    metavar="N",
    help="Requests that one model call, or runs that one tool call, may come to at worst.",
)
FAIL_ON = click.option(
    "--fail-on",
    type=click.Choice(["error", "warning"]),
    default="error",
    show_default=True,
    help="Findings of this severity and graver ones fail.",
)
ACCEPT = click.option(
    "--accept",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    metavar="FILE",
    help="Known findings that are accepted: YAML, each with a reason and perhaps an end.",
)
STATIC = click.option("--static", is_flag=True, help="Predict only: nothing is run, no endpoint is made to fail.")


@click.command()
@taking(options.SUBJECT, ENGINE, STATIC, BUDGET, FAIL_ON, ACCEPT, AUDIT_FORMAT)
@taking(options.DEPS, options.TOOLS, options.STORE, options.API_URL, options.ADDRESS, options.NAMESPACE, options.OPTION)
def audit(
    engine: str,
    static: bool,  # noqa: FBT001  click calls by name
    budget: int,
    accept: Path | None,
    style: str,
    **given: Any,
) -> int:
    """Say how often each call of SUBJECT will really be tried, and prove it.

    Every owner of retries is asked: the provider's SDK, the HTTP transport, fallback models, the agent, the engine's
    units and what is around them. Then the real client and the real engine run against an endpoint that keeps failing.
    """
    from harness.audits.run import audit as audited

    _refuse_file(given["subject"])
    accepted = _accepted(accept)
    with _ending_in_order():
        report = audited(
            given["subject"],
            engine,
            budget=budget,
            static=static,
            options=_options(engine, given),
            deps=options.literal(given.get("deps")),
            tools=options.tools(given.get("tools", ())),
            accepted=accepted,
            meanwhile=lambda: _renderer(style),
        ).model_copy(update={"fail_on": given["fail_on"]})
    say(_renderer(style)(report))
    from harness.verdict import EXIT_CODES

    return EXIT_CODES[report.status]


@contextmanager
def _ending_in_order() -> Iterator[None]:
    """Whoever ends this process, or its terminal, lets it put its things away; whoever insists ends it at once."""
    numbers = [one for one in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(one) is signal.SIG_DFL]
    for number in numbers:
        signal.signal(number, _end)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)


def _end(number: int, _frame: object) -> NoReturn:
    signal.signal(number, signal.SIG_DFL)
    sys.exit(128 + number)


def _refuse_file(subject: str) -> None:
    if subject.endswith((".yaml", ".yml")):
        from harness.scenario import Scenario

        audited = Scenario.from_yaml(Path(subject)).subject
        raise UsageError(f"a scenario file has no retries of its own; audit its subject: `harness audit {audited}`")


def _accepted(file: Path | None) -> Sequence[Accepted]:
    if file is None:
        return ()
    from harness.audits.accepted import load_accepted

    return load_accepted(file)


def _options(engine: str, given: dict[str, Any]) -> dict[str, Any]:
    """The options of this engine, without its name in front."""
    values = options.options(given)
    return {name.removeprefix(f"{engine}."): value for name, value in values.items()}


def _renderer(style: str) -> Callable[[AuditReport], str]:
    """What makes a report a text. To import it takes a while."""
    if style == "json":
        return lambda report: json.dumps(report.to_json(), indent=2, ensure_ascii=False) + "\n"
    if style == "markdown":
        from harness.report import markdown

        return markdown.render
    if style == "sarif":
        from harness.audits.rules import RULES
        from harness.report import sarif

        return lambda report: sarif.render(report, RULES) + "\n"
    from harness.report import audit as terminal
    from harness.report.paper import Paper

    return lambda report: terminal.render(report, Paper.of(sys.stdout))
