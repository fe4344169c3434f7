"""`python -m tests.tables [support] [faults] [ENGINE ...]`: measure again, and write the generated pages of docs/.

Without names everything is measured; what is not measured stays as the pages have it.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.tables import faults, support
from tests.tables.lab import open_lab
from tests.tables.uses import ENGINES

TABLES = {"support": support, "faults": faults}


def main(names: list[str]) -> None:
    """Write the named tables, or all, with the columns of the named engines measured, or of all."""
    tables = [table for name, table in TABLES.items() if name in names] or list(TABLES.values())
    engines = [name for name in ENGINES if name in names] or ENGINES
    with tempfile.TemporaryDirectory() as folder:
        for engine in engines:
            with open_lab(engine, Path(folder) / engine) as lab:
                for table in tables:
                    text = table.PAGE.path.read_text("utf-8") if table.PAGE.path.exists() else ""
                    columns = {**table.PAGE.columns(text), engine: table.measure(lab)}
                    table.PAGE.path.write_text(table.PAGE.written(columns), "utf-8")


if __name__ == "__main__":
    if unknown := set(sys.argv[1:]) - {*TABLES, *ENGINES}:
        sys.exit(f"neither a table nor an engine: {', '.join(sorted(unknown))}")
    main(sys.argv[1:])
