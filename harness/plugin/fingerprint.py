"""What a crash map depends on: the scenario, the code it imports, all versions. If one changes, it is made anew."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import harness
from harness.process.loading import in_front
from harness.scenario import Scenario

SCRIPTS = (".yaml", ".yml", ".json")


def key_of(scenario: Scenario) -> str:
    """The name under which a map is kept. It says nothing about files, whose contents may change: see `sources`."""
    values = scenario.without_secrets().model_dump(mode="json", exclude_defaults=True)
    places = [str(Path.cwd()), *in_front(sys.path)]  # where the subject's name is looked for
    return _hash(json.dumps([values, places, _versions()], sort_keys=True, default=str).encode())[:20]


def sources(scenario: Scenario, files: Iterable[str]) -> dict[str, str]:
    """The hash of each file that the map was made from."""
    script = scenario.script
    named = [script] if isinstance(script, str) and script.endswith(SCRIPTS) else []
    return {file: found for file in sorted({*files, *named}) if (found := _file_hash(file))}


def unchanged(known: dict[str, Any]) -> bool:
    """Whether every file is still as it was."""
    return all(_file_hash(file) == found for file, found in known.items())


def _file_hash(file: str) -> str:
    try:
        return _hash(Path(file).read_bytes())
    except OSError:
        return ""


@cache
def _versions() -> str:
    """Python, every installed distribution, and the harness's own files (a checkout changes without a new version)."""
    installed = [
        entry.name
        for folder in sys.path
        if folder.endswith("-packages") and Path(folder).is_dir()
        for entry in Path(folder).iterdir()
        if entry.suffix in (".dist-info", ".egg-info")
    ]
    ours = [(str(file), file.stat().st_mtime_ns) for file in sorted(Path(harness.__file__).parent.rglob("*.py"))]
    return _hash(json.dumps([sys.version, sorted(installed), ours]).encode())


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
