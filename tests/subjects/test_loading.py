from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic_ai import Agent
from pydantic_ai.durable_exec.dbos import DBOSAgent
from pydantic_ai.durable_exec.prefect import PrefectAgent
from pydantic_ai.durable_exec.temporal import TemporalAgent

from harness.errors import SubjectError, UsageError
from harness.subjects.loading import load_subject
from tests.subjects.asked import Asked

Project = Callable[..., Path]

HEAD = "from pydantic_ai import Agent\n"


def test_a_bare_agent_is_loaded_as_it_is(project: Project) -> None:
    project(shop=HEAD + "agent = Agent('test', name='shop')")

    subject = load_subject("shop:agent")

    assert subject.value is subject.agent is __import__("shop").agent
    assert (subject.kind, subject.name, subject.named_by_us, subject.notes) == ("agent", "shop", False, ())


def test_an_agent_without_a_name_gets_its_variables(project: Project) -> None:
    project(shop=HEAD + "helper = Agent('test')")

    subject = load_subject("shop:helper")

    assert (subject.name, subject.agent.name, subject.named_by_us) == ("helper", "helper", True)
    assert subject.notes == ("the agent has no name of its own, so it is called 'helper'",)


@pytest.mark.filterwarnings("ignore:.*is deprecated in favor of")
@pytest.mark.parametrize("wrapper", [DBOSAgent, PrefectAgent, TemporalAgent], ids=lambda kind: kind.__name__)
def test_a_wrapper_is_kept_and_the_agent_in_it_found(wrapper: Any, project: Project) -> None:
    project(
        shop=HEAD + f"from {wrapper.__module__} import {wrapper.__name__} as Wrapper\n"
        f"inner = Agent('test', name='shop-{wrapper.__name__}', deps_type=int)\nouter = Wrapper(inner)"
    )

    subject = load_subject("shop:outer", deps="5")

    module = __import__("shop")
    assert (subject.kind, subject.value, subject.agent) == ("wrapper", module.outer, module.inner)
    assert subject.name == f"shop-{wrapper.__name__}"
    assert asyncio.run(subject.deps.make()) == 5


FACTORIES = {
    "function": "def make():\n    return Agent('test')",
    "async function": "async def make():\n    return Agent('test')",
    "lambda": "make = lambda: Agent('test')",
    "with defaults": "def make(model='test', *, name=None, **rest):\n    return Agent(model, name=name)",
    "partial": "import functools\nmake = functools.partial(Agent, 'test')",
    "subclass": "class make(Agent):\n    def __init__(self):\n        super().__init__('test')",
}


@pytest.mark.parametrize("text", FACTORIES.values(), ids=FACTORIES.keys())
def test_a_factory_is_called_once(text: str, project: Project) -> None:
    project(shop=HEAD + text)

    subject = load_subject("shop:make")

    assert isinstance(subject.value, Agent)
    assert (subject.kind, subject.name) == ("agent", "make")


def test_a_factory_in_a_class_is_found(project: Project) -> None:
    project(shop=HEAD + "class Shop:\n    @staticmethod\n    def agent():\n        return Agent('test')")

    assert load_subject("shop:Shop.agent").name == "agent"


def test_what_a_factory_returns_may_have_a_variable_and_its_name(project: Project) -> None:
    project(shop=HEAD + "real = Agent('test')\ndef get():\n    return real")

    assert load_subject("shop:get").name == "real"


def test_the_only_agent_of_a_module_needs_no_naming(project: Project) -> None:
    project(shop=HEAD + "agent = alias = Agent('test')")

    assert load_subject("shop").path == "shop:agent"
    assert load_subject("shop.py").path == "shop.py:agent"


def test_an_agent_without_a_model_can_be_tested_and_the_report_says_so(project: Project, asked: list[Asked]) -> None:
    project(shop=HEAD + "agent = Agent(name='shop')")

    subject = load_subject("shop:agent")

    assert asyncio.run(subject.value.run("hi")).output == "done"
    assert "no model of its own" in subject.notes[0]


def test_deps_and_their_notes_come_with_the_subject(project: Project) -> None:
    project(shop=HEAD + "agent = Agent('test', name='shop', deps_type=dict[str, int])")

    given, assumed = load_subject("shop:agent", deps='{"a": 1}'), load_subject("shop:agent")

    assert (asyncio.run(given.deps.make()), given.notes) == ({"a": 1}, ())
    assert (asyncio.run(assumed.deps.make()), len(assumed.notes)) == ({}, 1)


SHOP = HEAD + """
import sys
first = Agent('test')
second = Agent('test')
text = 'hello'
kind = dict[str, int]
def needs(model, *, name): ...
def gives_nothing(): ...
async def gives_text(): return 'x'
def fails(): raise RuntimeError('no database')
"""  # fmt: skip

REFUSED = {
    "missing": ("shop:frst", "'shop' has no 'frst', did you mean 'shop:first'? it holds the agents first, second"),
    "nothing near": ("shop:zzz", "'shop' has no 'zzz'; it holds the agents first, second"),
    "several": ("shop", "'shop' does not say which agent; it holds the agents first, second"),
    "text": ("shop:text", "'shop:text' is no agent: it is a value of type 'str'; it holds the agents first, second"),
    "module": ("shop:sys", "'shop:sys' is no agent: it is a module; it holds the agents first, second"),
    "needy factory": ("shop:needs", "'shop:needs' is no agent, and as a factory it needs model, name;"),
    "empty factory": ("shop:gives_nothing", "'shop:gives_nothing' is no agent: the factory returned None;"),
    "wrong factory": ("shop:gives_text", "'shop:gives_text' is no agent: the factory returned a value of type 'str';"),
    "no agents": ("empty", "'empty' does not say which agent; 'empty' holds no agents"),
    "attribute of an agent": ("shop:first.nothing", "'shop' has no 'first.nothing'"),
}


@pytest.mark.parametrize(("path", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_agent_is_refused_with_what_there_is(path: str, message: str, project: Project) -> None:
    project(shop=SHOP, empty="")

    with pytest.raises(SubjectError) as caught:
        load_subject(path)

    assert str(caught.value).startswith(message)
    assert caught.value.traceback is None


def test_a_module_full_of_agents_is_not_listed_whole_and_begins_with_the_nearest(project: Project) -> None:
    project(shop=HEAD + "\n".join(f"agent_{number} = Agent('test')" for number in range(30)))

    with pytest.raises(SubjectError) as caught:
        load_subject("shop:agent_27x")

    assert str(caught.value).startswith(
        "'shop' has no 'agent_27x', did you mean 'shop:agent_27'? it holds the agents agent_27, "
    )
    assert str(caught.value).endswith(" and 22 more")


def test_a_factory_that_raises_shows_its_own_traceback(project: Project) -> None:
    project(shop=SHOP)

    with pytest.raises(SubjectError) as caught:
        load_subject("shop:fails")

    assert str(caught.value) == "the factory 'shop:fails' raised RuntimeError: no database"
    assert caught.value.traceback is not None
    assert caught.value.traceback.count("\n  File") == 1


def test_deps_that_do_not_fit_are_refused(project: Project) -> None:
    project(shop=HEAD + "agent = Agent('test', deps_type=int)")

    with pytest.raises(UsageError, match="the deps do not fit int"):
        load_subject("shop:agent", deps='"many"')


WORKFLOWS = {
    "Prefect": ("from prefect import flow\n@flow\nasync def work(): ...", "a Prefect flow"),
    "DBOS": ("from dbos import DBOS\n@DBOS.workflow()\nasync def work(): ...", "a DBOS workflow"),
    "Temporal": (
        "from temporalio import workflow\n@workflow.defn\nclass work:\n    @workflow.run\n    async def run(self): ...",
        "a Temporal workflow",
    ),
}


@pytest.mark.parametrize(("text", "note"), WORKFLOWS.values(), ids=WORKFLOWS.keys())
def test_a_workflow_of_their_own_is_recognised_and_not_called(text: str, note: str, project: Project) -> None:
    project(shop=text)

    subject = load_subject("shop:work")

    assert (subject.kind, subject.agent, subject.name, subject.notes) == ("workflow", None, "work", (note,))
