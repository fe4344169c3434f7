"""What a tool may do, said in few words, and how bad a repeat of it is."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from harness.contract import Contract, ToolPolicy, severity_of_repeat
from harness.errors import UsageError
from harness.verdict import Severity


@pytest.mark.parametrize(
    ("text", "may", "key"),
    [
        ("repeatable", "repeatable", None),
        ("once", "once", None),
        ("unsaid", "unsaid", None),
        ("keyed", "keyed", None),
        ("keyed:order_id", "keyed", "order_id"),
        ("keyed:order.id", "keyed", "order.id"),
        ("keyed: order_id ", "keyed", "order_id"),
        ("keyed:tool_call_id", "keyed", "tool_call_id"),
    ],
)
def test_a_policy_is_read_from_a_word_or_two(text, may, key):
    assert ToolPolicy.parse(text) == ToolPolicy(may=may, key=key)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "say 'repeatable', 'keyed', 'keyed:ARGUMENT' or 'once'"),
        ("twice", "say 'repeatable'"),
        ("once:order_id", "only 'keyed' takes a key"),
        ("repeatable:x", "only 'keyed' takes a key"),
    ],
)
def test_what_is_no_policy_is_refused(text, said):
    with pytest.raises(UsageError, match="cannot read tool policy") as refused:
        ToolPolicy.parse(text)
    assert said in str(refused.value)


@pytest.mark.parametrize("values", [{"may": "once", "key": "x"}, {"key": "x"}, {"may": "never"}, {"mya": "once"}])
def test_a_policy_that_contradicts_itself_is_refused(values):
    with pytest.raises(ValidationError):
        ToolPolicy.model_validate(values)


@pytest.mark.parametrize(
    ("key", "arguments", "expected"),
    [
        pytest.param("order_id", {"order_id": "o-1"}, "o-1", id="an argument"),
        pytest.param("order_id", {"order_id": 7}, "7", id="a number"),
        pytest.param("order_id", {"order_id": 0}, "0", id="zero is a key"),
        pytest.param("order.id", {"order": {"id": "o-1"}}, "o-1", id="inside an argument"),
        pytest.param("id", {"order": {"id": "o-1"}}, "o-1", id="a field of the only argument, as the model sees it"),
        pytest.param("id", {"order": {"id": "o-1"}, "note": ""}, None, id="a field of one argument of several"),
        pytest.param("orders.1.id", {"orders": [{"id": "a"}, {"id": "b"}]}, "b", id="inside a list"),
        pytest.param("orders[1].id", {"orders": [{"id": "a"}, {"id": "b"}]}, "b", id="inside a list, with brackets"),
        pytest.param("order.id", {"order": {"id": "o"}, "to": {"id": "t"}}, "o", id="inside one of two models"),
        pytest.param("to.order.id", {"to": {"order": {"id": "t"}}, "cc": {}}, "t", id="two models deep"),
        pytest.param("orders.2.id", {"orders": [{"id": "a"}]}, None, id="past the end of a list"),
        pytest.param("order_id", {"order_id": None}, None, id="nothing is no key"),
        pytest.param("order_id", {"order_id": ""}, None, id="an empty text is no key"),
        pytest.param("order_id", {"other": 1}, None, id="no such argument"),
        pytest.param("order.id", {"order": 1}, None, id="not that deep"),
        pytest.param("order_id", None, None, id="no arguments"),
        pytest.param("tool_call_id", {"tool_call_id": "wrong"}, "call-1", id="the call's own id"),
        pytest.param(None, {"order_id": "o-1"}, None, id="nobody said which"),
    ],
)
def test_the_key_of_a_call(key, arguments, expected):
    assert ToolPolicy(may="keyed", key=key).key_of(arguments, "call-1") == expected


E_, W = Severity.ERROR, Severity.WARNING


@pytest.mark.parametrize(
    ("may", "same_key", "in_flight", "finished"),
    [
        ("repeatable", None, None, None),
        ("repeatable", False, None, None),
        ("unsaid", None, W, E_),
        ("unsaid", True, W, E_),
        ("keyed", True, None, None),
        ("keyed", False, E_, E_),
        ("keyed", None, E_, E_),
        ("once", None, E_, E_),
        ("once", True, E_, E_),
    ],
)
def test_the_table_of_what_a_tool_may_do(may, same_key, in_flight, finished):
    policy = ToolPolicy(may=may)
    assert severity_of_repeat(policy, finished=False, same_key=same_key) is in_flight
    assert severity_of_repeat(policy, finished=True, same_key=same_key) is finished


@pytest.mark.parametrize(
    ("step", "way"),
    [
        ("model#2", "`model_settings={'timeout': SECONDS}`"),
        ("tool:charge#1", "`@limited` on `charge`"),
        ("tool:delegate#1.tool:charge#2+1", "`@limited` on `charge`"),
        ("sleep#1", "around its body"),
    ],
)
def test_a_step_is_given_a_timeout_in_the_engines_own_way_or_in_pydantic_ais(step: str, way: str):
    contract = Contract("e", "u", frozenset(), "automatic", timeouts={"tool": "`@limited` on `{name}`"})
    assert contract.timeout_for(step) == way


def test_a_contract_claims_the_kinds_that_it_records():
    contract = Contract(engine="e", unit="u", records=frozenset({"model"}), recovery="automatic")
    assert contract.claims("model")
    assert not contract.claims("tool")
