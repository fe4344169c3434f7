"""The command line: words in, a call of `harness.explore`, a report out. No rule about durability lives here.

Nothing heavy is imported before a command runs, so that `harness --help` answers at once. Exit codes: 0 passed, 1
failed, 2 the request cannot be done, 3 unknown, 4 our own bug, 130 interrupted.
"""

from harness.cli.shell import main

__all__ = ["main"]
