"""A scenario says everything that is wrong with it, at once and by field."""

from __future__ import annotations

import pytest

from harness.contract import ToolPolicy
from harness.errors import UsageError
from harness.faults import FaultPlan
from harness.scenario import DEFAULT_PROMPT, Invocation, Scenario


def refused(**values: object) -> str:
    with pytest.raises(UsageError) as error:
        Scenario.make("the command line", **values)
    return str(error.value)


def test_a_subject_is_enough():
    scenario = Scenario.make(subject="app:agent")
    assert scenario.engine == "journal"
    assert scenario.plan == FaultPlan()
    assert scenario.runs == (Invocation(prompt=DEFAULT_PROMPT),)


def test_one_prompt_and_its_deps_make_one_invocation():
    scenario = Scenario.make(subject="app:agent", prompt="Charge it.", deps={"a": 1})
    assert scenario.runs == (Invocation(prompt="Charge it.", deps={"a": 1}),)


def test_invocations_replace_the_one_prompt():
    scenario = Scenario.make(subject="app:agent", invocations=[{"prompt": "one"}, {"prompt": "two", "continues": True}])
    assert [(run.prompt, run.continues) for run in scenario.runs] == [("one", False), ("two", True)]


def test_tools_are_said_in_words_or_in_full():
    scenario = Scenario.make(subject="a:b", tools={"charge": "keyed:order_id", "search": {"may": "repeatable"}})
    assert scenario.tools == {
        "charge": ToolPolicy(may="keyed", key="order_id"),
        "search": ToolPolicy(may="repeatable"),
    }


@pytest.mark.parametrize("faults", ["crash@run/after", ["crash@run/after"], ("crash@run/after",)])
def test_one_fault_or_several(faults):
    assert str(Scenario.make(subject="a:b", faults=faults).plan) == "crash@run/after"


def test_a_plan_is_put_into_a_scenario_by_its_spelling():
    plan = FaultPlan.parse("2*error(503)@model#3; crash@run/after~2")
    scenario = Scenario.make(subject="a:b", prompt="hi").with_plan(plan)
    assert scenario.faults == ("2*error(503)@model#3", "crash@run/after~2")
    assert scenario.plan == plan
    assert scenario.prompt == "hi"


def test_a_scenario_survives_json():
    scenario = Scenario.make(subject="a:b", tools={"charge": "keyed:id"}, faults="hang@model#1", deps=[1])
    assert Scenario.model_validate_json(scenario.model_dump_json(exclude_defaults=True)) == scenario


NO_FIELD = "is not a field of a scenario"
WRONG = [
    pytest.param({}, "subject: field required", id="no subject"),
    pytest.param({"enigne": "dbos"}, f"'enigne' {NO_FIELD}, did you mean 'engine'", id="misspelt field"),
    pytest.param({"colour": "red"}, f"'colour' {NO_FIELD}", id="a field unlike all"),
    pytest.param({"where": "x"}, f"'where' {NO_FIELD}", id="a field called like our own parameter"),
    pytest.param({"time_scale": 0}, "time_scale: input should be greater than 0", id="no time at all"),
    pytest.param({"incarnations": 0}, "incarnations: input should be greater than", id="no life"),
    pytest.param({"faults": "crsh@run"}, "faults: cannot read fault 'crsh@run': column 1", id="a fault"),
    pytest.param({"tools": {"a": "twice"}}, "tools.a: cannot read tool policy 'twice'", id="a policy in words"),
    pytest.param({"tools": {"a": {"may": "twice"}}}, "tools.a.may: input should be", id="a policy in full"),
    pytest.param({"tools": {"a": {"mya": "once"}}}, f"'tools.a.mya' {NO_FIELD}, did you mean 'may'", id="in a policy"),
    pytest.param({"tools": {"a": {"key": "x"}}}, "only 'keyed' takes a key", id="a key for nothing"),
    pytest.param({"tools": ["charge"]}, "tools: input should be a valid dictionary", id="tools in a list"),
    pytest.param(
        {"invocations": [{"promt": "hi"}]},
        f"'invocations.0.promt' {NO_FIELD}, did you mean 'prompt'",
        id="in an invocation",
    ),
]


@pytest.mark.parametrize(("values", "said"), WRONG)
def test_what_is_wrong_is_said_by_field(values, said):
    text = refused(**({"subject": "a:b"} | values if values else {}))
    assert text.startswith("the command line is not valid: ")
    assert said in text


def test_everything_that_is_wrong_is_said_at_once():
    text = refused(enigne="dbos", faults="crsh@run", tools={"charge": "twice"})
    assert text.splitlines()[0] == "the command line is not valid:"
    assert [line.split(":")[0].strip("- ") for line in text.splitlines()[1:]] == [
        "subject",
        "tools.charge",
        "faults",
        "'enigne' is not a field of a scenario, did you mean 'engine'?",
    ]


# Files --------------------------------------------------------------------------------------------------------


def test_a_yaml_file_is_a_scenario(tmp_path):
    path = tmp_path / "scenario.yaml"
    path.write_text("subject: app:agent\nfaults: crash@run/after\ntools: {charge: once}\n")
    scenario = Scenario.from_yaml(path)
    assert (scenario.subject, scenario.faults) == ("app:agent", ("crash@run/after",))
    assert scenario.tools["charge"].may == "once"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(b"subject: [", ", line 1, column", id="torn"),
        pytest.param(b"subject: a:b\n\tprompt: x", ", line 2, column 1", id="a tab"),
        pytest.param(
            b"subject: a:b\n---\nsubject: c:d", "expected a single document in the stream but", id="two in one"
        ),
        pytest.param(b"subject: a:b\nfaults: {a: b}", "faults: input should be a list", id="a mapping for a list"),
        pytest.param(b"", "the file is empty", id="empty"),
        pytest.param(b"- a\n- b", "this is a list", id="a list"),
        pytest.param(b"just words", "this is a str", id="words"),
        pytest.param(b"subject: \xff", "is no UTF-8", id="another encoding"),
        pytest.param(b"subject: a:b\nwhere: c", "'where' is not a field", id="an odd field"),
        pytest.param(b"subject: 7", "subject: input should be a valid string", id="another type"),
    ],
)
def test_a_file_that_is_none_is_refused_with_its_name(tmp_path, text, said):
    path = tmp_path / "scenario.yaml"
    path.write_bytes(text)
    with pytest.raises(UsageError) as error:
        Scenario.from_yaml(path)
    assert str(path) in str(error.value)
    assert said in str(error.value)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(UsageError, match="No such file"):
        Scenario.from_yaml(tmp_path / "nowhere.yaml")


MISTAKEN = """\
subject: a:b
faults:
  - crash@run/after
  - crsh@run
expected:
  journal: pased
tools:
  charge: twice
  refund:
    may: never
    mya: once
invocations:
  - prompt: one
  - promt: two
lives: {}
"""


def test_each_mistake_is_told_with_the_line_and_column_of_what_is_wrong(tmp_path):
    path = tmp_path / "scenario.yaml"
    path.write_text(MISTAKEN)
    with pytest.raises(UsageError) as error:
        Scenario.from_yaml(path)
    told = [line.removeprefix("  - ") for line in str(error.value).splitlines()[1:]]
    assert {" ".join(line.split()[:6]) for line in told} == {
        "line 4, column 5: faults: cannot",
        "line 6, column 12: expected: 'pased'",
        "line 8, column 11: tools.charge: cannot",
        "line 10, column 10: tools.refund.may: input",
        "line 11, column 5: 'tools.refund.mya' is",
        "line 14, column 5: 'invocations.1.promt' is",
        "line 15, column 8: lives: input",
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("subject: a:b\nlives:\n- [1]\n- [1,\n   2]\n", "line 5, column 4: scenario: lives: there is no invocation 2"),
        ("subject: a:b\ninvocations:\n- {}\n- continues: 2\n", "line 4, column 14: scenario: invocations.2.continues"),
        ("why: a\nexpected: passed\n", "line 1, column 1: subject: field required"),
    ],
)
def test_what_does_not_fit_the_rest_is_told_with_its_place(tmp_path, text, said):
    path = tmp_path / "scenario.yaml"
    path.write_text(text)
    with pytest.raises(UsageError) as error:
        Scenario.from_yaml(path)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("given", "written"),
    [
        pytest.param("postgresql://ada:s3cret@host:5/db", "postgresql://ada:***@host:5/db", id="user-and-password"),
        pytest.param("postgresql://ada:p@ss:w@host/db", "postgresql://ada:***@host/db", id="odd-characters"),
        pytest.param("postgresql://ada:a/b@c?d@host/db", "postgresql://ada:***@host/db", id="what-ends-a-password"),
        pytest.param("postgresql://ada:7/b@host/db", "postgresql://ada:***@host/db", id="almost-a-port"),
        pytest.param("postgresql://:s3cret@host/db", "postgresql://:***@host/db", id="no-user"),
        pytest.param("postgresql://host:5/db?user=a@b", "postgresql://host:5/db?user=a@b", id="a-query-is-no-password"),
        pytest.param("postgresql://host/db?password=s3cret&a=b", "postgresql://host/db?password=***&a=b", id="query"),
        pytest.param("postgresql://ada@host/db", "postgresql://ada@host/db", id="no-password"),
        pytest.param("http://127.0.0.1:4200/api", "http://127.0.0.1:4200/api", id="a-port-is-no-password"),
        pytest.param(3, 3, id="no-text"),
    ],
)
def test_a_password_is_never_written_down(given: object, written: object) -> None:
    scenario = Scenario.make(subject="a:b", options={"store": given})

    shown = scenario.without_secrets()

    assert shown.options == {"store": written}
    assert shown.lacks_secrets is (given != written)


def test_each_engine_gets_the_options_that_are_its_own() -> None:
    options = {"dbos.store": "sqlite", "prefect.api_url": "http://127.0.0.1:1/api", "retries": 2}
    scenario = Scenario.make(subject="a:b", options=options)

    assert scenario.under("dbos").options == {"store": "sqlite", "retries": 2}
    assert scenario.under("prefect").options == {"api_url": "http://127.0.0.1:1/api", "retries": 2}
    assert scenario.under("dbos").under("dbos") == scenario.under("dbos")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"lives": [[1], [2]]}, "there is no invocation 2"),
        ({"invocations": [{}, {"continues": 2}]}, "invocation 2 does not come before it"),
        ({"invocations": [{}, {}], "lives": [[0]]}, "there is no invocation 0"),
    ],
)
def test_numbers_of_invocations_that_are_not_there_are_refused(given: dict[str, object], said: str):
    with pytest.raises(UsageError, match=said):
        Scenario.make(subject="m:agent", **given)


def test_an_invocation_goes_on_from_the_one_before_or_from_the_one_that_it_names():
    runs = [{}, {"continues": True}, {"continues": 1}, {}]

    scenario = Scenario.make(subject="m:agent", invocations=runs)

    assert [scenario.origin(number) for number in (1, 2, 3, 4)] == [None, 1, 1, None]
