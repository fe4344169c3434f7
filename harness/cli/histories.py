"""The command that judges histories which production has saved: it starts no server and runs no agent."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from harness import errors
from harness.cli import options
from harness.cli.options import taking
from harness.cli.telling import exit_code, tell

FILES = click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
SUBJECT = click.option(
    "-s",
    "--subject",
    required=True,
    metavar="SUBJECT",
    help="The workflow class that ran, its module, or its agent.",
)


@click.command("replay-history")
@taking(FILES, SUBJECT, options.FORMAT)
def replay_history(files: tuple[Path, ...], subject: str, style: str) -> int:
    """Replay saved Temporal histories against the code as it is now.

    A FILE is what `temporal workflow show --output json`, the web page's download or a run folder holds. Whatever
    differs from the recorded steps could not be recovered. A FILE that cannot be replayed at all is one sentence on
    stderr and exit code 2; the others are judged all the same.
    """
    from harness.explore.histories import replay_histories, unreadable
    from harness.report import histories

    report = replay_histories(subject, files)
    sentences = unreadable(report)
    if len(sentences) < len(files):
        tell(report, style, lambda paper: histories.render(report, paper))
    for sentence in sentences:
        sys.stderr.write(f"error: {sentence}\n")
    return errors.USAGE if sentences else exit_code(report)
