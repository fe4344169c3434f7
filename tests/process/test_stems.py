"""Zygotes that are forks of an interpreter which has imported what all of them would."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from harness.errors import InternalError, SubjectError, UsageError
from harness.process import groundwork, loading, stems
from harness.process.stems import MOST, Stems
from harness.process.zygote import Zygote
from tests.process.conftest import LIFE
from tests.process.families import alive, all_gone, below, happens, lines

Born = Callable[..., Zygote]
READY = 60


@pytest.fixture
def born(tmp_path: Path) -> Iterator[Born]:
    """Makes zygotes that are born of a stem."""
    with ExitStack() as stack:
        stack.enter_context(stems.kept())
        stems.stem(1), stems.stem(2)  # whoever asks first has none

        def make(
            preload: str = "load", argument: dict[str, Any] | None = None, *, seed: int = 1, **more: Any
        ) -> Zygote:
            settings = {"env": None, "log": tmp_path / "zygote.log", "stem": stems.stem(seed), **more}
            return stack.enter_context(Zygote(LIFE + preload, argument or {}, hash_seed=seed, **settings))

        yield make


def test_it_is_as_if_each_had_its_own_interpreter(born: Born, tmp_path: Path) -> None:
    own = Zygote(LIFE + "load", {"its": "own"}, hash_seed=2, env=None, log=tmp_path / "own.log")
    with own:
        expected = own.ready(READY).info
    found = born(argument={"its": "own"}, seed=2).ready(READY).info

    assert found["hash"] == expected["hash"]
    assert found["argument"] == expected["argument"]
    assert found["path"] == expected["path"]
    assert found["variables"].items() >= expected["variables"].items()


def test_two_of_one_stem_share_nothing_but_what_was_imported(born: Born) -> None:
    first, second = born(), born()

    assert stems.stem(1) is stems.stem(1)
    assert first.ready(READY).pid != second.ready(READY).pid
    first.close()
    assert alive(second.ready(READY).pid)


def test_everything_below_one_ends_with_it(born: Born, tmp_path: Path) -> None:
    zygote = born()
    nursery = zygote.ready(READY).pid
    zygote.spawn(LIFE + "found_a_family", {"file": str(tmp_path / "family")}, output=tmp_path / "output")
    family = [*lines(tmp_path / "family", 2), *below(nursery)]

    zygote.close()

    assert all_gone([nursery, *family])


def test_the_death_of_one_is_noticed_though_its_siblings_live(born: Born, tmp_path: Path) -> None:
    zygote, sibling = born(), born()
    nursery = zygote.ready(READY).pid
    assert sibling.ready(READY)
    incarnation = zygote.spawn(LIFE + "sleep", {"file": str(tmp_path / "note")}, output=tmp_path / "output")

    os.kill(nursery, signal.SIGKILL)

    with pytest.raises(InternalError, match=r"the zygote died \(SIGKILL\)"):
        incarnation.wait(READY)
    assert sibling.is_alive


def test_the_death_of_a_stem_is_told_by_all_that_lived_on_it_and_another_takes_its_place(born: Born) -> None:
    stem, zygote = stems.stem(1), born()
    assert stem is not None
    assert zygote.ready(READY)

    os.kill(stem.ready(READY).pid, signal.SIGKILL)

    assert happens(lambda: not zygote.is_alive)
    with pytest.raises(InternalError, match="the zygote has ended"):
        zygote.spawn(LIFE + "do_nothing", {}, output=zygote.log)
    assert born().ready(READY)


def test_an_import_that_hangs_is_reported_with_the_place(born: Born, tmp_path: Path) -> None:
    zygote = born("never_return", {"file": str(tmp_path / "note")})
    lines(tmp_path / "note", 1)

    with pytest.raises(SubjectError) as caught:
        zygote.ready(0.1)

    assert "in never_return" in str(caught.value.traceback)


def test_a_log_that_cannot_be_written_is_a_usage_error(born: Born) -> None:
    with pytest.raises(UsageError, match="cannot write to the log"):
        born(log=Path("/nowhere/zygote.log"))


def test_it_is_where_the_harness_is_now(born: Born, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stem = stems.stem(1)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(groundwork.PASSING[0], "this very moment")

    info = born().ready(READY).info

    assert stem is stems.stem(1)
    assert str(tmp_path) in info["path"][: len(loading.in_front(sys.path)) + 1]
    assert info["variables"][groundwork.PASSING[0]] == "this very moment"


def test_a_variable_that_an_import_may_have_read_asks_for_another_stem(
    born: Born, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = stems.stem(1)
    monkeypatch.setenv("SHOP", "open")

    assert stems.stem(1) is None
    assert stems.stem(1) not in (None, before)
    assert born().ready(READY).info["variables"]["SHOP"] == "open"


@pytest.mark.parametrize("is_in_front", [False, True], ids=["where we are", "in front of the path"])
def test_a_module_of_the_person_s_own_is_imported_rather_than_a_library_of_its_name(
    born: Born, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_in_front: bool
) -> None:
    (tmp_path / "pydantic_ai.py").write_text("OURS = True")
    monkeypatch.syspath_prepend(tmp_path) if is_in_front else monkeypatch.chdir(tmp_path)

    found = born("load_module", {"module": "pydantic_ai"}).ready(READY).info

    assert found == {"file": str(tmp_path / "pydantic_ai.py")}


def test_a_module_beside_a_subject_that_is_a_file_comes_first_too(born: Born, tmp_path: Path) -> None:
    (tmp_path / "openai.py").write_text("OURS = True")
    argument = {"subject": f"{tmp_path / 'shop.py'}:agent", "folder": str(tmp_path), "module": "openai"}

    assert born("load_module", argument).ready(READY).info == {"file": str(tmp_path / "openai.py")}
    argument["subject"] = "shop:agent"
    assert born("load_module", argument).ready(READY).info != {"file": str(tmp_path / "openai.py")}


def asked(kept: Stems) -> Zygote:
    """A stem for the environment as it is now."""
    found = kept.of(1) or kept.of(1)
    assert found is not None
    return found


def test_of_many_environments_only_the_stems_of_the_last_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Stems()
    try:
        made = []
        for number in range(MOST + 2):
            monkeypatch.setenv("SHOP", str(number))
            made.append(asked(kept))
        assert [stem.is_alive for stem in made] == [False] * 2 + [True] * MOST
    finally:
        kept.close()
    assert not any(stem.is_alive for stem in made)


def test_a_stem_that_is_lived_on_is_not_let_go(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    kept = Stems()
    try:
        first = asked(kept)
        zygote = Zygote(LIFE + "load", {}, hash_seed=1, env=None, log=tmp_path / "log", stem=first)
        for number in range(MOST + 1):
            monkeypatch.setenv("SHOP", str(number))
            asked(kept)
        assert zygote.ready(READY)
        zygote.close()
    finally:
        kept.close()


def test_the_one_that_was_asked_for_is_kept_though_all_others_are_lived_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kept = Stems()
    try:
        for number in range(MOST):
            monkeypatch.setenv("SHOP", str(number))
            Zygote(LIFE + "load", {}, hash_seed=1, env=None, log=tmp_path / "log", stem=asked(kept))
        monkeypatch.setenv("SHOP", "one more")

        assert asked(kept).is_alive
    finally:
        kept.close()


def test_a_zygote_whose_stem_has_ended_is_an_interpreter_of_its_own(born: Born) -> None:
    stem = stems.stem(1)
    assert stem is not None
    stem.close()

    assert born(stem=stem).ready(READY)


@pytest.mark.usefixtures("_no_groundwork")
def test_they_are_kept_until_the_last_who_wants_them_leaves() -> None:
    assert stems.stem(1) is None

    with ExitStack() as longer:
        with stems.kept():
            longer.enter_context(stems.kept())
            first, stem = stems.stem(1), stems.stem(1)
        assert first is None
        assert stem is not None
        assert stem.is_alive
        assert stems.stem(1) is stem

    assert not stem.is_alive
    assert stems.stem(1) is None
