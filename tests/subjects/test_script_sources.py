"""Where a script may come from, and what is said when it is not there."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic_ai.messages import ModelMessagesTypeAdapter, ModelRequest, ModelResponse, TextPart, UserPromptPart

from harness.errors import SubjectError, UsageError
from harness.subjects.script import Conversation, Script, Turn
from harness.subjects.script_sources import load_script

HI = Script.of(["Hi."])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with scripts of every kind."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", ["", *__import__("sys").path])
    Path("hi.yaml").write_text("- Hi.\n")
    Path("hi.json").write_text('{"turns": ["Hi."]}')
    messages = [ModelRequest(parts=[UserPromptPart("?")]), ModelResponse(parts=[TextPart("Hi.")])]
    Path("old.json").write_bytes(ModelMessagesTypeAdapter.dump_json(messages))
    Path("torn.json").write_text('{"turns": [')
    Path("latin.yaml").write_bytes(b"- H\xe9\n")
    Path("my_scripts.py").write_text(
        "from harness.subjects.script import Script, Turn, Conversation\n"
        "HI = Script.of(['Hi.'])\n"
        "TURNS = [Turn(text='Hi.')]\n"
        "TALK = Conversation(TURNS)\n"
        "DATA = {'turns': [{'text': 'Hi.'}]}\n"
        "BAD = [{'txt': 'Hi.'}]\n"
        "MIXED = [Turn(text='Hi.'), 5]\n"
        "NUMBER = 5\n"
        "def make(): return HI\n"
        "def fail(): raise ValueError('no')\n"
    )
    Path("my_broken.py").write_text("import no_such_package\n")
    Path("my_raising.py").write_text("1 / 0\n")
    return tmp_path


SOURCES = [
    "hi.yaml",
    "hi.json",
    "my_scripts:HI",
    "my_scripts:TURNS",
    "my_scripts:TALK",
    "my_scripts:DATA",
    "my_scripts:make",
]


@pytest.mark.parametrize(
    "source",
    [*SOURCES, "- Hi.\n", ["Hi."], {"turns": ["Hi."]}, HI, Conversation((Turn(text="Hi."),)), Path("hi.yaml")],
    ids=str,
)
@pytest.mark.usefixtures("folder")
def test_a_script_comes_from(source: object) -> None:
    assert load_script(source) == HI


@pytest.mark.usefixtures("folder")
def test_a_saved_history_is_a_script() -> None:
    conversation = load_script("old.json").conversation("any")
    assert conversation == Conversation((Turn(text="Hi."),))


REFUSED = {
    "nowhere.yaml": "there is no script 'nowhere.yaml'; give a YAML or JSON file, or Python as 'module:name'",
    ".": "cannot read the script '.'",
    "latin.yaml": "cannot read the script 'latin.yaml': 'utf-8' codec",
    "torn.json": "cannot read the script: torn.json:1:12",
    "my_scrips:HI": "there is no script module 'my_scrips'",
    "my_scripts.inner:HI": "there is no script module 'my_scripts.inner'",
    "my_scripts:HO": "there is no 'HO' in it, did you mean 'HI'?",
    "my_scripts:NUMBER": "script 'my_scripts:NUMBER' is int; expected a Script, a Conversation or a list of turns",
    "my_scripts:BAD": "cannot read the script: [1].txt: unknown field 'txt', did you mean 'text'?",
    "my_scripts:MIXED": "script 'my_scripts:MIXED' is no list of turns",
}


@pytest.mark.parametrize(("source", "message"), REFUSED.items(), ids=REFUSED)
@pytest.mark.usefixtures("folder")
def test_what_cannot_be_loaded_is_refused(source: str, message: str) -> None:
    with pytest.raises(UsageError) as error:
        load_script(source)
    assert message in str(error.value)


@pytest.mark.parametrize("source", ["my_scripts:fail", "my_broken:x", "my_raising:x"])
@pytest.mark.usefixtures("folder")
def test_python_that_raises_is_shown_with_its_own_traceback(source: str) -> None:
    with pytest.raises(SubjectError) as error:
        load_script(source)
    assert source.split(":", maxsplit=1)[0] in str(error.value)
    assert "Traceback" in (error.value.traceback or "")
