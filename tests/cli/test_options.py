"""From words on a command line to a scenario."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.cli import options
from harness.contract import ToolPolicy
from harness.errors import UsageError

LITERALS = [
    pytest.param(None, None, id="nothing"),
    pytest.param('{"winning_number": 18}', {"winning_number": 18}, id="an object"),
    pytest.param("18", 18, id="a number"),
    pytest.param('"18"', "18", id="a string"),
    pytest.param("shop.deps:make", "shop.deps:make", id="an import path"),
    pytest.param("scripts/pay.yaml", "scripts/pay.yaml", id="a file"),
    pytest.param("{not json", "{not json", id="no JSON"),
]


@pytest.mark.parametrize(("text", "value"), LITERALS)
def test_json_is_a_value_and_anything_else_a_name(text: str | None, value: Any):
    assert options.literal(text) == value


def test_policies_may_be_given_in_one_text_or_several():
    given = ("charge=keyed:order_id, search=repeatable", "mail=once")
    assert options.tools(given) == {"charge": "keyed:order_id", "search": "repeatable", "mail": "once"}


@pytest.mark.parametrize("text", ["charge", "charge=", "=once", "a=once,,b=once", ""])
def test_a_policy_that_is_cut_short_is_refused(text: str):
    with pytest.raises(UsageError, match="say TOOL=MAY"):
        options.tools((text,))


def test_options_of_an_engine_are_values():
    given = {
        "address": "localhost:7233",
        "api_url": None,
        "options": ("retries=3", "home=/tmp/x", "quiet=true"),
        "store": "postgresql://db",
    }
    assert options.options(given) == {
        "temporal.address": "localhost:7233",
        "retries": 3,
        "home": "/tmp/x",
        "quiet": True,
        "dbos.store": "postgresql://db",
    }


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"store": "postgres"}, "`--store` is for engine 'dbos', and this runs under 'journal', 'prefect'"),
        ({"options": ("temporal.server=/x",)}, "`--option temporal.server=/x` is for engine 'temporal'"),
        ({"api_url": "http://here", "options": ("anything=1",)}, None),
    ],
    ids=["its own option", "by name", "theirs, or nobody's in particular"],
)
def test_an_option_of_an_engine_that_is_not_asked_is_refused(given, said):
    if said is None:
        options.claimed(given, ["journal", "prefect"])
        return
    with pytest.raises(UsageError, match=said):
        options.claimed(given, ["journal", "prefect"])


def test_all_engines_are_all_but_the_one_that_must_fail():
    names = options.engines(("all",))
    assert "none" not in names
    assert {"journal", "dbos"} <= set(names)


def test_engines_are_tried_in_the_order_given_and_once():
    assert options.engines(("none,journal", "journal", "dbos")) == ["none", "journal", "dbos"]
    assert options.engines(("none", "all"))[0] == "none"


def test_no_engine_is_refused():
    with pytest.raises(UsageError, match="unknown engine ''"):
        options.engines((" , ",))


def test_what_is_not_said_is_left_to_the_scenario():
    scenario = options.scenario({"subject": "m:agent", "prompt": None, "tools": ()}, engine="none")
    assert scenario.model_fields_set == {"subject", "engine", "tools", "options"}


def test_everything_that_is_said_is_in_the_scenario():
    given = {
        "subject": "m:agent",
        "prompt": "pay",
        "deps": "[1]",
        "script": "s.yaml",
        "tools": ("charge=once",),
        "time_scale": 5.0,
        "stall": 3.0,
        "incarnations": 4,
        "world": "m:world",
        "options": ("a=1",),
    }
    scenario = options.scenario(given, engine="dbos", faults=("crash@model#1/after",))
    assert (scenario.prompt, scenario.deps, scenario.script, scenario.world) == ("pay", [1], "s.yaml", "m:world")
    assert scenario.tools == {"charge": ToolPolicy(may="once")}
    assert (scenario.time_scale, scenario.stall, scenario.incarnations) == (5.0, 3.0, 4)
    assert (scenario.options, scenario.faults) == ({"a": 1}, ("crash@model#1/after",))


def test_what_a_scenario_file_expects_is_expected_of_what_it_says_only(tmp_path: Path):
    file = tmp_path / "pays.yaml"
    file.write_text("{subject: 'm:agent', engine: journal, expected: failed}")

    def expected(**more: Any) -> Any:
        return options.scenario({"subject": str(file)}, **more).expectations

    assert expected(engine="journal") == expected(engine="dbos") == {"journal": "failed"}
    assert expected(engine="journal", faults=("crash@model#1/after",)) == {}
