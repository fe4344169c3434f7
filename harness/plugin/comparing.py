"""What pytest prints for `assert report == other`: what can be seen from outside, where the two differ."""

from __future__ import annotations

from harness.plugin.report import Effects, Report
from harness.verdict import Status


def compared(op: str, left: object, right: object) -> list[str] | None:
    """The lines below a failed assertion, None where pytest's own are as good."""
    if op == "==" and isinstance(left, Report) and isinstance(right, Report):
        return _reports(left, right)
    for one, other in ((left, right), (right, left)):
        if op == "==" and isinstance(one, Status) and isinstance(other, str):
            return [f"{str(left)!r} == {str(right)!r}"]
        if isinstance(one, Effects) and isinstance(other, Effects):
            return [f"effects of {one.name!r} {op} effects of {other.name!r}", *map(str, one), "and", *map(str, other)]
    return None


def _reports(left: Report, right: Report) -> list[str]:
    first, second = left.visible, right.visible
    told = [f"{left!r} == {right!r}"]
    for name in dict.fromkeys([*first, *second]):
        one, other = first.get(name, "(none)"), second.get(name, "(none)")
        if one != other:
            told += [f"{name}:", f"  left:  {one}", f"  right: {other}"]
    told += ["", "left:", *left.timeline().splitlines(), "", "right:", *right.timeline().splitlines()]
    return [*told, "", f"replay left:  {left.replay}", f"replay right: {right.replay}"]
