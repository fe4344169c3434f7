"""show, script and doctor: what can be learned without killing anything."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.cli.shell import outcome
from tests.cli.conftest import ROOT, SHOP, Ran, Shell

NO_ENGINES = """
import sys
class Gone:
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] in {'dbos', 'prefect', 'temporalio'}:
            raise ModuleNotFoundError(f'No module named {name!r}', name=name)
sys.meta_path.insert(0, Gone())
from harness.cli import main
main(sys.argv[1:])
"""
NOT_INSTALLED = """
import importlib.metadata, sys
real = importlib.metadata.version
def version(name):
    if name == 'dbos':
        raise importlib.metadata.PackageNotFoundError(name)
    return real(name)
importlib.metadata.version = version
from harness.cli import main
main(sys.argv[1:])
"""


def test_a_run_folder_is_judged_again_as_it_was(crashed: tuple[Ran, Path], shell: Shell):
    ran, folder = crashed
    assert shell("show", str(folder)) == Ran(ran.code, ran.out, "")


def test_a_run_folder_is_judged_where_no_engine_is_installed(crashed: tuple[Ran, Path]):
    ran, folder = crashed
    command = [sys.executable, "-c", NO_ENGINES, "show", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (ran.code, ran.out, "")


def test_a_folder_that_moved_is_judged_all_the_same(crashed: tuple[Ran, Path], shell: Shell, tmp_path: Path):
    _ran, folder = crashed
    moved = shutil.copytree(folder.parent, tmp_path / "moved") / folder.name
    ran = shell("show", str(moved), "--format", "json")
    assert json.loads(ran.out)["status"] == "passed"


def test_a_folder_of_several_runs_names_them(crashed: tuple[Ran, Path], shell: Shell):
    _ran, folder = crashed
    for several in (folder.parent, folder.parent.parent):
        ran = shell("show", str(several))
        assert (ran.code, ran.out) == (2, "")
        assert f"holds several runs; name one of them: {folder.parent}/0001-baseline" in ran.err


def torn(folder: Path, tmp_path: Path, name: str, size: int) -> Path:
    """A copy of a run folder in which one file ends early."""
    copy = shutil.copytree(folder.parent, tmp_path / f"{name}-{size}") / folder.name
    with (copy / name).open("r+b") as file:
        file.truncate(size)
    return copy


def test_a_folder_torn_at_any_byte_is_judged_or_refused_in_a_sentence(
    crashed: tuple[Ran, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    _ran, folder = crashed
    journal = (folder / "journal.jsonl").read_bytes()
    ends = [at + more for at, byte in enumerate(journal) if byte == ord("\n") for more in (0, 1, 2)]
    told = journal.index(b"\n", journal.index(b'"Outcome"'))
    for size in sorted({0, 1, *ends, *range(0, len(journal), 499)} - {len(journal), len(journal) + 1}):
        code = outcome(["show", str(torn(folder, tmp_path, "journal.jsonl", size))])
        said = capsys.readouterr()
        assert "bug in the harness" not in said.err + said.out, size
        assert ("is torn" in said.out) is (not journal[:size].endswith(b"\n") and size > 0), size
        assert code in ((1, 3) if size <= told else (0, 1, 3)), size
        shutil.rmtree(tmp_path / f"journal.jsonl-{size}")


def test_a_torn_scenario_is_refused_in_a_sentence(
    crashed: tuple[Ran, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    _ran, folder = crashed
    for size in range(0, (folder / "scenario.json").stat().st_size - 2, 7):
        assert outcome(["show", str(torn(folder, tmp_path, "scenario.json", size))]) == 2
        assert "torn or damaged" in capsys.readouterr().err


def test_a_folder_without_its_baselines_says_what_is_missing(crashed: tuple[Ran, Path], shell: Shell, tmp_path: Path):
    _ran, folder = crashed
    ran = shell("show", str(shutil.copytree(folder, tmp_path / "alone")))
    assert ran.code == 2
    assert "no baseline beside it" in ran.err


def test_the_script_that_is_printed_can_be_used(shell: Shell, tmp_path: Path):
    written = shell("script", SHOP, "--out", str(tmp_path))
    assert (written.code, written.err) == (0, "")
    (tmp_path / "said.yaml").write_text(written.out)
    again = shell("script", SHOP, "--script", str(tmp_path / "said.yaml"), "--out", str(tmp_path))
    assert again.out == written.out


def test_the_doctor_names_every_engine_and_changes_nothing(shell: Shell, tmp_path: Path):
    out = tmp_path / "not" / "there"
    ran = shell("doctor", "--out", str(out))
    rows = [line.split() for line in ran.out.splitlines()]
    assert ran.code == 0
    assert [row[1] for row in rows if row[:1] == ["engine"]][:3] == ["none", "journal", "dbos"]
    assert not out.parent.exists()


def test_the_doctor_says_what_the_first_run_has_yet_to_get(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("HARNESS_TEMPORAL", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    told = shell("doctor", "--out", str(tmp_path)).out

    (row,) = [line for line in told.splitlines() if line.split()[:2] == ["engine", "temporal"]]
    assert "ready" in row
    assert row.endswith("; no server here yet")


def test_the_doctor_says_how_to_get_what_is_missing():
    done = subprocess.run(
        [sys.executable, "-c", NOT_INSTALLED, "doctor"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert "dbos: engine 'dbos' is not installed: run `pip install \"durable-harness[dbos]\"`" in done.stdout


def test_the_doctor_says_when_nothing_can_be_written(shell: Shell):
    ran = shell("doctor", "--out", "/proc/nowhere")
    assert ran.code == 2
    assert "choose another with `--out`" in ran.out
