"""What a person may set for durable tests: on the command line, or once and for all in the pytest settings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest

GROUP = "durable"
Kind = Literal["string", "args", "bool", "int", "float"]
"""What pytest may find in the settings: in its own table of TOML, numbers are numbers."""


@dataclass(frozen=True)
class Option:
    """One setting: `--durable-NAME` and `durable_NAME` say the same thing, and the first wins."""

    name: str
    kind: Kind
    metavar: str
    help: str

    @property
    def ini(self) -> str:
        return f"durable_{self.name.replace('-', '_')}"


OPTIONS = (
    Option("engines", "args", "NAME[,NAME...]", "run durable tests under these engines only"),
    Option("require", "args", "NAME[,NAME...]", "engines whose absence is an error and no skip"),
    Option("jobs", "int", "N", "durable runs at a time (default 1; with pytest-xdist its workers are the jobs)"),
    Option("time-scale", "float", "FACTOR", "divide every timeout and delay of the engines by this; 1 is real time"),
    Option("min-coverage", "float", "PERCENT", "fail if fewer of the possible crash points were tried"),
    Option("report", "string", "DIR", "leave summary.md, report.json and every run folder here"),
    Option("strict", "bool", "", "warnings fail"),
)
SCENARIOS = "durable_scenarios"
SCENARIO_FOLDER = "scenarios"
"""Where scenario files are, if the settings say nothing."""


def add(parser: pytest.Parser) -> None:
    """Announce the options and their settings to pytest."""
    group = parser.getgroup(GROUP, "durable tests")
    for option in OPTIONS:
        flag = f"--durable-{option.name}"
        if option.kind == "bool":
            group.addoption(flag, action="store_true", default=None, help=option.help)
        else:
            action = "append" if option.kind == "args" else "store"
            group.addoption(flag, action=action, metavar=option.metavar, default=None, help=option.help)
        parser.addini(option.ini, option.help, type=option.kind, default=None)
    parser.addini(SCENARIOS, "where scenario files are, as globs", type="args", default=[])


@dataclass(frozen=True)
class Settings:
    """The options of one session, read and checked."""

    engines: tuple[str, ...] = ()
    require: tuple[str, ...] = ()
    jobs: int = 1
    time_scale: float | None = None
    min_coverage: float | None = None
    report: Path | None = None
    strict: bool = False

    @classmethod
    def of(cls, config: pytest.Config) -> Settings:
        """Read them. Raises `pytest.UsageError` for one that cannot be used."""
        given = {option.name: _given(config, option) for option in OPTIONS}
        where = given["report"]
        return cls(
            engines=_names(given["engines"]),
            require=_names(given["require"]),
            jobs=int(_number("jobs", given["jobs"], least=1, whole=True) or 1),
            time_scale=_number("time-scale", given["time-scale"], least=0.001),
            min_coverage=_number("min-coverage", given["min-coverage"], least=0, most=100),
            report=(config.invocation_params.dir / where).absolute() if where else None,
            strict=bool(given["strict"]),
        )


def typed(config: pytest.Config, name: str) -> bool:
    """Whether an option stands on the command line itself, and not in the settings or in their `addopts`."""
    return any(str(each).partition("=")[0] == f"--durable-{name}" for each in config.invocation_params.args)


def asks_for_summary(config: pytest.Config) -> bool:
    """Whether the command line wants something of the session as a whole, whatever tests that turns out to have."""
    return typed(config, "min-coverage") or typed(config, "report")


def _given(config: pytest.Config, option: Option) -> Any:
    """What the command line says, else what the settings say."""
    said = config.getoption(option.ini, None)
    try:
        return said if said is not None else config.getini(option.ini)
    except (TypeError, ValueError, pytest.UsageError) as error:  # of whichever kind this version of pytest raises
        told = str(error) if option.ini in str(error) else f"{option.ini} in the settings: {error}"
        raise pytest.UsageError(told) from None


def _names(texts: Iterable[str] | None) -> tuple[str, ...]:
    """Names in the order in which they were said, each once; commas and blanks both part them."""
    parts = [name.strip() for text in texts or () for name in str(text).split(",")]
    return tuple(dict.fromkeys(name for name in parts if name))


def _number(name: str, text: Any, *, least: float, most: float = float("inf"), whole: bool = False) -> float | None:
    if text in (None, ""):
        return None
    try:
        number = float(int(text) if whole else text)
    except (TypeError, ValueError):
        number = float("nan")
    if not least <= number <= most:
        kind = "a whole number" if whole else "a number"
        limits = f"from {least:g}" + (f" to {most:g}" if most != float("inf") else "")
        raise pytest.UsageError(f"--durable-{name} (durable_{name.replace('-', '_')}) is {kind} {limits}, not {text!r}")
    return number
