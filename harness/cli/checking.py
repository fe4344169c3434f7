"""`harness check`: whether scenario files are right, without running any of them."""

from __future__ import annotations

import json
from pathlib import Path

import click

from harness.cli.telling import say
from harness.errors import PASSED, USAGE, UsageError


@click.command()
@click.argument("places", nargs=-1, metavar="PLACE...", type=click.Path(path_type=Path))
@click.option("--schema", is_flag=True, help="Print the JSON schema of scenario files, for editors.")
def check(places: tuple[Path, ...], schema: bool) -> int:  # noqa: FBT001  click passes it by name
    """Say where scenario files are wrong, without running any.

    PLACE is a file or a folder. Each mistake is told with its line and column.
    """
    from harness.explore import catalogue

    if schema:
        say(json.dumps(catalogue.schema(), indent=2) + "\n")
        return PASSED
    if not places:
        raise click.UsageError("name scenario files or folders, as in `harness check scenarios/`")
    told = [_checked(path) for path in catalogue.files(places)]
    wrong = sum(not right for right, _line in told)
    total = f"{len(told)} scenario{'s' * (len(told) != 1)}, {wrong or 'none'} of them wrong"
    say("\n".join([*(line for _right, line in told), total]) + "\n")
    return USAGE if wrong else PASSED


def _checked(path: Path) -> tuple[bool, str]:
    """Whether one file is right, and the line that says so."""
    from harness.explore.catalogue import read

    try:
        entry = read(path)
    except UsageError as error:
        return False, str(error)
    expected = ", ".join(f"{verdict} under {engine}" for engine, verdict in entry.expectations.items())
    return True, f"{path}: ok ({expected})"
