"""The idempotency key that a tool sends in a header is the key of its call."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from harness.explore import sweep as exploring
from harness.history import Sent
from harness.journal import load
from harness.scenario import Scenario

AGENT = """
    import uuid
    from contextlib import contextmanager

    import httpx
    import respx
    from pydantic_ai import Agent, RunContext

    steady = Agent('openai:gpt-5', name='steady')
    fickle = Agent('openai:gpt-5', name='fickle')
    silent = Agent('openai:gpt-5', name='silent')

    def post(headers):
        httpx.get('https://pay.test/account')
        return httpx.post('https://pay.test/charges', headers=headers).text

    @steady.tool
    def charge(ctx: RunContext) -> str:
        return post({'Idempotency-Key': ctx.tool_call_id})

    @fickle.tool_plain(name='charge')
    def charge_anew() -> str:
        return post({'idempotency-key': uuid.uuid4().hex})

    @silent.tool_plain(name='charge')
    def charge_blindly() -> str:
        return post({})

    @contextmanager
    def bank():
        with respx.mock(base_url='https://pay.test') as mock:
            mock.get('/account').respond(text='ada')
            mock.post('/charges').respond(text='paid')
            yield
"""


@pytest.mark.parametrize(
    ("agent", "rules"), [("steady", []), ("fickle", ["key-differs"]), ("silent", ["in-flight-ran-again"])]
)
def test_a_key_in_a_header_decides_whether_a_repeat_is_harmless(tmp_path: Path, agent: str, rules: list[str]) -> None:
    file = tmp_path / "posting.py"
    file.write_text(dedent(AGENT))
    scenario = Scenario.make(
        subject=f"{file}:{agent}", engine="journal", world=f"{file}:bank", faults=["crash@tool:charge#1/between"]
    )

    (judged,) = exploring.run(scenario, out=tmp_path / "out").runs

    assert [finding.rule for finding in judged.findings] == rules
    sent = load(Path(judged.folder) / "journal.jsonl").of(Sent)
    assert [(event.name, event.step) for event in sent] == [("POST pay.test", "tool:charge#1")] * 2
    assert len({event.key for event in sent}) == (2 if agent == "fickle" else 1)
