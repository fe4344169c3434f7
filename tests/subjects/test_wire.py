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


CLIENTS = """
    import os
    from contextlib import contextmanager
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
    from threading import Thread
    from urllib.request import Request, urlopen

    from pydantic_ai import Agent

    class Bank(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers.get('Content-Length', 0)))
            self.send_response(200)
            self.send_header('Content-Length', '4')
            self.end_headers()
            self.wfile.write(b'paid')

        do_GET = do_PUT = do_POST

        def log_message(self, *args):
            pass

    @contextmanager
    def bank():
        with ThreadingHTTPServer(('127.0.0.1', 0), Bank) as server:
            Thread(target=server.serve_forever, daemon=True).start()
            os.environ['BANK'] = f'http://127.0.0.1:{server.server_port}/charges'
            yield
            server.shutdown()

    agent = Agent('openai:gpt-5', name='clients')

    @agent.tool_plain
    def by_urllib() -> str:
        urlopen(os.environ['BANK'])
        return urlopen(Request(os.environ['BANK'], b'{}', {'Idempotency-Key': 'urllib'})).read().decode()

    @agent.tool_plain
    def by_requests() -> str:
        import requests
        return requests.post(os.environ['BANK'], headers={'idempotency-key': b'requests'}).text

    @agent.tool_plain
    def by_urllib3() -> str:
        import urllib3
        return urllib3.PoolManager().request('PUT', os.environ['BANK'], headers={'Idempotency-Key': 'urllib3'}).reason

    import aiohttp

    @agent.tool_plain
    async def by_aiohttp() -> str:
        async with aiohttp.ClientSession(headers={'Idempotency-Key': 'aiohttp'}) as session:
            async with session.post(os.environ['BANK']) as answer, session.request('GET', os.environ['BANK']):
                return await answer.text()
"""


def test_every_client_that_python_has_is_watched_and_a_request_told_once(tmp_path: Path) -> None:
    file = tmp_path / "clients.py"
    file.write_text(dedent(CLIENTS))
    agent, world = f"{file}:agent", f"{file}:bank"
    scenario = Scenario.make(subject=agent, engine="journal", world=world, faults=["crash@run/after"])

    (judged,) = exploring.run(scenario, out=tmp_path / "out").runs

    sent = load(Path(judged.folder) / "journal.jsonl").of(Sent)
    clients = ("urllib", "requests", "urllib3", "aiohttp")
    assert [(event.step, event.key) for event in sent] == [(f"tool:by_{client}#1", client) for client in clients]
