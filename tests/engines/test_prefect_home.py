"""The person's own Prefect is neither read nor written; how their tasks behave by default is kept."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.engines.prefect import home
from harness.engines.prefect.engine import PrefectSession
from harness.engines.prefect.records import Ledger

THEIRS = {
    "PATH": "/bin",
    "PREFECT_API_URL": "https://prefect.example/api",
    "PREFECT_API_KEY": "secret",
    "PREFECT_HOME": "/home/ada/.prefect",
    "PREFECT_PROFILE": "production",
    "PREFECT_PROFILES_PATH": "/home/ada/.prefect/profiles.toml",
    "PREFECT_API_DATABASE_CONNECTION_URL": "postgresql://prefect.example/db",
    "PREFECT_LOCAL_STORAGE_PATH": "/home/ada/results",
    "PREFECT_RESULTS_LOCAL_STORAGE_PATH": "/home/ada/results",
    "PREFECT_RESULTS_DEFAULT_STORAGE_BLOCK": "s3/bucket",
    "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "true",
    "PREFECT_TASKS_DEFAULT_RETRIES": "3",
    "PREFECT_FLOW_DEFAULT_RETRIES": "2",
    "PREFECT_SERVER_API_HOST": "0.0.0.0",
}
BEHAVIOUR = {
    "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "true",
    "PREFECT_TASKS_DEFAULT_RETRIES": "3",
    "PREFECT_FLOW_DEFAULT_RETRIES": "2",
}

READ = """
import sys
def read(name, value=Settings()):
    for part in name.split("."):
        value = getattr(value, part)
    return str(value.get_secret_value() if hasattr(value, "get_secret_value") else value)
print(json.dumps({name: read(name) for name in sys.argv[1:]}))
"""


def values(environ: dict[str, str]) -> str:
    return " ".join(environ.values())


def test_a_zygote_has_nothing_of_theirs_but_keys_and_behaviour() -> None:
    made = home.of_zygote(THEIRS)
    assert made["PREFECT_HOME"] == os.devnull
    assert made["PREFECT_API_KEY"] == "secret"
    assert BEHAVIOUR.items() <= made.items()
    assert made["PATH"] == "/bin"
    assert "example" not in values(made)
    assert "ada" not in values(made)
    assert "s3" not in values(made)


def test_a_server_has_neither_their_keys_nor_their_database(tmp_path: Path) -> None:
    made = home.of_server(THEIRS, tmp_path, tmp_path / "db.sqlite")
    assert made["PREFECT_API_DATABASE_CONNECTION_URL"] == f"sqlite+aiosqlite:///{tmp_path}/db.sqlite"
    assert "secret" not in values(made)
    assert "example" not in values(made)
    assert "PREFECT_SERVER_API_HOST" not in made


@pytest.mark.parametrize(("ours", "key"), [(True, None), (False, "secret")], ids=["ours", "theirs"])
def test_keys_go_to_their_server_and_never_to_ours(ours: bool, key: str | None, tmp_path: Path) -> None:
    environ = dict(home.of_zygote(THEIRS))
    settings = home.of_run(tmp_path, tmp_path / "results", "http://127.0.0.1:1/api", ours=ours)
    home.replace(environ, {**environ, **home.spelled(settings)})
    assert environ.get("PREFECT_API_KEY") == key
    assert environ["PREFECT_API_URL"] == "http://127.0.0.1:1/api"
    assert environ["PREFECT_RESULTS_LOCAL_STORAGE_PATH"] == str(tmp_path / "results")


def test_replacing_removes_what_is_not_named_and_leaves_other_programs_alone() -> None:
    environ = dict(THEIRS)
    home.replace(environ, {"PREFECT_HOME": "/x", "PREFECT_API_KEY": None})
    assert environ == {"PATH": "/bin", "PREFECT_HOME": "/x"}


def test_every_setting_of_a_run_is_one_that_prefect_reads_from_its_variable(tmp_path: Path) -> None:
    settings = dict.fromkeys(home.of_run(tmp_path, tmp_path, "", ours=True), "1") | {"profiles_path": "none"}
    code = "from prefect.settings import Settings; import json\n" + READ
    environ = {**os.environ, **home.of_zygote({}), **home.spelled(settings)}
    done = subprocess.run(
        [sys.executable, "-c", code, *settings], env=environ, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert {name: value.replace("True", "1") for name, value in json.loads(done.stdout).items()} == settings


def test_only_the_first_run_of_a_session_waits_for_a_server_that_is_warming_up(tmp_path: Path) -> None:
    session = PrefectSession("http://127.0.0.1:9/api")
    first = session.store("0001-baseline", tmp_path)
    Ledger(Path(first.values["ledger"])).finished("model_request", 0.1)
    session.observe(first)

    assert first.quiet > 0
    assert session.store("0002-baseline", tmp_path).quiet == 0
