"""What an audit is asked with, looked at before any work: a value of a wrong kind is told in a sentence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.retries.findings import Accepted

_KINDS: dict[str, tuple[type, str]] = {
    "subject": (str, "a text such as 'shop.agents:payments'"),
    "engine": (str, "a name such as 'dbos'"),
    "static": (bool, "True or False"),
    "options": (dict, "a mapping from names to values"),
    "tools": (Mapping, "a mapping from tools to policies"),
}
_OR_NONE = ("options", "tools")
LISTED = "accepted is a list of accepted findings, as `harness.audits.accepted.load_accepted(FILE)` reads one"


def check(**given: Any) -> None:
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


def listed(accepted: Any, meant: str) -> tuple[Accepted, ...]:
    """Accepted findings, one by one, also as a file spells them.

    Raises `UsageError`, which begins with what is `meant`, for anything else.
    """
    if accepted == ():  # as nearly always: a static audit imports nothing that it does not need
        return ()
    from harness.audits.accepted import read
    from harness.retries.findings import Accepted

    several = isinstance(accepted, Iterable) and not isinstance(accepted, str | Mapping)
    found = []
    for number, one in enumerate(accepted if several else (accepted,), 1):
        told = read(one, number, "the list") if several and isinstance(one, Mapping) else one
        if not isinstance(told, Accepted):
            raise UsageError(f"{meant}, not {one!r}")
        found.append(told)
    return tuple(found)


def _shown(value: Any) -> str:
    """A value as it is written, or of which type an object is whose own words may be long."""
    plain = value is None or isinstance(value, (str, int, float, list, tuple, dict, set))
    return repr(value) if plain else f"an object of type {type(value).__name__}"
