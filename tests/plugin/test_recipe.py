"""The recipe for CI is a workflow that can be used: it can be read, and the options that it gives exist."""

from __future__ import annotations

import re
import tomllib

import yaml

from harness.plugin.options import OPTIONS
from tests.plugin.conftest import ROOT

PAGE = (ROOT / "docs" / "ci.md").read_text("utf-8")
JOB = yaml.safe_load(PAGE.split("```yaml\n")[1].split("```")[0])["jobs"]["durable"]
COMMANDS = [step["run"] for step in JOB["steps"] if "run" in step]


def test_every_option_that_the_page_names_exists() -> None:
    assert {*re.findall(r"--durable-[\w-]+", PAGE)} <= {f"--durable-{option.name}" for option in OPTIONS}


def test_its_pytest_gets_a_value_for_each_option_that_takes_one() -> None:
    (line,) = [command for command in COMMANDS if command.startswith("pytest ")]
    values = dict(re.findall(r"--durable-([\w-]+) (\$\{\{.+?\}\}|[^\s-]\S*)", line))

    assert {*values} == {*re.findall(r"--durable-([\w-]+)", line)}
    assert values["require"] == values["engines"] == "${{ matrix.engine }}"
    assert f"cat {values['report']}/summary.md" in " ".join(COMMANDS)
    assert f"--junitxml {values['report']}/" in line


def test_its_engines_can_be_installed_by_name() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]

    assert {*JOB["strategy"]["matrix"]["engine"]} <= {*extras}
