"""What a person gets wrong is told in one sentence, where it is wrong, and costs no run."""

from __future__ import annotations

import pytest

from harness.plugin.options import Settings
from tests.plugin.conftest import Make, Ran

HEAD = "import pytest\n"
MARKED = {
    "an_unknown_keyword": ("@pytest.mark.durable('shop:agent', engin='journal')", "did you mean 'engine'?"),
    "no_subject": ("@pytest.mark.durable(engine='journal')", "names no subject"),
    "engine_and_engines": (
        "@pytest.mark.durable('shop:agent', engine='journal', engines=['none'])",
        "say one of the two",
    ),
    "two_markers_that_contradict": (
        "@pytest.mark.durable('shop:agent', engine='journal')\n@pytest.mark.durable('shop:agent', engine='none')",
        "two markers contradict each other, one says engine='none' and the other engine='journal'",
    ),
    "an_engine_nobody_knows": ("@pytest.mark.durable('shop:agent', engine='jurnal')", "did you mean 'journal'?"),
    "an_engine_of_no_module": (
        "@pytest.mark.durable('shop:agent', engine='nowhere:Engine')",
        "engine 'nowhere:Engine' cannot be loaded: ModuleNotFoundError",
    ),
    "no_engine_at_all": ("@pytest.mark.durable('shop:agent', engines=[])", "so it would test nothing"),
    "a_fault_that_does_not_parse": (
        "@pytest.mark.durable('shop:agent', faults='crush@model#1')",
        "unknown action 'crush', did you mean 'crash'",
    ),
    "faults_that_are_none": ("@pytest.mark.durable('shop:agent', faults=3)", "or a list of them, not 3"),
    "a_policy_that_does_not_parse": (
        "@pytest.mark.durable('shop:agent', tools={'charge': 'twice'})",
        "cannot read tool policy 'twice'",
    ),
    "a_verdict_that_is_none": ("@pytest.mark.durable('shop:agent', expected='fail')", "a verdict is passed, failed"),
    "a_subject_that_is_no_variable": ("@pytest.mark.durable(object())", "is no module's own variable"),
    "an_option_of_a_sweep_that_nobody_has": (
        "@pytest.mark.durable('shop:agent', engine='journal', options={'stor': 1})",
        "engine 'journal' cannot take these options: engine 'journal' has no option 'stor'",
    ),
    "a_value_that_no_option_has": (
        "@pytest.mark.durable('shop:agent', engine='dbos', options={'store': 'postgers'}, faults='crash@model#1')",
        "engine 'dbos' cannot take these options: `store` is 'sqlite', 'postgres'",
    ),
    "a_subject_that_is_a_number": (
        "@pytest.mark.durable(3)",
        "a subject is a text such as 'shop.agents:payments', or an",
    ),
    "a_check_that_nobody_knows": (
        "@pytest.mark.durable('shop:agent', checks=['efects'])",
        "there is no check 'efects', did you mean 'effects'",
    ),
    "too_many_arguments": ("@pytest.mark.durable('shop:agent', 'journal')", "takes one value without a name"),
}
YAML = {
    "torn": ("subject: shop:agent\nfaults: [\n", "line 3, column 1"),
    "fields": ("subject: shop:agent\nwhy: because\nengin: journal\nexpected: passed\n", "line 3, column 1: 'engin' is"),
    "verdict": ("subject: shop:agent\nwhy: because\nexpected: {journal: fail}\n", "did you mean 'failed'"),
    "twice": ("subject: shop:agent\nwhy: a\nwhy: b\nexpected: passed\n", "line 3, column 1: 'why' is said twice"),
    "engine": ("subject: shop:agent\nwhy: because\nexpected: {jurnal: passed}\n", "line 3, column 12: unknown engine"),
    "expected": ("subject: shop:agent\nwhy: because\n", "'expected' is missing"),
    "options": (
        "subject: shop:agent\nwhy: because\nexpected: {dbos: passed}\noptions: {stor: 1}\n",
        "line 4, column 11: engine 'dbos' cannot take these options: engine 'dbos' has no option 'stor'",
    ),
}
AGENTS = """
    import os
    from dataclasses import dataclass
    from pydantic_ai import Agent

    @dataclass
    class Purse:
        cents: int

    broken = Agent("test", name="broken", deps_type=Purse)
    moody = Agent("test", name="moody")
    fatal = Agent("test", name="fatal")

    @broken.tool_plain
    def charge(order_id: str) -> str:
        raise RuntimeError("no money today")

    @moody.tool_plain
    def one() -> str:
        return "one"

    if int(os.environ["PYTHONHASHSEED"]) % 2:
        @moody.tool_plain
        def two() -> str:
            return "two"

    @fatal.tool_plain
    def leave() -> str:
        os._exit(7)
"""
RUNS = """
    import unittest
    import pytest

    KEPT = []

    @pytest.mark.durable("agents:broken", engine="journal")
    def test_broken():
        pass

    @pytest.mark.durable("agents:moody", engine="journal")
    def test_moody():
        pass

    @pytest.mark.durable("agents:fatal", engine="journal")
    def test_fatal():
        pass

    @pytest.mark.durable("agents:nobody", engine="journal")
    def test_nobody():
        pass

    @pytest.mark.durable("agents:broken", engine="journal")
    class TestOld(unittest.TestCase):
        def test_method(self):
            pass

    @pytest.mark.durable("shop:agent", engine="journal", tools={"charge": "keyed:order_idd"})
    def test_keyed_by_nothing():
        pass

    def test_keeps_the_fixture(durable):
        KEPT.append(durable)

    def test_uses_it_afterwards():
        KEPT[0].run(subject="agents:broken")

    def test_imports_the_fixture():
        from harness.pytest_plugin import durable
        durable.run("crash@model#1/after", subject="shop:agent")

    def test_runs_what_is_broken(durable):
        durable.run(subject="agents:broken")

    def test_gives_a_wrong_option(durable):
        durable.run("crash@model#1/after", subject="shop:agent", engine="dbos", options={"stor": 1})

    def test_misspells_a_keyword(durable):
        durable.run("crash@model#1", subject="shop:agent", engne="journal")

    def test_misspells_what_is_expected(durable):
        durable.run("crash@model#1", subject="shop:agent", expected="fail")

    def test_misspells_an_engine(durable):
        durable.steps(subject="shop:agent", engine="jurnal")

    def test_has_no_fault(durable):
        durable.report

    def test_learns_nothing(durable):
        durable.run("crash@model#2/before~2", subject="shop:agent").effects("charge").once()

    @pytest.mark.durable("shop:agent", engine="journal", faults="crash@model#2/before~2")
    def test_never_fires():
        raise SystemExit("the body of a test of which nothing is known")

    def test_expects_to_learn_nothing(durable):
        durable.run("crash@model#2/before~2", subject="shop:agent", expected="unknown")

    def test_expects_otherwise(durable):
        durable.run("crash@model#2/before", subject="shop:agent", expected="failed")
"""


@pytest.fixture(scope="module")
def collected(project: Make) -> Ran:
    """One session that collects every mistake there is."""
    marked = {f"test_{name}.py": f"{HEAD}{marker}\ndef test_it(): pass\n" for name, (marker, _told) in MARKED.items()}
    written = {f"scenarios/{name}.yaml": text for name, (text, _told) in YAML.items()}
    return project({**marked, **written}).pytest("--collect-only")


@pytest.mark.parametrize("name", MARKED)
def test_a_marker_that_cannot_be_used_is_a_collection_error_of_one_sentence(collected: Ran, name: str) -> None:
    told = _section(collected, f"test_{name}.py")

    assert MARKED[name][1] in told
    assert f"on test_{name}.py::test_it" in told
    assert "Traceback" not in told
    assert "harness/plugin" not in told


@pytest.mark.parametrize("name", YAML)
def test_a_scenario_that_cannot_be_used_is_a_collection_error_with_its_place(collected: Ran, name: str) -> None:
    told = _section(collected, f"scenarios/{name}.yaml")

    assert YAML[name][1] in told
    assert "Traceback" not in told


@pytest.fixture(scope="module")
def ran(project: Make) -> Ran:
    return project({"agents.py": AGENTS, "test_runs.py": RUNS}).pytest("-v")


def test_a_subject_whose_baseline_fails_is_one_error_and_not_forty(ran: Ran) -> None:
    told = _section(ran, "test_broken[journal-baseline]")

    assert ran.out.count("test_broken[") == ran.out.count("test_broken[journal-baseline]")
    assert "the run fails without any fault, in the body of `charge`: RuntimeError: no money today" in told
    assert "replay: harness run agents:broken --engine journal" in told


def test_a_key_that_no_call_has_is_one_error_and_not_forty(ran: Ran) -> None:
    told = _section(ran, "test_keyed_by_nothing[journal-baseline]")

    assert ran.out.count("test_keyed_by_nothing[") == ran.out.count("test_keyed_by_nothing[journal-baseline]")
    assert "'charge' is said to be keyed by 'order_idd'" in told


@pytest.mark.parametrize("name", ["test_broken[journal-baseline]", "test_runs_what_is_broken"])
def test_a_baseline_that_fails_is_told_with_what_to_look_at(ran: Ran, name: str) -> None:
    told = _section(ran, name)

    assert "do: make `charge` succeed first" in told
    assert "note: the agent declares deps of type Purse and none were given; it needs cents" in told


def test_baselines_that_differ_show_the_first_difference(ran: Ran) -> None:
    told = _section(ran, "test_moody[journal-baseline]")

    assert "two fault-free runs took different steps" in told
    assert "tool:two#1" in told


def test_an_agent_that_ends_its_process_is_one_error(ran: Ran) -> None:
    assert "ended by itself with code 7" in _section(ran, "test_fatal[journal-baseline]")


def test_an_agent_that_is_not_there_names_those_that_are(ran: Ran) -> None:
    told = _section(ran, "test_nobody[journal-baseline]")

    assert "it holds the agents moody, broken, fatal" in told
    assert "Traceback" not in told


def test_a_marked_test_that_cannot_be_swept_is_an_error_and_no_pass(ran: Ran) -> None:
    assert "make it a plain function" in _section(ran, "TestOld.test_method")


def test_a_wrong_option_is_an_error_and_no_missing_engine(ran: Ran) -> None:
    told = _section(ran, "test_gives_a_wrong_option")

    assert "engine 'dbos' has no option 'stor', did you mean 'store'?" in told
    assert "missing: dbos" not in ran.out


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("a_keyword", "durable.run(...) in test_runs.py::test_misspells_a_keyword does not know 'engne'"),
        ("what_is_expected", "durable.run(...) in test_runs.py::test_misspells_what_is_expected: 'fail' is not"),
        ("an_engine", "durable.steps(...) in test_runs.py::test_misspells_an_engine: unknown engine 'jurnal'"),
    ],
)
def test_a_mistake_in_a_call_is_told_of_the_call_and_of_no_marker(ran: Ran, name: str, told: str) -> None:
    said = _section(ran, f"test_misspells_{name}")

    assert told in said
    assert "@pytest.mark" not in said


def test_a_fixture_used_after_its_test_says_whose_it_was(ran: Ran) -> None:
    assert "belongs to test_runs.py::test_keeps_the_fixture, which is over" in _section(ran, "test_uses_it_afterwards")


def test_a_fixture_used_outside_a_test_says_how_to_ask_for_it(ran: Ran) -> None:
    said = _section(ran, "test_imports_the_fixture")

    assert "the fixture `durable` was used outside a test: import nothing, and write `def test_it(durable):`" in said
    assert "harness/plugin" not in said


def test_a_test_without_a_fault_has_no_report(ran: Ran) -> None:
    assert "test_has_no_fault has no fault of its own" in _section(ran, "test_has_no_fault")


def test_a_run_of_which_nothing_is_known_makes_its_test_an_error_unless_that_was_expected(ran: Ran) -> None:
    assert "`crash@model#2/before~2` never fired" in _section(ran, "ERROR at teardown of test_learns_nothing")
    assert "test_expects_to_learn_nothing PASSED" in ran.out
    assert "ERROR at teardown of test_expects_to_learn_nothing" not in ran.out


def test_a_marked_test_of_which_nothing_is_known_is_an_error_and_its_body_does_not_run(ran: Ran) -> None:
    told = _section(ran, "ERROR at setup of test_never_fires[journal-crash@model#2/before~2]")

    assert "`crash@model#2/before~2` never fired" in told
    assert "the body of a test" not in ran.out


def test_a_run_that_comes_to_something_else_than_its_caller_expects_fails_there(ran: Ran) -> None:
    assert "PASSED, and was expected to be failed" in _section(ran, "test_expects_otherwise")


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("--durable-jobs=none", "--durable-jobs (durable_jobs) is a whole number from 1, not 'none'"),
        ("--durable-min-coverage=101", "is a number from 0 to 100, not '101'"),
        ("--durable-time-scale=0", "is a number from 0.001, not '0'"),
    ],
)
def test_an_option_that_cannot_be_used_ends_the_session_at_once(project: Make, option: str, told: str) -> None:
    ran = project({"test_one.py": "def test_one(): pass\n"}).pytest(option)

    assert ran.code == pytest.ExitCode.USAGE_ERROR
    assert told in ran.out


@pytest.mark.parametrize(
    ("table", "scale"), [("pytest", "2.5"), ("pytest.ini_options", "2.5"), ("pytest.ini_options", "'2.5'")]
)
def test_settings_are_read_from_either_table(pytester: pytest.Pytester, table: str, scale: str) -> None:
    pytester.makepyprojecttoml(f"[tool.{table}]\ndurable_jobs = 2\ndurable_time_scale = {scale}")

    settings = Settings.of(pytester.parseconfig("-p", "harness.pytest_plugin"))

    assert (settings.jobs, settings.time_scale, settings.min_coverage) == (2, 2.5, None)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[tool.pytest.ini_options]\ndurable_jobs = 'many'", "durable_jobs in the settings: .*'many'"),
        ("[tool.pytest]\ndurable_min_coverage = 900", "is a number from 0 to 100, not 900"),
        ("[tool.pytest]\ndurable_engines = 'dbos'", "'durable_engines' expects a list"),
    ],
    ids=["a word", "too much", "no list"],
)
def test_a_setting_that_cannot_be_used_is_named(pytester: pytest.Pytester, text: str, told: str) -> None:
    pytester.makepyprojecttoml(text)
    config = pytester.parseconfig("-p", "harness.pytest_plugin")

    with pytest.raises(pytest.UsageError, match=told):
        Settings.of(config)


def _section(ran: Ran, what: str) -> str:
    """What pytest printed of one error or failure."""
    parts = ran.out.split("\n_____")
    return next(part for part in parts if what in part.splitlines()[0])
