from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic_ai import Agent
from pydantic_ai.agent import WrapperAgent
from pydantic_ai.capabilities import AbstractCapability, CombinedCapability
from pydantic_ai.durable_exec.dbos import DBOSAgent, DBOSDurability
from pydantic_ai.durable_exec.prefect import PrefectAgent, PrefectDurability
from pydantic_ai.durable_exec.temporal import TemporalDurability
from pydantic_ai.exceptions import UserError
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.toolsets import FunctionToolset

from harness.errors import InternalError, UsageError
from harness.subjects import attach as attaching
from harness.subjects.attach import attach, durability_of, engine_of
from tests.subjects.asked import Asked

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[2]

REFUSED_BY_PYDANTIC_AI = {
    "anonymous": "need to have a unique `id`",
    "later": "cannot be added at runtime with DBOS",
}


@pytest.fixture(scope="module")
def lives(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a process with a real DBOS says about every agent of the gallery."""
    database = tmp_path_factory.mktemp("dbos") / "store.sqlite"
    life = [sys.executable, "-m", "tests.subjects.attach_life", str(database)]
    done = subprocess.run(life, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


GALLERY = [
    "plain", "instructed", "validated", "united", "listed", "native", "prompted", "nothing", "shouted", "functional",
    "prepared", "waiting", "with_deps", "stubborn", "forgetful", "hooked", "capable", "boxed", "dynamic", "inner",
    "outer", "parallel", "fallen", "limited", "settled", "chosen", "deferred_check", "own",
]  # fmt: skip


def test_the_gallery_is_complete(lives: dict[str, Any]) -> None:
    assert set(lives) == {*GALLERY, *REFUSED_BY_PYDANTIC_AI}


@pytest.mark.parametrize("name", GALLERY)
def test_an_attached_agent_does_in_a_workflow_what_it_does_without(name: str, lives: dict[str, Any]) -> None:
    assert lives[name]["attached"] == lives[name]["plain"]
    assert "error" not in lives[name]["plain"]


@pytest.mark.parametrize("name", GALLERY)
def test_every_model_request_is_a_step_of_dbos_under_the_agents_name(name: str, lives: dict[str, Any]) -> None:
    requests = [step for step in lives[name]["steps"] if "__model.request" in step]
    own = [asked for asked in lives[name]["asked"] if asked["by"] == name]

    assert requests
    assert len(requests) == len(own)
    assert {step.partition("__")[0] for step in requests} == {name}


@pytest.mark.parametrize("name", GALLERY)
def test_the_model_is_told_who_asks_inside_a_step(name: str, lives: dict[str, Any]) -> None:
    own = [asked for asked in lives[name]["asked"] if asked["by"] == name]

    assert [asked["turn"] for asked in own] == list(range(1, len(own) + 1))
    assert {asked["run"] for asked in own} == {f"{lives[name]['workflow']}:1"}


@pytest.mark.parametrize(("name", "words"), REFUSED_BY_PYDANTIC_AI.items())
def test_what_pydantic_ai_refuses_is_refused_in_its_words(name: str, words: str, lives: dict[str, Any]) -> None:
    life = lives[name]

    assert words in (life["refused"] if "refused" in life else life["attached"]["error"])


async def test_the_original_is_unchanged(asked: list[Asked]) -> None:
    agent = Agent("openai:gpt-5", tools=[len])
    before = copy.copy(vars(agent))

    bound = attach(agent, DBOSDurability(), name="unchanged")

    assert vars(agent) == before
    assert (agent.name, bound.name) == (None, "unchanged")
    assert durability_of(agent) is None


async def test_what_is_registered_later_reaches_both(asked: list[Asked]) -> None:
    agent = Agent("openai:gpt-5")
    bound = attach(agent, DBOSDurability(), name="later-tools")

    @agent.tool_plain
    def look() -> str:
        return "sunny"

    await bound.run("hi")

    assert [tool.name for tool in asked[0].params.function_tools] == ["look"]


async def test_an_override_of_the_original_holds_for_the_copy(asked: list[Asked]) -> None:
    agent = Agent("openai:gpt-5")
    bound = attach(agent, DBOSDurability(), name="overridden")

    with agent.override(tools=[look_around]):
        await bound.run("hi")

    assert [tool.name for tool in asked[0].params.function_tools] == ["look_around"]


def look_around() -> str:
    return "sunny"


async def test_entering_the_original_does_not_enter_the_copy(asked: list[Asked]) -> None:
    class Counted(FunctionToolset[Any]):
        entered = 0

        async def __aenter__(self) -> Any:
            self.entered += 1
            return await super().__aenter__()

    toolset = Counted([look_around], id="counted")
    agent = Agent("openai:gpt-5", toolsets=[toolset])

    async with agent:
        bound = attach(agent, DBOSDurability(), name="entered")
        async with bound:
            assert toolset.entered == 2


CAPABILITIES = {"dbos": DBOSDurability, "prefect": PrefectDurability, "temporal": TemporalDurability}


def facts(durability: Any) -> dict[str, Any]:
    """What an engine learns about an agent when it is bound."""
    return {
        "model": durability.default_model_id,
        "models": sorted(durability._models_by_id),
        "toolsets": sorted(durability._toolsets_by_id),
        "name": durability.name,
    }


MODELS: dict[str, Callable[[], Any]] = {
    "string": lambda: "openai:gpt-5",
    "instance": lambda: OpenAIChatModel("gpt-5"),
}


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS.keys())
@pytest.mark.parametrize("kind", CAPABILITIES)
def test_an_engine_learns_what_it_would_learn_from_the_constructor(kind: str, model: Any, asked: list[Asked]) -> None:
    def build(**options: Any) -> Agent[Any, Any]:
        return Agent(model(), tools=[look_around], toolsets=[FunctionToolset([len], id="more")], **options)

    constructed = build(name=f"learned-{kind}", capabilities=[CAPABILITIES[kind]()])
    attached = attach(build(), CAPABILITIES[kind](), name=f"learned-{kind}")

    assert facts(durability_of(attached)) == facts(durability_of(constructed))
    assert type(attached.model) is type(constructed.model)
    assert order(attached) == order(constructed)


def order(agent: Agent[Any, Any]) -> list[str]:
    return [type(capability).__name__ for capability in agent.root_capability.capabilities]


class Inside(AbstractCapability[Any]):
    """An ordinary capability, which must stay outside the durable one."""


def test_the_engine_is_innermost(asked: list[Asked]) -> None:
    agent = Agent("openai:gpt-5", capabilities=[Inside()])

    assert order(attach(agent, DBOSDurability(), name="innermost"))[-1] == "DBOSDurability"


def test_a_second_engine_is_refused(asked: list[Asked]) -> None:
    agent = Agent("openai:gpt-5", name="first", capabilities=[DBOSDurability()])

    with pytest.raises(UsageError, match=r"the agent 'second' carries DBOSDurability already, .* run it under DBOS"):
        attach(agent, PrefectDurability(), name="second")


def test_an_agent_without_a_model_is_refused_in_pydantic_ais_words() -> None:
    with pytest.raises(UserError, match="needs to have a `model`"):
        attach(Agent(), DBOSDurability(), name="modelless")


def test_a_wrapper_is_refused() -> None:
    with pytest.raises(UsageError, match=r"WrapperAgent is no pydantic_ai.Agent"):
        attach(WrapperAgent(Agent("test")), DBOSDurability(), name="wrapped")


def test_an_agent_that_is_built_differently_is_our_error_and_names_the_version(monkeypatch: pytest.MonkeyPatch) -> None:
    agent = Agent("test")
    del agent._cap_toolsets
    monkeypatch.delattr(CombinedCapability, "_rebound")

    with pytest.raises(InternalError, match=r"pydantic-ai \d.* \(_cap_toolsets, _rebound not found\)"):
        attaching.check(agent)


def test_a_pydantic_ai_without_durable_capabilities_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attaching, "_durability", lambda: None)
    agent = Agent("test")

    assert engine_of(agent) is None
    with pytest.raises(UsageError, match=r"pydantic-ai \d.* has no durable capabilities, .*; upgrade it, or name"):
        attach(agent, DBOSDurability(), name="old")


@pytest.mark.filterwarnings("ignore:.*is deprecated in favor of")
def test_which_engine_an_agent_was_made_for(asked: list[Asked]) -> None:
    class OwnDurability(DBOSDurability[Any]):
        pass

    bare = Agent("openai:gpt-5", name="kinds-bare")
    capable = Agent("openai:gpt-5", name="kinds-capable", capabilities=[OwnDurability()])
    wrapped = WrapperAgent(PrefectAgent(Agent("openai:gpt-5", name="kinds-wrapped")))

    assert engine_of(bare) is None
    assert engine_of(capable) == engine_of(WrapperAgent(capable)) == "dbos"
    assert engine_of(DBOSAgent(bare)) == "dbos"
    assert engine_of(wrapped) == "prefect"
    assert isinstance(durability_of(WrapperAgent(capable)), OwnDurability)
