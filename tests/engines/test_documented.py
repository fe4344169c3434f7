"""What `docs/engines.md` lists is what the adapters hold on to, take as options and were tested with."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from harness.engines import registry
from harness.subjects import attach, events, output_functions

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "engines.md").read_text("utf-8")
ENGINES = ("dbos", "prefect", "temporal")

HELD = """
import inspect, json, os, sys
engine = sys.argv[1]
if engine == "prefect":  # it must find its variables before it is imported
    from harness.engines.prefect import home
    home.replace(os.environ, home.of_zygote(os.environ))
import importlib
seams = importlib.import_module(f"harness.engines.{engine}.seams")
places = [
    (f"{owner.__module__}.{owner.__name__}" if inspect.isclass(owner) else owner.__name__) + f".{name}"
    for owner, name, _ in seams.HELD
]
print(json.dumps([*places, *seams.VALUES, *seams.AI, *getattr(seams, "IN_SERVER", ())]))
"""


def section(engine: str) -> str:
    """What the document says of one engine."""
    found = re.search(rf"^## {engine}\n(.*?)(?=^## |\Z)", DOCUMENT, flags=re.MULTILINE | re.DOTALL)
    assert found, f"docs/engines.md has no section {engine}"
    return found[1]


def listed(text: str) -> list[str]:
    """The names of its list: lines that hold nothing but one of them."""
    return re.findall(r"^- `([\w.]+)`$", text, flags=re.MULTILINE)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_names_that_an_adapter_holds_are_those_of_the_document(engine: str) -> None:
    done = subprocess.run([sys.executable, "-c", HELD, engine], cwd=ROOT, capture_output=True, text=True, check=True)

    assert listed(section(engine)) == json.loads(done.stdout)


def test_the_names_of_pydantic_ai_that_we_hold_are_those_of_the_document() -> None:
    agents = [f"pydantic_ai.Agent.{name}" for name in sorted(attach._FACTS)]
    combined = [f"pydantic_ai.capabilities.CombinedCapability.{name}" for name in attach.COMBINED]
    handlers = ".".join(["pydantic_ai.durable_exec", *events.HELD])

    assert listed(section("pydantic-ai")) == [
        *agents, *combined, handlers, "pydantic_ai._run_context.get_current_run_context",
        f"pydantic_ai._output.{output_functions.RUNS_THEM}"
    ]  # fmt: skip


@pytest.mark.parametrize("engine", ENGINES)
def test_options_and_versions_are_those_of_the_document(engine: str) -> None:
    home = f"harness.engines.{engine}"
    options = re.search(r"^Options: (.*?)\.$", section(engine), flags=re.MULTILINE | re.DOTALL)
    versions = re.search(r"^Versions known to work: (.*)\.$", section(engine), flags=re.MULTILINE)
    assert options
    assert versions

    known = importlib.import_module(f"{home}.engine").OPTIONS
    assert [name for name in re.findall(r"`(\w+)`", options[1]) if name not in ("strict", "passthrough")] == [
        name for name in known if name != "passthrough"
    ]
    assert all(f"`{name}`" in options[1] for name in known)
    assert re.findall(r"`([\d.]+)`", versions[1]) == list(importlib.import_module(f"{home}.versions").KNOWN)


def test_every_engine_has_a_section_and_a_row() -> None:
    for engine in registry.BUILT_IN:
        assert section(engine)
        assert f"| [`{engine}`](#{engine}) |" in DOCUMENT
