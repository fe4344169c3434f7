"""`harness.effect`: heard under the harness, free everywhere else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import harness
from harness import effects

ROOT = Path(__file__).parent.parent


def test_outside_the_harness_nothing_happens():
    assert effects.sink is None
    assert harness.effect("charge", key="7", amount=5) is None


def test_a_sink_hears_name_key_and_arguments(monkeypatch: pytest.MonkeyPatch):
    heard: list[object] = []
    monkeypatch.setattr(effects, "sink", lambda *said: heard.append(said))
    harness.effect("charge", key="7", amount=5)
    harness.effect("mail")
    assert heard == [("charge", "7", {"amount": 5}), ("mail", None, {})]


def test_production_code_that_declares_effects_loads_nothing_else():
    script = (
        "import sys, harness; harness.effect('charge'); print(*(n for n in sys.modules if n.startswith('harness')))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == {"harness", "harness.effects"}
