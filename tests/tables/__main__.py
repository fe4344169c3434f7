"""`python -m tests.tables [support] [faults]`: measure again, and write the pages of docs/ that are generated."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.tables import support
from tests.tables.lab import open_lab

TABLES = {"support": support}


def main(names: list[str]) -> None:
    """Write the named tables, all of them if none is named."""
    wanted = [TABLES[name] for name in names or TABLES]
    with tempfile.TemporaryDirectory() as folder:
        for table in wanted:
            columns = {}
            for engine in table.PAGE.engines:
                with open_lab(engine, Path(folder) / table.PAGE.file / engine) as lab:
                    columns[engine] = table.measure(lab)
            table.PAGE.path.write_text(table.PAGE.written(columns), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
