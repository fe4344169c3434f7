"""Engines by name: ours, those of other distributions, and a class that nobody has announced."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.cli import doctor, options
from harness.cli.shell import outcome
from harness.engines import registry
from harness.errors import EngineUnavailable, UsageError

ACME = """
from harness.engines.none import NoneEngine

class Acme(NoneEngine):
    name = "acme"

class Unmade(NoneEngine):
    def __init__(self):
        raise OSError("no flux here")
"""
Install = Callable[..., None]
ROOT = Path(__file__).parents[2]
THIRD_PARTIES = {"pydantic_ai", "dbos", "prefect", "temporalio"}


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Puts distributions with entry points on the path, as an installer does, and the module that they name."""

    def one(distribution: str, **engines: str) -> None:
        info = tmp_path / f"{distribution}-1.0.dist-info"
        info.mkdir()
        points = "".join(f"{name} = {place}\n" for name, place in engines.items())
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[harness.engines]\n{points}")

    (tmp_path / "acme_engine.py").write_text(ACME)
    monkeypatch.syspath_prepend(tmp_path)
    yield one
    sys.modules.pop("acme_engine", None)


def test_an_engine_of_another_distribution_is_known_by_its_name(install: Install) -> None:
    install("acme", acme="acme_engine:Acme")

    assert registry.known().items() >= {**registry.BUILT_IN, "acme": "acme_engine:Acme"}.items()
    assert registry.load("acme").name == "acme"
    assert {"acme", "journal", "dbos", "prefect", "temporal"} <= set(options.engines(("all",)))


def test_one_engine_that_two_distributions_announce_alike_is_one(install: Install) -> None:
    install("acme", acme="acme_engine:Acme")
    install("acme-extras", acme="acme_engine:Acme")

    assert registry.load("acme").name == "acme"


CLAIMED = {"ours": {"dbos": "acme_engine:Acme"}, "a third one's": {"acme": "acme_engine:Other"}}


@pytest.mark.parametrize("engines", CLAIMED.values(), ids=CLAIMED)
def test_a_name_that_is_taken_is_refused(install: Install, engines: dict[str, str]) -> None:
    install("acme", acme="acme_engine:Acme")
    install("other", **engines)
    [name] = engines

    with pytest.raises(UsageError, match=f"engine '{name}' is claimed by .* and by .*; uninstall one of the two"):
        registry.known()


BROKEN = {
    "no module": ("acme_gone:Acme", "ModuleNotFoundError: No module named 'acme_gone'"),
    "no class": ("acme_engine:Gone", "AttributeError: module 'acme_engine' has no attribute 'Gone'"),
    "a class that cannot be made": ("acme_engine:Unmade", "OSError: no flux here"),
}


@pytest.mark.parametrize(("place", "said"), BROKEN.values(), ids=BROKEN)
def test_an_engine_of_others_that_cannot_be_loaded_is_one_sentence(install: Install, place: str, said: str) -> None:
    install("acme", acme=place)

    with pytest.raises(EngineUnavailable, match=re.escape(f"engine 'acme' cannot be loaded: {said}; mend or")):
        registry.load("acme")
    with pytest.raises(EngineUnavailable, match=re.escape(f"engine {place!r} cannot be loaded: {said}; name its")):
        registry.load(place)


UNKNOWN = {
    "nearly ours": ("tempral", "unknown engine 'tempral', did you mean 'temporal'? Known are acme, dbos,"),
    "nearly theirs": ("acne", "unknown engine 'acne', did you mean 'acme'?"),
    "like none": ("zzz", "unknown engine 'zzz'. Known are acme, dbos, journal, none, prefect, temporal."),
}


@pytest.mark.parametrize(("name", "said"), UNKNOWN.values(), ids=UNKNOWN)
def test_an_unknown_name_comes_with_the_nearest(install: Install, name: str, said: str) -> None:
    install("acme", acme="acme_engine:Acme")

    with pytest.raises(UsageError, match=re.escape(said)):
        registry.load(name)


def test_a_class_in_the_working_folder_needs_no_distribution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "acme_unannounced.py").write_text(ACME)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])

    assert registry.load("acme_unannounced:Acme").name == "acme"


def test_the_doctor_sees_an_engine_of_others_and_one_that_is_broken(install: Install, tmp_path: Path) -> None:
    install("acme", acme="acme_engine:Acme", broken="acme_gone:Acme")

    found = {each.name: each for each in doctor.examine(tmp_path) if each.kind == "engine"}

    assert (found["acme"].state, found["acme"].problems) == ("ready", ())
    assert found["broken"].state == "cannot be used"
    assert found["broken"].problems[0].startswith("engine 'broken' cannot be loaded: ModuleNotFoundError")
    assert found["journal"].problems == ()


CONFORMS = {
    "acme": (3, "engine 'acme' claims no recovery"),
    "broken": (2, "error: engine 'broken' cannot be loaded: ModuleNotFoundError"),
}


@pytest.mark.parametrize("name", CONFORMS)
def test_conform_takes_an_engine_of_others_by_its_name(
    install: Install, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    install("acme", acme="acme_engine:Acme", broken="acme_gone:Acme")
    code, said = CONFORMS[name]

    assert outcome(["conform", name, "--out", str(tmp_path / "out")]) == code

    told = capsys.readouterr()
    assert said in told.out + told.err
    assert "Traceback" not in told.err


@pytest.mark.parametrize("engine", registry.BUILT_IN)
def test_what_keeps_an_engine_from_running_is_told_without_importing_it_or_pydantic_ai(engine: str) -> None:
    asking = f"from harness.engines import registry; registry.load({engine!r}).problems({{}})"
    script = f"import sys; {asking}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)

    assert {name.partition(".")[0] for name in done.stdout.split()} & THIRD_PARTIES == set()
