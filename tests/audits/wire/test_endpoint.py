"""The endpoint answers whoever asks a provider, through whatever client, and nobody else."""

from __future__ import annotations

import asyncio
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import anthropic
import httpx
import httpx2
import openai
import pytest
from pydantic_ai import Agent
from pydantic_ai.models import override_allow_model_requests
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider

from harness.audits.wire.endpoint import Endpoint, install, is_providers
from harness.history import HttpRequest
from harness.journal import Journal, load
from harness.subjects import bodies

OPENAI = OpenAIProvider(api_key="k")
MODELS = {
    "chat": OpenAIChatModel("gpt-5", provider=OPENAI),
    "responses": OpenAIResponsesModel("gpt-5", provider=OPENAI),
    "anthropic": AnthropicModel("claude-sonnet-4-5", provider=AnthropicProvider(api_key="k")),
}


@contextmanager
def failing(failure: str, path, monkeypatch, limit: int = 25, **given: object) -> Iterator[list[HttpRequest]]:
    """An endpoint in this very process; the list holds what reached it, afterwards."""
    journal = Journal(path)
    monkeypatch.setattr(bodies, "_probes", SimpleNamespace(journal=journal, invocation=1, place=lambda: None))
    uninstall, requests = install(Endpoint(failure, limit=limit, **given)), []
    try:
        with override_allow_model_requests(True):
            yield requests
    finally:
        uninstall()
        journal.close()
        requests += load(path).of(HttpRequest)


@pytest.mark.parametrize("interface", MODELS)
def test_every_interface_gets_the_answer_that_it_understands(interface, tmp_path, monkeypatch):
    with failing("success", tmp_path / "journal.jsonl", monkeypatch) as requests:
        result = Agent(MODELS[interface]).run_sync("hello")
    assert result.output == "done"
    assert [(request.method, request.status) for request in requests] == [("POST", 200)]


@pytest.mark.parametrize("interface", MODELS)
def test_every_interface_gets_a_stream_that_it_understands(interface, tmp_path, monkeypatch):
    async def streamed() -> str:
        async with Agent(MODELS[interface]).run_stream("hello") as stream:
            return await stream.get_output()

    with failing("success", tmp_path / "journal.jsonl", monkeypatch) as requests:
        assert asyncio.run(streamed()) == "done"
    assert len(requests) == 1


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        ("429", openai.RateLimitError),
        ("500", openai.InternalServerError),
        ("400", openai.BadRequestError),
        ("401", openai.AuthenticationError),
        ("refused", openai.APIConnectionError),
    ],
)
def test_a_client_without_a_loop_of_its_own_meets_the_same_failures(failure, error, tmp_path, monkeypatch):
    client = openai.OpenAI(api_key="k", max_retries=0)
    with failing(failure, tmp_path / "journal.jsonl", monkeypatch) as requests, pytest.raises(error):
        client.responses.create(model="m", input="hello")
    assert len(requests) == 1


def test_attempts_and_repeats_can_be_told_apart_by_what_was_sent(tmp_path, monkeypatch):
    client = anthropic.Anthropic(api_key="k", max_retries=1)
    with (
        failing("refused", tmp_path / "journal.jsonl", monkeypatch) as requests,
        pytest.raises(anthropic.APIConnectionError),
    ):
        client.messages.create(model="m", max_tokens=1, messages=[], extra_headers={"idempotency-key": "order-7"})
    assert [request.headers["x-stainless-retry-count"] for request in requests] == ["0", "1"]
    assert {request.headers["idempotency-key"] for request in requests} == {"order-7"}
    assert {request.error for request in requests} == {"ConnectError"}


def test_a_client_of_the_older_library_meets_the_endpoint_too(tmp_path, monkeypatch):
    with failing("503", tmp_path / "journal.jsonl", monkeypatch) as requests:
        assert httpx.post("https://api.openai.com/v1/anything").status_code == 503
    assert [request.path for request in requests] == ["/v1/anything"]


@pytest.mark.parametrize("failure", ["503", "refused", "read-timeout"])
@pytest.mark.parametrize("client", [httpx, httpx2], ids=lambda client: client.__name__)
def test_what_names_no_host_is_sent_to_nobody(client, failure, tmp_path, monkeypatch):
    with (
        failing(failure, tmp_path / "journal.jsonl", monkeypatch, within=lambda: True) as requests,
        pytest.raises(client.UnsupportedProtocol),
    ):
        client.get("page", timeout=0.01)
    assert requests == []


def test_what_is_meant_for_this_machine_goes_on_to_it(tmp_path, monkeypatch):
    class Hello(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"hello")

        def log_message(self, *_args: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Hello) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with failing("503", tmp_path / "journal.jsonl", monkeypatch) as requests:
            answers = [get(f"http://127.0.0.1:{server.server_port}/").text for get in (httpx.get, httpx2.get)]
        server.shutdown()
    assert (answers, requests) == (["hello", "hello"], [])


@pytest.mark.parametrize(
    ("host", "port", "asked", "expected"),
    [
        pytest.param("api.openai.com", None, None, True, id="a provider, whoever asks"),
        pytest.param("models.example", None, "https://models.example/v1", True, id="a gateway, its model asks"),
        pytest.param("models.example", None, "", True, id="a model that does not say its address"),
        pytest.param("models.example", None, None, False, id="anybody's host, no model asks"),
        pytest.param("127.0.0.1", 11434, "http://127.0.0.1:11434/v1", True, id="a model on this machine"),
        pytest.param("127.0.0.1", 4200, "http://127.0.0.1:11434/v1", False, id="another server on this machine"),
        pytest.param("localhost", 4200, "https://api.openai.com", False, id="an engine's server, asked meanwhile"),
        pytest.param("", None, "", False, id="nobody, while a model asks"),
        pytest.param("::1", 4200, None, False, id="this machine, by its newer address"),
    ],
)
def test_who_is_a_provider(host, port, asked, expected):
    assert is_providers(host, port, asked) is expected
