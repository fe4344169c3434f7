"""What two fault-free runs had otherwise: it is left out of every comparison, so nothing else would tell of it.

Often it is an order: of a set, of files, of parallel answers. A recovery, under another hash seed, changes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from harness.checks import Baseline
from harness.checks.words import titled

MANY = 3
"""So many steps are named, and the rest counted."""
_WHAT = {
    "arguments": "the arguments",
    "result": "the result",
    "tools": "the order of the tools",
    "effect": "an effect",
    "output": "the output",
    "error": "the error",
    "instructions": "the instructions",
}
_SAID = re.compile(r"called#\d+\.[^.]+\.(?P<name>.+)\.[^.]+\[\d+\]\.(?P<what>said|given)")
"""What a function of the person's own was given follows from what the others have said."""
_PATH = re.compile(rf"(?:(?P<step>.+?)\.)??(?:messages\[.*\.)?(?P<what>{'|'.join(_WHAT)})(?=[.\[]|$).*")


def varying(baseline: Baseline) -> Iterator[str]:
    """A note that names what varies, if anything does."""
    kept: dict[str, dict[str, None]] = {}
    for path in sorted(baseline.volatile):
        if (said := _SAID.fullmatch(path)) is not None:
            if said["what"] == "said":
                kept.setdefault("the answer", {})[f"`{said['name']}`"] = None
            continue
        match = _PATH.fullmatch(path)  # the rest of the messages repeats what the steps have said
        if match is not None and not path.endswith("].key"):  # keys are looked at, however much they vary
            kept.setdefault(_WHAT[match["what"]], {})[_owner(match["step"])] = None
    if kept:
        named = "; ".join(f"{what} of {_listed(list(owners))}" for what, owners in kept.items())
        yield f"two fault-free runs differ in {named}: what a crash changes there is not seen"


def _owner(step: str | None) -> str:
    if step is None:
        return "no step"
    return "the run" if step.startswith("outcome#") else titled(step)


def _listed(names: list[str]) -> str:
    left = len(names) - MANY
    return ", ".join(names[:MANY]) + (f" and {left} more" if left > 0 else "")
