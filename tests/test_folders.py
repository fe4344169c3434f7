"""The folder of a command is there when the command was taken, and not when it was refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import folders
from harness.errors import UsageError


@pytest.mark.parametrize("kept", [True, False], ids=["in a folder that was there", "in one that was not"])
def test_a_command_that_is_refused_leaves_nothing_behind(kept: bool, tmp_path: Path) -> None:
    out = tmp_path / "out"
    if kept:
        out.mkdir()
    with pytest.raises(UsageError), folders.new_folder(out, "run"):
        raise UsageError("no such engine")
    assert list(tmp_path.iterdir()) == ([out] if kept else [])
