from __future__ import annotations

import builtins
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from pydantic import BaseModel
from pydantic_ai import Agent, NativeOutput, models, providers
from pydantic_ai.exceptions import UserError
from pydantic_ai.models import infer_model, infer_model_profile  # bound before any of them is replaced
from pydantic_ai.models.openai import OpenAIResponsesModel
from pydantic_ai.profiles.anthropic import anthropic_model_profile

from harness.subjects import standins
from harness.subjects.standins import StandIn, family_profile, written_model
from tests.subjects.asked import Asked

pytestmark = pytest.mark.anyio

PROVIDERS = sorted(
    {
        name
        for line in re.findall(r"provider (?:==|in) (.*):", Path(providers.__file__).read_text())
        for name in re.findall(r"'([\w-]+)'", line)
    }
    - {"elevenlabs", "sentence-transformers", "voyageai"}  # no chat models: pydantic-ai refuses them
)
NAMES = {"openrouter": "openai/gpt-5", "bedrock-mantle": "openai.gpt-5"}


@pytest.fixture
def without_groq(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An interpreter in which the Groq SDK was never installed."""
    real = builtins.__import__

    def blocked(name: str, *args: Any) -> Any:
        if name.split(".", maxsplit=1)[0] == "groq":
            raise ModuleNotFoundError("No module named 'groq'", name="groq")
        return real(name, *args)

    for name in [name for name in sys.modules if name.split(".")[0] == "groq" or name.endswith(".groq")]:
        if "profiles" not in name:
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", blocked)
    return


def test_the_providers_were_found_in_the_source() -> None:
    assert {"openai", "anthropic", "google", "groq", "bedrock"} <= set(PROVIDERS)


@pytest.mark.filterwarnings("ignore:.*is deprecated")
@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_provider_gives_a_model_without_keys_logins_or_packages(provider: str, asked: list[Asked]) -> None:
    name = NAMES.get(provider, "some-model")

    model = models.infer_model(f"{provider}:{name}")

    assert model.model_name == name
    assert model.model_id.endswith(f":{model.model_name}")


async def test_a_model_whose_package_is_missing_is_scripted_under_its_own_id(
    without_groq: None, asked: list[Asked]
) -> None:
    result = await Agent("groq:llama-3.3-70b-versatile").run("hi")

    assert result.output == "done"
    assert isinstance(asked[0].model, StandIn)
    assert asked[0].model.model_id == "groq:llama-3.3-70b-versatile"


async def test_a_stand_in_supports_what_its_family_supports(asked: list[Asked]) -> None:
    class Weather(BaseModel):
        city: str

    agent = Agent("bedrock:us.anthropic.claude-sonnet-4-5-20250929-v1:0", output_type=NativeOutput(Weather))

    assert isinstance((await agent.run("hi")).output, Weather)


def test_a_stand_ins_profile_is_the_familys() -> None:
    known = anthropic_model_profile("claude-sonnet-4-5")

    assert family_profile("bedrock", "us.anthropic.claude-sonnet-4-5") == known
    assert family_profile("anthropic", "claude-sonnet-4-5") == known
    assert family_profile("nobody", "nothing") == standins.DEFAULT_PROFILE


def test_the_profile_of_a_string_needs_no_package_either(without_groq: None, asked: list[Asked]) -> None:
    assert models.infer_model_profile("groq:llama-3.3-70b-versatile")
    with pytest.raises(ImportError):
        infer_model_profile("groq:llama-3.3-70b-versatile")


@pytest.mark.parametrize("name", ["nobody:knows", "gpt5", "elevenlabs:x"])
def test_an_unknown_name_stays_their_own_error(name: str, asked: list[Asked]) -> None:
    with pytest.raises(UserError) as theirs:
        infer_model(name)
    with pytest.raises(UserError, match=re.escape(str(theirs.value))):
        models.infer_model(name)


def test_a_string_is_inferred_once_and_gives_a_new_model_each_time(asked: list[Asked]) -> None:
    one, two = models.infer_model("openai:gpt-5"), models.infer_model("openai:gpt-5")

    assert one is not two
    assert isinstance(one, OpenAIResponsesModel)
    assert one.provider is two.provider


def test_a_model_knows_the_string_that_it_was_inferred_from(asked: list[Asked]) -> None:
    instance = OpenAIResponsesModel("gpt-5")

    assert written_model(Agent("openai:gpt-5").model) == "openai:gpt-5"
    assert written_model(Agent(instance).model) is instance
    assert written_model(None) is None


async def test_a_stand_in_answers_nothing_by_itself() -> None:
    with pytest.raises(NotImplementedError, match="groq:llama is a stand-in"):
        await Agent(StandIn("groq", "llama")).run("hi")


async def test_a_model_is_entered_by_one_event_loop_while_another_is_entering_it(asked: list[Asked]) -> None:
    """Workflow code under Temporal has a loop of its own, and would never hear that another one is done."""
    model = models.infer_model("openai:gpt-5")
    assert model.provider is not None
    async with model.provider._enter_lock:
        with anyio.fail_after(5):
            async with models.infer_model("openai:gpt-5") as entered:
                assert entered.model_id == "openai:gpt-5"
