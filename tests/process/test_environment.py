from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.process.environment import environment, leave_out_plugins


def made(base: dict[str, str], folder: Path, **options: object) -> dict[str, str]:
    settings = {"extra": None, "hash_seed": 7, "executable": str(folder / "bin" / "python"), **options}
    (folder / "lib").mkdir(exist_ok=True)
    return environment(base={"XDG_CACHE_HOME": str(folder / "cache"), **base}, **settings)


def test_environment_is_the_persons_own_with_a_hash_seed(tmp_path: Path) -> None:
    assert made({"SHOP": "berlin"}, tmp_path) == {
        "SHOP": "berlin",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "PYTHONHASHSEED": "7",
    }


@pytest.mark.parametrize("name", ["LOGFIRE_TOKEN", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS"])
def test_telemetry_is_left_behind_unless_it_was_asked_for(name: str, tmp_path: Path) -> None:
    assert name not in made({name: "secret"}, tmp_path)
    assert made({name: "secret"}, tmp_path, extra={name: "mine"})[name] == "mine"


@pytest.mark.parametrize("said", [None, "logfire-plugin"], ids=["nothing said", "one switched off by the person"])
def test_plugins_that_our_own_process_does_without_are_the_subjects(
    said: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.process.environment._left_out", False)
    monkeypatch.setenv("PYDANTIC_DISABLE_PLUGINS", said or "")
    if said is None:
        monkeypatch.delenv("PYDANTIC_DISABLE_PLUGINS")

    leave_out_plugins()

    assert os.environ["PYDANTIC_DISABLE_PLUGINS"] == (said or "__all__")
    assert made(dict(os.environ), tmp_path).get("PYDANTIC_DISABLE_PLUGINS") == said


def test_extra_variables_win(tmp_path: Path) -> None:
    assert made({"SHOP": "berlin"}, tmp_path, extra={"SHOP": "paris"})["SHOP"] == "paris"


def test_bytecode_is_cached_in_the_users_folder_where_it_is_switched_off(tmp_path: Path) -> None:
    variables = made({"PYTHONDONTWRITEBYTECODE": "1"}, tmp_path)

    assert "PYTHONDONTWRITEBYTECODE" not in variables
    assert Path(variables["PYTHONPYCACHEPREFIX"]).is_relative_to(tmp_path / "cache")


def test_bytecode_is_cached_in_the_users_folder_where_the_interpreters_cannot_be_written(tmp_path: Path) -> None:
    variables = made({}, tmp_path, executable="/proc/1/bin/python")

    assert Path(variables["PYTHONPYCACHEPREFIX"]).is_relative_to(tmp_path / "cache")


def test_bytecode_folder_of_the_person_is_kept(tmp_path: Path) -> None:
    assert made({"PYTHONPYCACHEPREFIX": str(tmp_path)}, tmp_path)["PYTHONPYCACHEPREFIX"] == str(tmp_path)


def test_nothing_changes_where_no_cache_can_be_written(tmp_path: Path) -> None:
    base = {"PYTHONDONTWRITEBYTECODE": "1", "XDG_CACHE_HOME": "/proc/nowhere"}

    assert made(base, tmp_path) == {**base, "PYTHONHASHSEED": "7"}
