"""Every agent that pydantic-ai publishes as an example can be a subject: no key, no network, unchanged."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
FLIGHT = '{"web_page_text": "t", "req_origin": "a", "req_destination": "b", "req_date": "2026-01-02"}'
PATIENT = '{"patient_id": "7", "age": 40, "known_conditions": []}'

DEPS = {
    "ag_ui.api.predictive_state_updates:agent": '{"state": {}}',
    "ag_ui.api.shared_state:agent": '{"state": {}}',
    "bank_support:support_agent": "fixtures.agents.example_deps:bank_support",
    "flight_booking:search_agent": FLIGHT,
    "medical_agent_delegation:cardiology_agent": PATIENT,
    "medical_agent_delegation:neurology_agent": PATIENT,
    "medical_agent_delegation:senior_doctor_agent": PATIENT,
    "medical_agent_delegation:triage_agent": PATIENT,
    "rag:agent": "fixtures.agents.example_deps:rag",
    "roulette_wheel:roulette_agent": '{"winning_number": 18}',
    "twelvelabs_video_agent:video_agent": "fixtures.agents.example_deps:video",
    "weather_agent:weather_agent": "fixtures.agents.example_deps:weather",
    "weather_agent_gradio:weather_agent": "fixtures.agents.example_deps:weather",
}
NOT_RUN = {"data_analyst:analyst_agent": "its first tool downloads a data set, and tries for a minute"}
NOT_LOADED = {
    "slack_lead_qualifier.agent": "Please install `ddgs`",
    "slack_lead_qualifier.functions": "Please install `ddgs`",
    "slack_lead_qualifier.slack": "SLACK_API_KEY is not set",
}
OTHERWISE = {
    "flight_booking:search_agent": "UnexpectedModelBehavior: Exceeded maximum output retries",
    "sql_gen:agent": "UnexpectedModelBehavior: Exceeded maximum output retries",
}
"""Their validators want the right flight, and SQL; made-up outputs are neither: these two need a script."""


@pytest.fixture(scope="module")
def lives() -> dict[str, Any]:
    """What happened to every agent of every example."""
    life = [sys.executable, "-m", "tests.subjects.examples_life", json.dumps([DEPS, list(NOT_RUN)])]
    done = subprocess.run(life, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def test_all_examples_are_loaded_but_those_that_miss_a_package(lives: dict[str, Any]) -> None:
    missed = {name: life["not loaded"] for name, life in lives.items() if "not loaded" in life}

    assert missed.keys() == NOT_LOADED.keys()
    assert all(NOT_LOADED[name] in message for name, message in missed.items())


def test_all_agents_run_on_a_script_that_is_made_up(lives: dict[str, Any]) -> None:
    loaded = {name: life["ran"] for name, life in lives.items() if "ran" in life and name not in NOT_RUN}

    failed = {name: ran for name, ran in loaded.items() if not ran.startswith(OTHERWISE.get(name, "ok: "))}

    assert len(loaded) >= 20
    assert failed == {}


def test_no_two_agents_share_a_name_that_we_gave(lives: dict[str, Any]) -> None:
    names = [life["name"] for life in lives.values() if life.get("named by us")]

    assert len(names) >= 15
    assert len(set(names)) == len(names)
