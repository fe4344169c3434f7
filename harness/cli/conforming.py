"""The command for whoever writes an engine: conform."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli import options
from harness.cli.options import taking
from harness.cli.telling import say, watching

if TYPE_CHECKING:
    from harness.conformance import Conformance, Result


@click.command()
@click.argument("engine")
@taking(options.STORE, options.API_URL, options.ADDRESS, options.NAMESPACE, options.OPTION)
@taking(options.OUT, options.FORMAT)
def conform(engine: str, out: Path, style: str, **given: Any) -> int:
    """Try ENGINE on everything that an engine must do.

    ENGINE is a name, or module:Class of an adapter that is still being written. It runs small agents of our own, with
    real crashes, and says of each requirement: met, not met, or n/a and why. The exit code is 0 when all that apply are
    met, 1 when one is not, 3 when one could not be tried or none applies.
    """
    from harness.conformance import conform as conforming
    from harness.conformance.suite import named
    from harness.verdict import EXIT_CODES

    adapter = named(engine)
    mine = options.for_engine(given, adapter.name)
    with watching() as progress:

        def tell(result: Result) -> None:
            progress.note(f"{result.requirement}: {result.answer}")

        report = conforming(adapter, out=out, options=mine, tell=tell)
    _print(report, style)
    return EXIT_CODES[report.status]


def _print(report: Conformance, style: str) -> None:
    import json
    import sys

    from harness.conformance.rendered import rendered
    from harness.report.paper import Paper

    if style == "json":
        say(json.dumps(report.to_json(), indent=2) + "\n")
    else:
        say(rendered(report, Paper.of(sys.stdout)))
