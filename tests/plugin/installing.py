"""An environment of its own with the harness installed in it, made without any network.

What is installed is the wheel that a release would be: a file that the distribution forgot is missing here, too.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

ROOT = Path(__file__).parents[2]


def environment(folder: Path) -> Path:
    """Make it and return its interpreter. What the harness depends on is shared with this interpreter."""
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    asked = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    site = Path(subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip())
    others = [path for path in sys.path if path.endswith("-packages")] or [sysconfig.get_path("purelib")]
    (site / "others.pth").write_text("\n".join(others) + "\n")
    alone = ["--no-index", "--no-deps", "--quiet", "--disable-pip-version-check"]
    _run(sys.executable, "-m", "pip", "--python", str(python), "install", "--ignore-installed", *alone, wheel(folder))
    return python


def wheel(folder: Path) -> str:
    """The distribution, built as for a release."""
    _run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder / "wheel"))
    return str(next((folder / "wheel").glob("*.whl")))


def _run(*command: str) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
