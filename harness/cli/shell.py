"""The way in and the way out: which commands there are, and what becomes of every error.

Bad input is one sentence on stderr and exit code 2. A traceback is shown for two things only: a subject whose own
import raised, and a bug of ours.
"""

from __future__ import annotations

import errno
import gc
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

import click

from harness import errors
from harness.cli.auditing import audit
from harness.cli.checking import check
from harness.cli.conforming import conform
from harness.cli.histories import replay_history
from harness.cli.looking import doctor, script, show
from harness.cli.trying import replay, run, steps, sweep
from harness.errors import HarnessError, InternalError, SubjectError
from harness.process.environment import leave_out_plugins

NO_ROOM = {errno.ENOSPC: "the disk is full", errno.EROFS: "the disk is read-only", errno.EDQUOT: "the quota is used up"}


class InOrder(click.Group):
    """Lists its commands in the order in which a person needs them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


def version(ctx: click.Context, _option: click.Parameter, wanted: bool) -> None:  # noqa: FBT001  click passes it
    """Print the version, and leave. A checkout that was never installed has none."""
    if wanted:
        from importlib import metadata

        try:
            click.echo(f"harness {metadata.version('durable-harness')}")
        except metadata.PackageNotFoundError:
            click.echo("harness, from a checkout")
        ctx.exit()


@click.group(cls=InOrder, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--version", is_flag=True, expose_value=False, is_eager=True, callback=version, help="Say which this is.")
def commands() -> None:
    """Kill an agent at every step, let its engine recover, and see what runs twice.

    SUBJECT is an import path: package.module:agent, or path/to/file.py:agent. Start with

        harness sweep package.module:agent --engine dbos
    """


for command in (sweep, run, steps, audit, show, replay, replay_history, script, check, doctor, conform):
    commands.add_command(command)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command and exit with the code of what it came to."""
    leave_out_plugins()
    code = outcome(arguments)
    gc.freeze()  # Python would look through all that is left for garbage, although the process ends and gives it back
    sys.exit(code)


def outcome(arguments: Sequence[str] | None = None) -> int:
    """Run one command; every error is said on stderr and becomes its exit code."""
    try:
        return commands.main(arguments, prog_name="harness", standalone_mode=False) or errors.PASSED
    except click.ClickException as error:
        error.show(sys.stderr)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        return _said("interrupted: no report; runs that had begun, if any, are in the run folder", errors.INTERRUPTED)
    except HarnessError as error:
        return _refused(error)
    except Exception as error:  # noqa: BLE001  the last place that can say what to do about it
        return _no_room(error) or _our_bug()


def _refused(error: HarnessError) -> int:
    if isinstance(error, SubjectError) and error.traceback:
        sys.stderr.write(error.traceback.rstrip("\n") + "\n\n")
    told = " (this is a bug in the harness, please report it)" if isinstance(error, InternalError) else ""
    return _said(f"error: {error}{told}", error.exit_code)


def _no_room(error: Exception) -> int:
    """A disk that takes nothing more can be met anywhere; it is never a bug."""
    reason = NO_ROOM.get(error.errno or 0) if isinstance(error, OSError) else None
    if reason is None:
        return 0
    where = f" at {error.filename}" if isinstance(error, OSError) and error.filename else ""
    return _said(f"error: {reason}{where}; free some space, or choose another folder with `--out`", errors.USAGE)


def _our_bug() -> int:
    sys.stderr.write(traceback.format_exc())
    return _said("error: this is a bug in the harness, please report it with the lines above", errors.INTERNAL)


def _said(sentence: str, code: int) -> int:
    sys.stderr.write(sentence + "\n")
    return code
