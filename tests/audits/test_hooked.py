"""A hook around a request of the model that asks by itself makes nobody know what comes of that request."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import pytest
from pydantic_ai import Agent
from pydantic_ai.capabilities import AbstractCapability, Hooks

from fixtures.audit import clients
from harness.audits import collect
from harness.retries.report import UnitAudit
from harness.retries.values import Failure
from tests.audits.cells import measured

F = Failure
LOG = logging.getLogger(__name__)
backup = clients.anthropic()


async def again(_ctx, *, request_context, error):
    given = request_context
    return await given.model.request(given.messages, given.model_settings, given.model_request_parameters)


async def elsewhere(_ctx, *, request_context, error):
    return await other(request_context)


async def other(given):
    return await backup.request(given.messages, given.model_settings, given.model_request_parameters)


async def around(_ctx, *, request_context, handler):
    answer = await handler(request_context)
    return answer if answer.parts else await other(request_context)


async def logged(_ctx, *, request_context, error):
    LOG.warning("%s failed: %s", request_context, error)
    raise error


async def patient(_ctx, *, request_context, handler):
    return await handler(request_context)


@dataclass
class Backup(AbstractCapability):
    async def on_model_request_error(self, ctx, *, request_context, error):
        return await other(request_context)


def units(*capabilities) -> dict[str, UnitAudit]:
    agent = Agent(clients.openai(), capabilities=capabilities, name="hooked")
    return {unit.unit: unit for unit in collect.units_of(agent, lambda _unit: ())}


ASKING = {
    "the same model": (lambda: Hooks(model_request_error=again), "again", 2),
    "another one, in a helper": (lambda: Hooks(model_request_error=elsewhere), "elsewhere", 2),
    "another one, in a capability": (Backup, "Backup.on_model_request_error", 2),
    "around each request": (lambda: Hooks(model_request=around), "around", None),
}


@pytest.mark.parametrize(("capability", "name", "turns"), ASKING.values(), ids=ASKING.keys())
def test_a_hook_that_asks_by_itself_is_unknown(capability, name, turns):
    found = units(capability())
    assert found["model"].cell(F.UNAVAILABLE).predicted is None
    assert [layer.name for layer in found["model"].unknown] == [name]
    assert found["run"].cell(F.INVALID_OUTPUT).predicted == turns


@pytest.mark.parametrize(
    "hooks", [{"model_request_error": logged}, {"model_request": patient}], ids=["error", "around"]
)
def test_one_that_asks_nobody_changes_nothing(hooks):
    assert units(Hooks(**hooks))["model"].cell(F.UNAVAILABLE).chain == "3 (openai) = 3"


agent = Agent(clients.openai(), capabilities=[Hooks(model_request_error=again)], name="hooked")


def test_what_it_asks_is_measured_and_no_difference(tmp_path):
    cell = measured(tmp_path, f"{__name__}:agent", "none", "model", F.BAD_REQUEST)
    assert (cell.predicted, cell.counted, cell.agrees) == (None, 2, None)
