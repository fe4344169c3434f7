"""A retry budget is a test: over it fails with the audit's own words, what cannot be told is no pass."""

from __future__ import annotations

import json

import pytest

from tests.plugin.conftest import SHOP, Make, Ran
from tests.plugin.test_manners import ENGINES, imported

ASKING = {"shop.py": SHOP.replace('"test"', '"openai:gpt-5"')}
"""A shop whose model asks a provider: only then there is something to be tried again."""
LAZY = """
    from pydantic_ai import Agent
    from pydantic_ai.models.function import FunctionModel

    def answer(messages, info):
        raise NotImplementedError

    agent = Agent(FunctionModel(answer), name="lazy")
"""
ACCEPTED = """
    accepted:
      - rule: many-retries
        unit: model
        reason: three requests are cheap here
"""
RUNS = """
    import unittest
    import pytest
    from harness import Status

    @pytest.mark.retry_budget(3, subject="shop:agent", engine=None, accepted=None)
    def test_within():
        pass

    @pytest.mark.retry_budget(2, subject="shop.py:agent", engine="journal")
    def test_over():
        raise SystemExit("the body of a test over its budget ran")

    @pytest.mark.retry_budget(2, subject="shop:agent", accepted="accepted.yaml")
    def test_accepted():
        pass

    @pytest.mark.retry_budget(
        2, subject="shop:agent", accepted=[{"rule": "many-retries", "unit": "model", "reason": "cheap here"}]
    )
    def test_accepted_here():
        pass

    @pytest.mark.durable("shop:agent", engine="journal", faults=["crash@run/before", "crash@model#1/after"])
    @pytest.mark.retry_budget(2)
    def test_both():
        pass

    @pytest.mark.retry_budget(2, subject="shop:agent")
    class TestMarked:
        @pytest.mark.retry_budget(3)
        def test_overrides_the_budget_of_its_class(self):
            pass

    @pytest.mark.retry_budget(6, subject="lazy:agent")
    def test_cannot_tell():
        pass

    @pytest.mark.retry_budget(6, subject="shop:nobody")
    def test_nobody():
        pass

    @pytest.mark.retry_budget(6, subject="shop:agent")
    class TestOld(unittest.TestCase):
        def test_method(self):
            pass

    def test_fixture(retry_audit):
        wide, narrow = retry_audit("shop:agent"), retry_audit("shop:agent", budget=2)
        assert (wide.status, narrow.status) == (Status.PASSED, Status.FAILED)
        assert wide.seconds == narrow.seconds, "audited twice"
        assert not wide.proven

    @pytest.mark.retry_budget(3, subject="shop.py:agent", engine="journal")
    def test_fixture_takes_what_the_marker_says(retry_audit):
        assert (retry_audit().engine, retry_audit().budget, retry_audit("shop:agent").engine) == ("journal", 3, "none")

    def test_fixture_without_a_subject(retry_audit):
        retry_audit()

    def test_fixture_with_a_keyword_nobody_knows(retry_audit):
        retry_audit("shop:agent", statik=True)
"""
WRONG = {
    "no_subject": ("6", "names no subject: say what to audit"),
    "no_request_at_all": ("0, subject='shop:agent'", "a budget is a whole number of requests from 1, not 0"),
    "less_than_nothing": ("-6, subject='shop:agent'", "a whole number of requests from 1, not -6"),
    "a_text": ("'6', subject='shop:agent'", "a whole number of requests from 1, not '6'"),
    "yes": ("True, subject='shop:agent'", "a whole number of requests from 1, not True"),
    "two_values": ("6, 'shop:agent'", "takes one value without a name, the budget, and got 2"),
    "two_budgets": ("6, budget=7, subject='shop:agent'", "names its budget twice, 6 and 7"),
    "an_unknown_engine": ("6, subject='shop:agent', engine='jurnal'", "did you mean 'journal'?"),
    "several_engines": ("6, subject='shop:agent', engine=['none']", "engine is a name such as 'dbos', not ['none']"),
    "an_unknown_keyword": ("6, subjekt='shop:agent'", "does not know 'subjekt', did you mean 'subject'?"),
    "a_policy_that_is_no_text": ("6, subject='shop:agent', tools={'charge': 2}", "what 'charge' may do is a text"),
    "a_file_that_is_not_there": ("6, subject='shop:agent', accepted='no.yaml'", "cannot read the accepted findings"),
    "an_acceptance_of_no_kind": ("6, subject='shop:agent', accepted=[1]", "a file of accepted findings or a list"),
}


@pytest.fixture(scope="module")
def ran(project: Make) -> Ran:
    made = project({**ASKING, "lazy.py": LAZY, "accepted.yaml": ACCEPTED, "test_runs.py": RUNS})
    return made.pytest("-v", "--durable-report", "told")


@pytest.mark.parametrize(
    "name",
    [
        "test_within",
        "test_accepted",
        "test_accepted_here",
        "TestMarked::test_overrides_the_budget_of_its_class",
        "test_fixture",
        "test_fixture_takes_what_the_marker_says",
    ],
)
def test_a_budget_that_is_kept_passes(ran: Ran, name: str) -> None:
    assert f"test_runs.py::{name} PASSED" in ran.out


def test_over_the_budget_the_audit_itself_is_told_and_the_body_does_not_run(ran: Ran) -> None:
    told = _section(ran, " test_over ")

    assert "FAILED test_runs.py::test_over - Failed: openai alone makes 3 (openai) = 3 requests" in ran.out
    assert "RETRY AUDIT  shop.py:agent under journal: FAILED" in told
    assert "+ max_retries=1" in told
    assert "Set: default of openai" in told
    assert not [word for word in ("Traceback", "harness/", "SystemExit") if word in told]


def test_a_sweep_tells_its_audit_once_and_takes_subject_and_engine_from_the_other_marker(ran: Ran) -> None:
    first, second = (_section(ran, f"test_both[journal-crash@{step}]") for step in ("run/before", "model#1/after"))

    assert "RETRY AUDIT  shop:agent under journal: FAILED" in first
    assert "(told in full at test_runs.py::test_both[journal-crash@run/before])" in second
    assert "RETRY AUDIT" not in second


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("test_cannot_tell", "the retry audit of lazy:agent cannot tell: model:"),
        ("test_nobody", "'shop' has no 'nobody'; it holds the agents agent"),
        ("TestOld.test_method", "make it a plain function"),
    ],
)
def test_what_cannot_be_judged_is_an_error_and_no_pass(ran: Ran, name: str, said: str) -> None:
    told = _section(ran, f"ERROR at setup of {name}")

    assert said in told
    assert "Traceback" not in told


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("test_fixture_without_a_subject", "retry_audit(...) names no subject"),
        ("test_fixture_with_a_keyword_nobody_knows", "does not know 'statik', did you mean 'static'?"),
    ],
)
def test_the_fixture_says_what_is_wrong_without_a_frame_of_ours(ran: Ran, name: str, said: str) -> None:
    told = _section(ran, name)

    assert said in told
    assert "harness/" not in told


def test_the_summary_tells_each_audit_once(ran: Ran) -> None:
    told = ran.out.partition("= durable =")[2]

    assert "9 retry audits: 3 passed, 2 failed, 1 unknown, 3 only asked for" in told
    assert told.count("error: model of shop:agent (journal): openai alone makes 3 (openai) = 3 requests") == 1
    assert "  do: lower its number of attempts; the budget is 2" in told


def test_the_report_folder_has_the_audits_too(ran: Ran) -> None:
    audits = json.loads((ran.folder / "told" / "report.json").read_text())["audits"]
    summary = (ran.folder / "told" / "summary.md").read_text()

    assert [audit["status"] for audit in audits if audit["test"] == "test_runs.py::test_over"] == ["failed"]
    assert "| `shop.py:agent` | journal | model | 3 (openai) | 3 |  | 2 | failed |" in summary
    assert "- **error** `model` of shop:agent (journal): openai alone makes" in summary
    assert summary.startswith("## Durable tests: something is wrong")


def test_audits_of_workers_are_told_too_and_are_asked_for_no_crash_points(project: Make) -> None:
    text = "import pytest\n@pytest.mark.retry_budget(3, subject='shop:agent')\ndef test_it(): pass\n"

    ran = project({**ASKING, "test_one.py": text}).pytest("-n1", "-o", "durable_min_coverage=50")

    assert ran.code == 0
    assert "1 retry audit: 1 passed" in ran.out


@pytest.fixture(scope="module")
def collected(project: Make) -> Ran:
    files = {
        f"test_{name}.py": f"import pytest\n@pytest.mark.retry_budget({given})\ndef test_it(): pass\n"
        for name, (given, _told) in WRONG.items()
    }
    return project(files).pytest("--collect-only")


@pytest.mark.parametrize("name", WRONG)
def test_a_marker_that_cannot_be_used_is_a_collection_error_of_one_sentence(collected: Ran, name: str) -> None:
    told = _section(collected, f"test_{name}.py")

    assert WRONG[name][1] in told
    assert f"@pytest.mark.retry_budget on test_{name}.py::test_it" in told
    assert "Traceback" not in told
    assert "harness/plugin" not in told


def test_no_engine_is_imported_to_collect_and_run_a_budget(project: Make) -> None:
    text = "import pytest\n@pytest.mark.retry_budget(6, subject='shop:agent')\ndef test_it(): pass\n"

    assert imported(project({"test_one.py": text}).folder) & (ENGINES - {"pydantic_ai"}) == set()


def _section(ran: Ran, what: str) -> str:
    """What pytest printed of one error or failure."""
    parts = ran.out.split("\n_____")
    return next(part for part in parts if what in part.splitlines()[0])
