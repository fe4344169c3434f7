"""Where engines are required, as the build requires them, nothing may be missing without being heard."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[1] / "conftest.py"
ONE_OF_EACH = """
    import pytest

    def test_that_runs():
        pass

    @pytest.mark.skip(reason="no engine here")
    def test_that_is_skipped():
        pass

    @pytest.mark.xfail(reason="known")
    def test_that_is_known_to_fail():
        raise ValueError
"""


def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, require: str | None) -> pytest.RunResult:
    if require is None:
        monkeypatch.delenv("HARNESS_REQUIRE", raising=False)
    else:
        monkeypatch.setenv("HARNESS_REQUIRE", require)
    monkeypatch.setenv("PYTHONPATH", str(CONFTEST.parent))
    pytester.makeconftest(CONFTEST.read_text("utf-8"))
    pytester.makepyfile(ONE_OF_EACH)
    return pytester.runpytest_subprocess("-p", "no:cacheprovider")


def test_how_a_test_failed_that_then_passes_is_told(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(CONFTEST.read_text("utf-8"))
    pytester.makepyfile("""
        import pathlib

        def test_that_fails_once(request):
            seen = pathlib.Path(request.config.rootpath, "seen")
            first = not seen.exists()
            seen.touch()
            assert not first, "a busy machine"

        def test_that_fails():
            assert False, "a bug"
    """)

    done = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-p", "no:randomly", "--reruns", "1")

    done.assert_outcomes(passed=1, failed=1)
    done.stdout.fnmatch_lines(
        ["*failed at first*test_that_fails_once*", "*a busy machine*", "*1 failed, 1 passed, 2 rerun*"]
    )


def test_what_a_test_starts_can_be_interrupted_in_a_session_that_was_begun_in_the_background(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makeconftest(CONFTEST.read_text("utf-8"))
    pytester.makepyfile("""
        import signal, subprocess, sys

        def test_that_sends_ctrl_c():
            code = "import os, signal; os.kill(os.getpid(), signal.SIGINT)"
            assert subprocess.run([sys.executable, "-c", code]).returncode == -signal.SIGINT
    """)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a shell does for what it begins with `&`
    try:
        done = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-n", "1")
    finally:
        signal.signal(signal.SIGINT, before)

    done.assert_outcomes(passed=1)


def test_a_skipped_test_is_skipped_where_nothing_is_required(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(pytester, monkeypatch, None).assert_outcomes(passed=1, skipped=1, xfailed=1)


def test_a_skipped_test_fails_where_something_is_required(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = run(pytester, monkeypatch, "journal")

    done.assert_outcomes(passed=1, errors=1, xfailed=1)
    done.stdout.fnmatch_lines(["*was skipped, and HARNESS_REQUIRE says that nothing may be*no engine here*"])


def test_a_required_engine_that_cannot_be_used_ends_the_session_before_it_begins(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    (pytester.path / "absent.py").write_text(
        "from harness.engines.journal.engine import JournalEngine\n"
        "class Absent(JournalEngine):\n"
        "    def problems(self, options):\n"
        "        return ['it is not installed: run `pip install absent`']\n"
    )

    done = run(pytester, monkeypatch, "absent:Absent")

    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines(["*HARNESS_REQUIRE names engines that cannot be used here:*"])
    done.stderr.fnmatch_lines(["*absent:Absent: it is not installed: run `pip install absent`*"])
