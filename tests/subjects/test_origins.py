"""Where a setting was made: a line is told if what stands there can be what is in use, and nothing else can."""

import sys
from types import SimpleNamespace

import pytest

from harness.subjects import origins


@pytest.fixture
def written(monkeypatch, tmp_path):
    """Make modules of sources, and look in them."""

    def write(*sources: str) -> None:
        for number, source in enumerate(sources):
            file = tmp_path / f"theirs{number}.py"
            file.write_text(source, "utf-8")
            monkeypatch.setitem(sys.modules, file.stem, SimpleNamespace(__file__=str(file)))
        origins.look_in([f"theirs{number}" for number in range(len(sources))])

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(origins, "_theirs", [])
    return write


ANOTHER, HERE, NAMED = "f(max_retries=9)\n", "g(max_retries=4)\n", "g(max_retries=FEW)\n"
PLACES = {
    "the only one": ([HERE], "explicit, theirs0.py:1"),
    "the one that fits": ([ANOTHER + HERE], "explicit, theirs0.py:2"),
    "a key of a dictionary": ([ANOTHER + "g(**{'max_retries': 4})\n"], "explicit, theirs0.py:2"),
    "none that fits": ([ANOTHER], "explicit"),
    "two that fit": ([HERE + HERE], "explicit, theirs0.py"),
    "one that fits and one that may": ([HERE + NAMED], "explicit, theirs0.py"),
    "the only one, which may": ([NAMED], "explicit, theirs0.py:1"),
    "one that may beside another": ([ANOTHER + NAMED], "explicit, theirs0.py"),
    "the one that fits, in another file": ([ANOTHER, HERE], "explicit, theirs1.py:1"),
    "one in each file": ([HERE, HERE], "explicit"),
    "a call of that name": (["max_retries(4)\n"], "explicit"),
}


@pytest.mark.parametrize(("sources", "told"), PLACES.values(), ids=PLACES.keys())
def test_a_line_is_told_if_only_it_can_be_meant(written, sources, told):
    written(*sources)
    assert str(origins.explicit(max_retries=4)) == told


def test_what_nobody_can_compare_is_told_if_there_is_one(written):
    written("FallbackModel(a, b)\nAgent(x, usage_limits=UsageLimits(request_limit=3))\nAgent(y)\nAgent(z)\n")
    assert str(origins.explicit("FallbackModel()")) == "explicit, theirs0.py:1"
    assert str(origins.explicit("usage_limits", request_limit=3)) == "explicit, theirs0.py:2"
    assert str(origins.explicit("Agent()")) == "explicit, theirs0.py"


def test_seconds_may_be_written_as_a_whole_number(written):
    written("a(timeout=30)\nb(timeout=20)\n")
    assert str(origins.explicit(timeout=20.0)) == "explicit, theirs0.py:2"


def test_every_file_is_read_once_however_many_there_are(written, monkeypatch):
    written(*[HERE] * 200)
    read, parse = [], origins.ast.parse
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(origins.ast, "parse", lambda *said: read.append(said) or parse(*said))
        for _ in range(2):
            origins.explicit(max_retries=4)
    assert len(read) == 200
