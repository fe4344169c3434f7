"""The requirements in the order in which an engine is written, and trying them one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from harness.conformance import crashes, promises
from harness.conformance.lab import Lab, open_lab
from harness.conformance.values import Answer, CannotTell, Conformance, DoesNotApply, Requirement, Result, Try
from harness.engines.base import Engine
from harness.engines.registry import load
from harness.engines.usable import demand
from harness.errors import EngineUnavailable, HarnessError, UsageError
from harness.folders import new_folder
from harness.typos import nearest

SHOWN = 3
"""How many of the things that are wrong a sentence names."""

_PARTS = ("name", "unit", "worker", "problems", "contract", "session")

Tell = Callable[[Result], None]


def _requirement(tried: Try) -> Requirement:
    name = getattr(tried, "__name__", "")
    return Requirement(_NAMES.get(name, name), " ".join((tried.__doc__ or "").split()), tried)


_NAMES = {
    "runs": "fault-free run",
    "keys": "unit keys",
    "refusal": "refusals",
    "before": "crash before",
    "between": "crash between",
    "after": "crash after",
    "boundary": "outcome after a crash",
    "acceptance": "crash before acceptance",
    "finished": "crash after the end",
    "twice": "crash during recovery",
}
REQUIREMENTS: tuple[Requirement, ...] = tuple(
    _requirement(tried)
    for tried in (
        promises.problems,
        promises.runs,
        promises.contract,
        promises.keys,
        promises.seams,
        promises.records,
        promises.errors,
        promises.refusal,
        crashes.before,
        crashes.between,
        crashes.after,
        crashes.boundary,
        crashes.acceptance,
        crashes.finished,
        crashes.twice,
        crashes.invocations,
        crashes.isolation,
        promises.fingerprint,
    )
)


def conform(
    engine: str | Engine,
    *,
    out: Path,
    options: dict[str, Any] | None = None,
    only: Iterable[str] = (),
    tell: Tell = lambda _result: None,
) -> Conformance:
    """Try every requirement (or those named in `only`) on an engine: by name, as `module:Class`, or the engine itself.

    `tell` hears of each as it is done. Raises `UsageError` for an engine or option that is not known,
    `EngineUnavailable` for one that cannot be used here. An engine that claims no recovery at all is exempt, and the
    report says so.
    """
    adapter = named(engine) if isinstance(engine, str) else engine
    if adapter.contract().recovery == "none":
        return Conformance(adapter.name, exempt=_exempt(adapter))
    demand(adapter, options or {})
    chosen = _chosen(tuple(only))
    with new_folder(out, "conform") as folder, open_lab(adapter, options or {}, folder) as lab:
        results = []
        for requirement in chosen:
            results.append(tried(requirement, lab))
            tell(results[-1])
        return Conformance(adapter.name, tuple(results), folder=str(folder))


def _chosen(names: tuple[str, ...]) -> list[Requirement]:
    known = {requirement.name: requirement for requirement in REQUIREMENTS}
    for name in names:
        if name not in known:
            raise UsageError(f"there is no requirement {name!r}{nearest(name, known)}")
    return [requirement for name, requirement in known.items() if not names or name in names]


def named(engine: str) -> Engine:
    """The adapter of that name. Raises `UsageError` for one that is not known, or is no adapter at all."""
    adapter = load(engine)
    missing = [name for name in _PARTS if not hasattr(adapter, name)]
    if missing:
        raise UsageError(
            f"{engine!r} is no engine: it has no {', '.join(missing)}; see the protocol in `harness/engines/base.py`"
        )
    return adapter


def _exempt(engine: Engine) -> str:
    return f"engine {engine.name!r} claims no recovery (`contract().recovery` is 'none'), so there is nothing to hold"


def tried(requirement: Requirement, lab: Lab) -> Result:
    """Try one requirement. An adapter that raises has not met it; what the harness itself cannot do is unknown."""
    try:
        wrong = list(dict.fromkeys(requirement.tried(lab)))
    except DoesNotApply as reason:
        return Result(requirement.name, Answer.NOT_APPLICABLE, str(reason))
    except CannotTell as reason:
        return Result(requirement.name, Answer.NOT_KNOWN, str(reason))
    except EngineUnavailable:
        raise
    except HarnessError as error:
        return Result(requirement.name, Answer.NOT_KNOWN, str(error))
    except Exception as error:  # noqa: BLE001  a stranger's adapter may raise anything
        return Result(requirement.name, Answer.NOT_MET, f"the adapter raised {type(error).__name__}: {error}")
    if wrong:
        more = f"; and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
        return Result(requirement.name, Answer.NOT_MET, "; ".join(wrong[:SHOWN]) + more)
    return Result(requirement.name, Answer.MET, requirement.says)
