"""One certificate in place of all: clients find it where they would find the others, and fail where they would fail."""

from __future__ import annotations

import ssl
from pathlib import Path

import certifi
import pytest

from harness.subjects.certificates import FILE, trust_one

ALL = Path(certifi.where())


def loaded(file: str) -> int:
    return len(ssl.create_default_context(cafile=file).get_ca_certs())


@pytest.mark.parametrize("environ", [{}, {FILE: str(ALL)}], ids=["nothing said", "a file said"])
def test_a_client_loads_one(environ: dict[str, str], tmp_path: Path):
    trust_one(environ, tmp_path)

    assert Path(environ[FILE]).parent == tmp_path
    assert loaded(environ[FILE]) == 1 < loaded(str(ALL))


def test_nothing_changes_where_no_file_can_be_made(tmp_path: Path):
    environ: dict[str, str] = {}
    trust_one(environ, tmp_path / "nowhere")
    assert environ == {}


WRONG = {"a file that is not there": None, "a file without certificates": "nothing", "an empty file": ""}


@pytest.mark.parametrize("content", WRONG.values(), ids=WRONG.keys())
def test_what_a_client_would_stumble_over_stays(content: str | None, tmp_path: Path):
    file = tmp_path / "theirs.pem"
    if content is not None:
        file.write_text(content)
    environ = {FILE: str(file)}
    trust_one(environ, tmp_path)

    assert environ == {FILE: str(file)}
    with pytest.raises((FileNotFoundError, ssl.SSLError)):
        loaded(environ[FILE])
