"""A client that a function makes once and keeps is known like one of the module, if that is all that it does."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache

import httpx
import pytest
from openai import OpenAI
from pydantic import BaseModel, SecretStr
from pydantic_ai import Agent, RunContext

from harness.audits import collect
from harness.audits.asking.deps import Given
from harness.retries.values import Failure


class Settings(BaseModel):
    """What a factory reads."""

    key: SecretStr = SecretStr("sk-fixture")
    retries: int = 4


@cache
def settings() -> Settings:
    """Keep the settings."""
    return Settings()


@lru_cache(maxsize=1)
def configured() -> OpenAI:
    """Make a client of settings."""
    said = settings()
    return OpenAI(api_key=said.key.get_secret_value(), max_retries=said.retries)


@cache
def spelled() -> OpenAI:
    """Make a client with options of its own."""
    return OpenAI(api_key=os.environ.get("NOBODY_SAYS", "sk-fixture"), max_retries=1)


happened: list[str] = []


@cache
def busy() -> OpenAI:
    """Do more than to make a client."""
    happened.append("busy")
    return OpenAI(api_key="sk-fixture", max_retries=1)


@cache
def sending() -> OpenAI:
    """Ask somebody for a key."""
    client = httpx.Client()
    return OpenAI(api_key=client.get("https://keys.example").text)


@cache
def failing() -> OpenAI:
    """Make a client with what is not here."""
    return OpenAI(api_key=os.environ["NOBODY_SAYS"])


def anew() -> OpenAI:
    """Make a client in each call."""
    return OpenAI(api_key="sk-fixture", max_retries=1)


@dataclass
class Deps:
    """What a run is given."""

    retries: int = 5

    @cached_property
    def llm(self) -> OpenAI:
        """Make a client once for a run."""
        return OpenAI(api_key="sk-fixture", max_retries=self.retries)


def asked(client: OpenAI) -> str:
    """Ask whom it is given."""
    return str(client.models.list())


agent = Agent("test", deps_type=Deps)


@agent.tool_plain
def once() -> str:
    """Ask what is kept."""
    return str(configured().models.list())


@agent.tool_plain
def handed() -> str:
    """Have another function ask it."""
    return asked(spelled())


@agent.tool_plain
def copied() -> str:
    """Ask a copy of it, in less time."""
    client = configured().with_options(max_retries=2)
    return str(client.models.list(timeout=7))


@agent.tool
def given(ctx: RunContext[Deps]) -> str:
    """Ask what deps keep."""
    return str(ctx.deps.llm.models.list())


@agent.tool_plain
def does_more() -> str:
    """Ask what is made with a trace."""
    return str(busy().models.list())


@agent.tool_plain
def sends() -> str:
    """Ask what is made with a request."""
    return str(sending().models.list())


@agent.tool_plain
def fails() -> str:
    """Ask what cannot be made here."""
    return str(failing().models.list())


@agent.tool_plain
def each_time() -> str:
    """Ask what is made in each call."""
    return str(anew().models.list())


@pytest.fixture(scope="module")
def found():
    units = collect.units_of(agent, lambda _unit: (), deps=Given(agent, Deps))
    return {unit.unit: unit for unit in units}


@pytest.mark.parametrize(
    ("name", "chain"),
    [
        ("once.configured", "5 (openai) = 5"),
        ("handed.spelled", "2 (openai) = 2"),
        ("copied.configured", "3 (openai) = 3"),
        ("given.llm", "6 (openai) = 6"),
    ],
)
def test_what_is_made_once_is_asked_as_it_is(found, name, chain):
    assert found[f"tool:{name}"].cell(Failure.UNAVAILABLE).chain == chain


def test_what_a_call_says_to_it_is_read(found):
    assert found["tool:copied.configured"].layers[1].settings["timeout"] == "7 s"


@pytest.mark.parametrize("name", ["does_more", "sends", "fails"])
def test_what_may_do_more_than_to_make_a_client_is_not_called(found, name):
    (unknown,) = found[f"tool:{name}.OpenAI"].unknown
    assert "makes it once, when it is first called" in unknown.unknown
    assert not happened


def test_what_each_call_makes_is_unknown(found):
    (unknown,) = found["tool:each_time.OpenAI"].unknown
    assert "is made in the call" in unknown.unknown
