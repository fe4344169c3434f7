"""A client, an agent or a function that a workflow hands to its steps asks there, with their retries around it."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from typing import Any

import pytest
from dbos import DBOS
from openai import AsyncOpenAI
from prefect import flow, task
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider
from tenacity import retry, stop_after_attempt

from harness.audits import own
from harness.engines.dbos import retries as dbos
from harness.engines.prefect import retries as prefect
from harness.retries.values import Failure

client = AsyncOpenAI(api_key="sk-fixture")
model = OpenAIChatModel("gpt-5", provider=OpenAIProvider(api_key="sk-fixture"))
agent = Agent(model, name="thinker")


@DBOS.step(retries_allowed=True, max_attempts=4)
async def ask(llm: AsyncOpenAI, prompt: str) -> Any:
    """Ask whom it is given."""
    return await llm.responses.create(model="gpt-5", input=prompt)


@DBOS.step(retries_allowed=True, max_attempts=2)
async def think(thinker: Agent, prompt: str) -> str:
    """Run what it is given."""
    return (await thinker.run(prompt)).output


@DBOS.step(retries_allowed=True, max_attempts=5)
async def note(text: str) -> str:
    """Ask nobody."""
    return text.strip()


@task(retries=1)
async def asked(llm: AsyncOpenAI, prompt: str) -> Any:
    """Ask whom it is given."""
    return await llm.responses.create(model="gpt-5", input=prompt)


def through(llm: AsyncOpenAI, prompt: str) -> Any:
    """Hand on what it was given."""
    return ask(llm, prompt)


@DBOS.step(retries_allowed=True, max_attempts=6)
async def run(function: Callable[..., Any], prompt: str) -> Any:
    """Call what it is given."""
    return await function(prompt)


@DBOS.step(retries_allowed=True, max_attempts=7)
async def run_aside(function: Callable[..., Any], prompt: str) -> Any:
    """Have what it is given called elsewhere."""
    return await asyncio.to_thread(function, prompt)


async def ask_it(prompt: str) -> Any:
    """Ask in no step of its own."""
    return await client.responses.create(model="gpt-5", input=prompt)


def run_through(function: Callable[..., Any], prompt: str) -> Any:
    """Hand on a function."""
    return run(function, prompt)


class Asking:
    """Asks in a method."""

    async def ask_it(self, prompt: str) -> Any:
        """The same in a method."""
        return await client.responses.create(model="gpt-5", input=prompt)


asking = Asking()


@DBOS.workflow()
async def plainly(prompt: str) -> Any:
    """Hand it to a step; another step has nothing of it."""
    return await ask(client, await note(prompt))


@DBOS.workflow()
async def by_name(prompt: str) -> Any:
    """Say which parameter it is."""
    return await ask(prompt=prompt, llm=client)


@DBOS.workflow()
async def by_helper(prompt: str) -> Any:
    """Hand it to a function that hands it on."""
    return await through(client, prompt)


@DBOS.workflow()
async def of_agent(prompt: str) -> Any:
    """Hand an agent to a step."""
    return await think(agent, prompt)


@DBOS.workflow()
async def twice(prompt: str) -> Any:
    """Ask it here, and hand it on."""
    first = await client.responses.create(model="gpt-5", input=prompt)
    return await ask(client, first.output_text)


@DBOS.workflow()
async def to_nobody(prompt: str) -> Any:
    """Hand it to somebody else's function, of which nobody knows what it does with it."""
    return repr(client) + prompt


@DBOS.workflow()
async def function(prompt: str) -> Any:
    """Hand a function to a step; another step gets what it does not call."""
    return await run(ask_it, await note(prompt))


@DBOS.workflow()
async def function_aside(prompt: str) -> Any:
    """Hand it to a step that has it called."""
    return await run_aside(function=ask_it, prompt=prompt)


@DBOS.workflow()
async def function_by_helper(prompt: str) -> Any:
    """Hand it to a function that hands it on."""
    return await run_through(ask_it, prompt)


@DBOS.workflow()
async def method(prompt: str) -> Any:
    """Hand a bound method to a step."""
    return await run(asking.ask_it, prompt)


@DBOS.workflow()
async def function_twice(prompt: str) -> Any:
    """Call it here, and hand it on."""
    return await run(ask_it, await ask_it(prompt))


@DBOS.workflow()
async def function_to_nobody(prompt: str) -> Any:
    """Hand it to a library, which calls it here; a step calls another one."""
    await run(note, prompt)
    return [await asked for asked in map(ask_it, [prompt])]


@DBOS.workflow()
async def closure(prompt: str) -> Any:
    """Hand on a function that is made here."""
    return await run(lambda _prompt: client.responses.create(model="gpt-5", input=prompt), prompt)


@DBOS.workflow()
async def named_closure(prompt: str) -> Any:
    """The same with a name, and with one that only it uses."""

    async def asks(text: str) -> Any:
        return await client.responses.create(model="gpt-5", input=text)

    async def inner(text: str) -> Any:
        return await asks(text)

    return await run(function=inner, prompt=prompt)


@DBOS.workflow()
async def closures(prompt: str) -> Any:
    """Two of them in one line, to two steps; one asks nobody."""
    send = client.responses.create
    return await asyncio.gather(run(lambda text: send(input=text), prompt), run_aside(lambda text: text, prompt))


@DBOS.workflow()
async def closure_twice(prompt: str) -> Any:
    """Call one here, and hand it on."""

    async def inner(text: str) -> Any:
        return await client.responses.create(model="gpt-5", input=text)

    return await run(inner, await inner(prompt))


@DBOS.workflow()
async def closure_to_nobody(prompt: str) -> Any:
    """Hand one to a library, which calls it here."""
    await run(note, prompt)
    return sorted(prompt, key=lambda text: client.with_raw_response.files.list(after=text))


async def ask_them(llm: AsyncOpenAI, prompt: str) -> Any:
    """Ask whom it is given, in no step of its own."""
    return await llm.responses.create(model="gpt-5", input=prompt)


kept = functools.partial(ask_them, client)


@DBOS.workflow()
async def partly(prompt: str) -> Any:
    """Hand on a function that has some of its arguments."""
    return await run(functools.partial(ask_it), prompt)


@DBOS.workflow()
async def partly_given(prompt: str) -> Any:
    """One of them is the client."""
    return await run(functools.partial(ask_them, client), prompt)


@DBOS.workflow()
async def partly_named(prompt: str) -> Any:
    """The same by another name, and out of a list."""
    asks = functools.partial(functools.partial(ask_it))
    return [await run(one, prompt) for one in [asks]]


@DBOS.workflow()
async def partly_kept(prompt: str) -> Any:
    """The same, made beforehand."""
    return await run(kept, prompt)


@DBOS.workflow()
async def partly_called(prompt: str) -> Any:
    """Call it here."""
    return await functools.partial(ask_it)(prompt)


class Lending:
    """Hands on functions of its methods; nobody makes one before a call."""

    def __init__(self, llm: AsyncOpenAI) -> None:
        self.llm = llm

    async def lend(self, prompt: str) -> Any:
        """Hand on a function that asks somebody who is known."""
        return await run(lambda text: client.responses.create(model="gpt-5", input=text), prompt)

    async def lend_own(self, prompt: str) -> Any:
        """Hand on one that asks somebody who is not."""
        return await run(lambda text: self.llm.responses.create(model="gpt-5", input=text), prompt)


@DBOS.workflow()
async def in_method(prompt: str) -> Any:
    """Make the object in the call."""
    return await Lending(AsyncOpenAI()).lend(prompt)


@DBOS.workflow()
async def in_method_own(prompt: str) -> Any:
    """The same, and ask what that object has."""
    return await Lending(client).lend_own(prompt)


@task(retries=1)
async def runs(function: Callable[..., Any]) -> Any:
    """Call what it is given."""
    return await function()


@flow
async def submitting(prompt: str) -> Any:
    """Have a task called later."""
    return runs.submit(lambda: client.responses.create(model="gpt-5", input=prompt)).result()


@flow
async def flowing(prompt: str) -> Any:
    """Hand it to a task."""
    return await asked(client, prompt)


@retry(stop=stop_after_attempt(4))
async def persist(prompt: str = "") -> Any:
    """Ask, and ask again."""
    return await client.responses.create(model="gpt-5", input=prompt)


class Persisting:
    """Does so in a method."""

    @retry(stop=stop_after_attempt(4))
    async def persist(self, prompt: str) -> Any:
        """The same in a method."""
        return await client.responses.create(model="gpt-5", input=prompt)


persisting, table = Persisting(), {"first": persist}


def run_inner(function: Callable[..., Any], prompt: str) -> Any:
    """Hand on a function of its own, which calls another one."""

    def inner(text: str) -> Any:
        return function(text)

    return run(inner, prompt)


def run_lambda(function: Callable[..., Any], prompt: str) -> Any:
    """The same with a lambda."""
    return run(lambda text: function(text.strip()), prompt)


@DBOS.workflow()
async def decorated(prompt: str) -> Any:
    """Hand on a function that a decorator has made something else of."""
    return await run(persist, await note(prompt))


@DBOS.workflow()
async def decorated_partly(prompt: str) -> Any:
    """The same with some of its arguments."""
    return await run(functools.partial(persist), prompt)


@DBOS.workflow()
async def decorated_method(prompt: str) -> Any:
    """The same with a method."""
    return await run(persisting.persist, prompt)


@DBOS.workflow()
async def decorated_by_helper(prompt: str) -> Any:
    """Hand it to a function that hands it on."""
    return await run_through(persist, prompt)


@DBOS.workflow()
async def decorated_inside(prompt: str) -> Any:
    """Hand it to a function that hands on another one."""
    return await run_inner(persist, prompt)


@DBOS.workflow()
async def decorated_in_lambda(prompt: str) -> Any:
    """The same with a lambda."""
    return await run_lambda(persist, prompt)


@DBOS.workflow()
async def decorated_aside(prompt: str) -> Any:
    """Hand it to a step that has it called."""
    return await run_aside(persist, prompt)


@DBOS.workflow()
async def decorated_twice(prompt: str) -> Any:
    """Call it here, and hand it on."""
    return await run(persist, await persist(prompt))


@DBOS.workflow()
async def decorated_to_nobody(prompt: str) -> Any:
    """Hand it to a library, which calls it here."""
    await run(note, prompt)
    return [await asked for asked in map(persist, [prompt])]


@DBOS.workflow()
async def decorated_kept(prompt: str) -> Any:
    """Take it out of a container."""
    return await run(table["first"], prompt)


@DBOS.workflow()
async def decorated_each(prompt: str) -> Any:
    """The same with all that are in one."""
    return [await run(one, prompt) for one in (persist,)]


@flow
async def submitting_decorated() -> Any:
    """Have it called by a task, and wait for that at once."""
    return runs.submit(persist).result()


@task(retries=4)
async def inner_task(prompt: str = "") -> Any:
    """Ask."""
    return await client.responses.create(model="gpt-5", input=prompt)


@flow
async def nesting() -> Any:
    """Have one task called by another one."""
    return await runs(inner_task)


def chains(workflow: Any, engine: Any) -> dict[str, str]:
    """What each unit that asks somebody comes to where the provider answers 503."""
    units = own.units_of(workflow, lambda unit: engine.layers(workflow, unit, {}))
    cells = {unit.unit: unit.cell(Failure.UNAVAILABLE) for unit in units}
    return {name: cell.chain for name, cell in cells.items() if cell is not None}


IN_STEP = {"step:ask.client": "3 (openai) × 4 (dbos step) = 12"}
ALONE = {"client": "3 (openai) = 3"}
IN_RUN = {"step:run.client": "3 (openai) × 6 (dbos step) = 18"}
UNSEEN = {"AsyncOpenAI": "? (AsyncOpenAI) = ?"}
UNSEEN_IN_RUN = {"step:run.llm": "? (llm) × ? (dbos step) = ?"}
IN_RUN_KEPT = {"step:run.kept.0": "3 (openai) × 6 (dbos step) = 18"}
IN_RUN_TRIED = {"step:run.persist.client": "3 (openai) × 4 (tenacity of persist) × 6 (dbos step) = 72"}
IN_ASIDE_TRIED = {"step:run_aside.persist.client": "3 (openai) × 4 (tenacity of persist) × 7 (dbos step) = 84"}
ALONE_TRIED = {"persist.client": "3 (openai) × 4 (tenacity of persist) = 12"}
SUBMITTED_TRIED = {"step:runs.persist.client": "3 (openai) × 4 (tenacity of persist) × 2 (prefect task) = 24"}
NESTED = {"step:runs.inner_task.client": "3 (openai) × 5 (prefect task of inner_task) × 2 (prefect task of runs) = 30"}
IN_RUN_ASIDE = {"step:run_aside.client": "3 (openai) × 7 (dbos step) = 21"}


@pytest.mark.parametrize(
    ("workflow", "engine", "expected"),
    [
        pytest.param(plainly, dbos, IN_STEP, id="to a step"),
        pytest.param(by_name, dbos, IN_STEP, id="by the name of a parameter"),
        pytest.param(by_helper, dbos, IN_STEP, id="through a function"),
        pytest.param(of_agent, dbos, {"step:think.agent.model": "3 (openai) × 2 (dbos step) = 6"}, id="an agent"),
        pytest.param(twice, dbos, IN_STEP | ALONE, id="to a step, and asked outside of it"),
        pytest.param(to_nobody, dbos, ALONE, id="to nobody who is seen to ask it"),
        pytest.param(function, dbos, IN_RUN, id="a function"),
        pytest.param(function_aside, dbos, IN_RUN_ASIDE, id="a function that is called by somebody else"),
        pytest.param(function_by_helper, dbos, IN_RUN, id="a function, through a function"),
        pytest.param(method, dbos, IN_RUN, id="a bound method"),
        pytest.param(function_twice, dbos, IN_RUN | ALONE, id="a function, and called outside of the step"),
        pytest.param(function_to_nobody, dbos, ALONE, id="a function, to nobody of the person's own"),
        pytest.param(closure, dbos, IN_RUN, id="a lambda"),
        pytest.param(named_closure, dbos, IN_RUN, id="a function that is defined in the workflow"),
        pytest.param(closures, dbos, ALONE, id="a lambda, of whose client the workflow takes something itself"),
        pytest.param(closure_twice, dbos, IN_RUN | ALONE, id="a function defined there, and called there, too"),
        pytest.param(closure_to_nobody, dbos, ALONE, id="a lambda, to nobody of the person's own"),
        pytest.param(partly, dbos, IN_RUN, id="a partial"),
        pytest.param(partly_given, dbos, IN_RUN, id="a partial that has the client"),
        pytest.param(partly_named, dbos, IN_RUN, id="a partial by another name"),
        pytest.param(partly_kept, dbos, IN_RUN_KEPT, id="a partial that the module has"),
        pytest.param(partly_called, dbos, ALONE, id="a partial that is called at once"),
        pytest.param(in_method, dbos, IN_RUN | UNSEEN, id="a lambda in a method of an object that is made in the call"),
        pytest.param(in_method_own, dbos, ALONE | UNSEEN_IN_RUN, id="a lambda that takes something from that object"),
        pytest.param(decorated, dbos, IN_RUN_TRIED, id="a decorated function"),
        pytest.param(decorated_partly, dbos, IN_RUN_TRIED, id="a partial of a decorated function"),
        pytest.param(decorated_method, dbos, IN_RUN_TRIED, id="a decorated method"),
        pytest.param(decorated_by_helper, dbos, IN_RUN_TRIED, id="a decorated function, through a function"),
        pytest.param(decorated_inside, dbos, IN_RUN_TRIED, id="a decorated function, in an inner function"),
        pytest.param(decorated_in_lambda, dbos, IN_RUN_TRIED, id="a decorated function, in a lambda"),
        pytest.param(decorated_aside, dbos, IN_ASIDE_TRIED, id="a decorated function that somebody else calls"),
        pytest.param(decorated_twice, dbos, IN_RUN_TRIED | ALONE_TRIED, id="a decorated function, and called there"),
        pytest.param(decorated_to_nobody, dbos, ALONE_TRIED, id="a decorated function, to nobody of the person's own"),
        pytest.param(decorated_kept, dbos, IN_RUN_TRIED, id="a decorated function out of a container"),
        pytest.param(decorated_each, dbos, IN_RUN_TRIED, id="all functions of a container"),
        pytest.param(submitting_decorated, prefect, SUBMITTED_TRIED, id="a decorated function, to a submit"),
        pytest.param(nesting, prefect, NESTED, id="a task, to a task"),
        pytest.param(submitting, prefect, {"step:runs.client": "3 (openai) × 2 (prefect task) = 6"}, id="to a submit"),
        pytest.param(flowing, prefect, {"step:asked.client": "3 (openai) × 2 (prefect task) = 6"}, id="to a task"),
    ],
)
def test_what_a_workflow_hands_to_a_step_is_asked_there(workflow: Any, engine: Any, expected: dict[str, str]) -> None:
    assert chains(workflow, engine) == expected
