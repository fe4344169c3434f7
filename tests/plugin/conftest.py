"""Real inner sessions of pytest: a folder of test files, a process, and what it said."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OTHERS = tuple(f"-pno:{name}" for name in ("randomly", "asyncio", "logfire", "pytest_logfire", "respx"))
"""Plugins that are installed here beside ours. Each of these sessions would take a second to import the last three."""
SHOP = '''
"""A shop with one tool that can charge twice."""
from pydantic_ai import Agent

agent = Agent("test", name="shop")


@agent.tool_plain
async def charge(order_id: str) -> str:
    return f"charged {order_id}"
'''


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    folder: Path

    def count(self, word: str) -> int:
        """How many tests pytest's closing line says `word` of."""
        closing = [line for line in self.out.splitlines() if re.search(r" in \d+\.\d+s", line)][-1:]
        found = re.findall(rf"(\d+) {word}", "".join(closing))
        return int(found[0]) if found else 0


@dataclass
class Project:
    """A stranger's project: an agent, and whatever test files a test gives it."""

    folder: Path

    def write(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text).lstrip("\n"), "utf-8")

    def command(self, *arguments: str, plugin: bool = True) -> list[str]:
        """Only our plugin, of those that change what other tests see; `-p NAME` brings one of the others back."""
        ours = "harness.pytest_plugin" if plugin else "no:harness.pytest_plugin"
        return [sys.executable, "-m", "pytest", *OTHERS, "-p", ours, *arguments]

    @property
    def environment(self) -> dict[str, str]:
        """This process's, without what would make the session within write otherwise: in CI pytest says all twice."""
        changing = ("PYTEST_", "COLUMNS", "CI", "BUILD_NUMBER")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(changing)}
        return {**kept, "PYTHONPATH": str(ROOT), "COLUMNS": "200"}

    def pytest(self, *arguments: str, plugin: bool = True) -> Ran:
        done = subprocess.run(
            self.command(*arguments, plugin=plugin),
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,  # only for a session that hangs
        )
        return Ran(done.returncode, done.stdout + done.stderr, self.folder)


Make = Callable[..., Project]


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Make a project with a shop in it, and with the files that are given."""

    def make(files: Mapping[str, str]) -> Project:
        made = Project(tmp_path_factory.mktemp("project"))
        made.write({"shop.py": SHOP, "pyproject.toml": "[tool.pytest.ini_options]\n", **files})
        return made

    return make
