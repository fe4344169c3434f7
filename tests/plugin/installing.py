"""An environment of its own with the harness installed in it, made without any network.

What an installer would write is written by hand: the package, and the metadata by which pytest finds the plugin.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).parents[2]


def environment(folder: Path) -> Path:
    """Make it and return its interpreter. What the harness depends on is shared with this interpreter."""
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    asked = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    site = Path(subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip())
    (site / "harness").symlink_to(ROOT / "harness")
    others = [path for path in sys.path if path.endswith("-packages")] or [sysconfig.get_path("purelib")]
    (site / "others.pth").write_text("\n".join(others) + "\n")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    info = site / f"durable_harness-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    groups = {**project["entry-points"], "console_scripts": project["scripts"]}
    lines = [line for group, points in groups.items() for line in (f"[{group}]", *_points(points))]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    files = [f"{path.relative_to(ROOT)},," for path in sorted((ROOT / "harness").rglob("*.py"))]
    (info / "RECORD").write_text("\n".join(files) + "\n")  # pytest rewrites the assertions of what a plugin installs
    return python


def _points(points: dict[str, str]) -> list[str]:
    return [f"{name} = {value}" for name, value in points.items()]
