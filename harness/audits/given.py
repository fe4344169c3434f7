"""What an audit is asked with, looked at before any work: a value of a wrong kind is told in a sentence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from harness.errors import UsageError

_KINDS: dict[str, tuple[type, str]] = {
    "subject": (str, "a text such as 'shop.agents:payments'"),
    "engine": (str, "a name such as 'dbos'"),
    "static": (bool, "True or False"),
    "options": (dict, "a mapping from names to values"),
    "tools": (Mapping, "a mapping from tools to policies"),
}
_OR_NONE = ("options", "tools")


def check(given: Mapping[str, Any]) -> None:
    """Raise `UsageError` for a value of another kind than its keyword takes."""
    budget = given["budget"]
    if not isinstance(budget, int) or isinstance(budget, bool) or budget < 1:
        raise UsageError(f"a budget is a whole number of requests from 1, not {budget!r}")
    for name, (kind, meant) in _KINDS.items():
        value = given.get(name)
        if not (isinstance(value, kind) or (value is None and name in _OR_NONE)):
            raise UsageError(f"{name} is {meant}, not {_shown(value)}")
    for tool, policy in (given.get("tools") or {}).items():
        if not isinstance(policy, str):
            raise UsageError(f"what {tool!r} may do is a text such as 'keyed:order_id', not {policy!r}")
    if accepted := given.get("accepted"):
        _check_accepted(accepted)


def _check_accepted(given: Any) -> None:
    from harness.retries.findings import Accepted

    for one in given if isinstance(given, Iterable) and not isinstance(given, str) else (given,):
        if not isinstance(one, Accepted):
            how = "`harness.audits.accepted.load_accepted(FILE)`"
            raise UsageError(f"accepted is a list of accepted findings, as {how} reads one, not {one!r}")


def _shown(value: Any) -> str:
    """A value as it is written, or of which type an object is whose own words may be long."""
    plain = value is None or isinstance(value, (str, int, float, list, tuple, dict, set))
    return repr(value) if plain else f"an object of type {type(value).__name__}"
