"""The options that commands share, and the scenario that they add up to."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.scenario import Scenario

F = TypeVar("F", bound=Callable[..., Any])
Decorator = Callable[[F], F]

ALL = "all"
CONTROL = "none"
"""The engine without durability: it fails by design, so `all` leaves it out."""

SUBJECT = click.argument("subject")
ENGINE = click.option("-e", "--engine", metavar="NAME", help="The engine to run under; a scenario file names its own.")
ENGINES = click.option(
    "-e",
    "--engine",
    "engines",
    multiple=True,
    metavar="NAME[,NAME...]",
    help=f"Engines to run under (required). `{ALL}`: every one but `{CONTROL}`, the negative control.",
)
SCRIPT = click.option(
    "--script",
    metavar="WHERE",
    help="What the model says: a YAML file, a saved message history, or module:attribute. Without it every tool is"
    " called once.",
)
DEPS = click.option("--deps", metavar="JSON|PATH", help="The agent's deps: a JSON literal, or module:attribute.")
PROMPT = click.option("--prompt", metavar="TEXT", help="What the user says.")
TOOLS = click.option(
    "--tools",
    multiple=True,
    metavar="TOOL=MAY[,...]",
    help="What a tool may do when it runs twice: `repeatable`, `keyed:ARGUMENT` or `once`.",
)
WORLD = click.option(
    "--world", metavar="PATH", help="A context manager to enter in every process, as module:attribute."
)
OUT = click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".harness"),
    show_default=True,
    help="Where run folders go.",
)
FORMAT = click.option("--format", "style", type=click.Choice(["text", "json"]), default="text", help="How to report.")
JOBS = click.option(
    "-j",
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    default=min(os.cpu_count() or 1, 8),
    show_default=True,
    help="Runs at a time.",
)
TIME_SCALE = click.option(
    "--time-scale", type=float, metavar="FACTOR", help="Divide every timeout and delay by this; 1 is real time."
)
STALL = click.option("--stall", type=float, metavar="SECONDS", help="Silence after which a run counts as stuck.")
LIVES = click.option("--lives", "incarnations", type=int, metavar="N", help="How many processes one run may use up.")
STRICT = click.option("--strict", is_flag=True, help="Warnings fail.")
COLD = click.option("--cold", is_flag=True, help="A fresh interpreter for every process, instead of a fork.")
OPTION = click.option(
    "-o",
    "--option",
    "options",
    multiple=True,
    metavar="NAME=VALUE",
    help="What only this engine understands; of several, ENGINE.NAME=VALUE.",
)
STORE = click.option("--store", metavar="URL", help="The database for DBOS to use, instead of a private one.")
API_URL = click.option("--api-url", metavar="URL", help="The Prefect server to use, instead of a private one.")
ADDRESS = click.option("--address", metavar="HOST:PORT", help="The Temporal server to use, instead of a private one.")
NAMESPACE = click.option("--namespace", metavar="NAME", help="The namespace on that Temporal server.")
REQUIRE = click.option("--require", multiple=True, metavar="NAME[,...]", help="Engines that must not be missing.")
FAULTS = click.option(
    "-f",
    "--fault",
    "faults",
    multiple=True,
    metavar="FAULT",
    help="What goes wrong: [times*]action[(argument)]@step[/window][~life], as in 'crash@tool:charge#1/between'.",
)
SUBJECT_OPTIONS = (SCRIPT, DEPS, PROMPT, TOOLS, WORLD)
ENGINE_OPTIONS = (STORE, API_URL, ADDRESS, NAMESPACE, OPTION, TIME_SCALE, STALL, LIVES)
NAMED_OPTIONS = {"store": "dbos", "api_url": "prefect", "address": "temporal", "namespace": "temporal"}
"""Options of one engine that have a name of their own on the command line."""


def taking(*options: Callable[[F], F]) -> Callable[[F], F]:
    """Put several options on a command, in the order in which `--help` lists them."""

    def apply(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return apply


def scenario(given: dict[str, Any], **more: Any) -> Scenario:
    """The scenario that the options describe; where SUBJECT is a scenario file, they come before what it says.

    Raises `UsageError` that lists everything that is wrong.
    """
    from harness.explore.catalogue import is_file
    from harness.scenario import Scenario

    values = {name: given.get(name) for name in ("subject", "prompt", "world", "time_scale", "stall", "incarnations")}
    values |= {"script": literal(given.get("script")), "deps": literal(given.get("deps"))}
    values |= {"tools": tools(given.get("tools", ())), "options": options(given), **more}
    if is_file(given["subject"]):
        values = _over_file(Path(given["subject"]), values)
    return Scenario.make("the command line", **{name: value for name, value in values.items() if value is not None})


def _over_file(path: Path, values: dict[str, Any]) -> dict[str, Any]:
    """The values of a scenario file, and over them those that were said on the command line."""
    from harness.explore.catalogue import beside
    from harness.scenario import Scenario

    found = Scenario.from_yaml(path)
    kept = {**found.model_dump(exclude_unset=True), "expected": found.expectations}
    kept["script"] = beside(kept.get("script"), path)
    said = {name: value for name, value in values.items() if name != "subject" and value not in (None, (), {})}
    if said.keys() - {"engine"}:
        kept["expected"] = None  # it is another run than the one that the file speaks of
    for name in ("tools", "options"):
        said[name] = {**kept.get(name, {}), **said.get(name, {})}
    return {**kept, **said}


def own_engine(subject: str) -> str | None:
    """The engine that a scenario file names, the first one of several; None for a subject that is no such file."""
    from harness.explore.catalogue import is_file
    from harness.scenario import Scenario

    if not is_file(subject):
        return None
    found = Scenario.from_yaml(Path(subject))
    return found.engine if "engine" in found.model_fields_set else next(iter(found.expectations), found.engine)


def literal(text: str | None) -> Any:
    """A JSON literal if it is one, else the text itself: an import path or a file."""
    try:
        return None if text is None else json.loads(text)
    except (ValueError, RecursionError):
        return text


def tools(texts: tuple[str, ...]) -> dict[str, str]:
    """`charge=keyed:order_id,search=repeatable` as a policy per tool."""
    pairs = [part.strip().partition("=") for text in texts for part in text.split(",")]
    for name, equals, policy in pairs:
        if not (name and equals and policy):
            raise UsageError(
                f"cannot read `--tools {name}{equals}{policy}`: say TOOL=MAY, as in 'charge=keyed:order_id'"
            )
    return {name.strip(): policy.strip() for name, _equals, policy in pairs}


def options(given: dict[str, Any]) -> dict[str, Any]:
    """What `--option` and its named relatives hand to the engine."""
    named = {name: given[name] for name in NAMED_OPTIONS if given.get(name)}
    values: dict[str, Any] = {f"{NAMED_OPTIONS[name]}.{name}": value for name, value in named.items()}
    for text in given.get("options", ()):
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise UsageError(f"cannot read `--option {text}`: say NAME=VALUE")
        values[name] = literal(value)
    return values


def claimed(given: dict[str, Any], engines: Iterable[str]) -> None:
    """Raise `UsageError` for an option of an engine that is not asked: to leave it out in silence would mislead."""
    names = list(engines)
    for told, value in options(given).items():
        owner, _dot, name = told.rpartition(".")
        if owner and owner not in names:
            option = f"--{name.replace('_', '-')}" if NAMED_OPTIONS.get(name) == owner else f"--option {told}={value}"
            raise UsageError(f"`{option}` is for engine {owner!r}, and this runs under {', '.join(map(repr, names))}")


def for_engine(given: dict[str, Any], engine: str) -> dict[str, Any]:
    """The options of one engine, without those that belong to another."""
    pairs = [(name.rpartition("."), value) for name, value in options(given).items()]
    return {name: value for (owner, _dot, name), value in pairs if owner in ("", engine)}


def a_run(_ctx: click.Context, _option: click.Parameter, folder: Path) -> Path:
    """The run folder of an argument. Raises `UsageError` that names the runs in a folder that holds several."""
    if not (folder / "scenario.json").exists():
        inside = sorted(path.parent for pattern in ("*", "*/*") for path in folder.glob(f"{pattern}/scenario.json"))
        if inside:
            some = ", ".join(map(str, inside[:3])) + (f" and {len(inside) - 3} more" if len(inside) > 3 else "")
            raise UsageError(f"{folder} holds several runs; name one of them: {some}")
    return folder


RUN_FOLDER = click.argument(
    "run_folder", metavar="RUN", type=click.Path(path_type=Path, exists=True, file_okay=False), callback=a_run
)


def engines(texts: tuple[str, ...]) -> list[str]:
    """The engines of a list or of `all`, each once. Raises `UsageError` with the nearest name for an unknown one."""
    from harness.engines import registry

    asked = [name.strip() for text in texts for name in text.split(",")]
    every = [name for name in registry.known() if name != CONTROL]
    names = list(dict.fromkeys(each for name in asked for each in (every if name == ALL else [name])))
    for name in names:
        registry.load(name)
    return names


def no_engine(*more: str) -> click.UsageError:
    """Nobody said under which engine: the names that there are, and what else may be said."""
    from harness.engines import registry

    return click.UsageError(f"Missing option '-e' / '--engine': name one of {', '.join([*registry.known(), *more])}.")


def required(texts: tuple[str, ...], chosen: list[str]) -> list[str]:
    """The engines of `--require`. Raises `UsageError` for one that was not asked to run."""
    names = engines(texts)
    for name in names:
        if name not in chosen:
            raise UsageError(f"`--require` names engine {name!r}, which `--engine` does not; add it there")
    return names
