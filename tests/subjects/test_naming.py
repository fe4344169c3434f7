from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic_ai import Agent
from pydantic_ai.agent import WrapperAgent

from harness.subjects.naming import agent_names, agents_in, give_names, unwrapped

Project = Callable[..., Path]


def test_a_nameless_agent_is_called_as_its_variable(project: Project) -> None:
    project(shop="from pydantic_ai import Agent\nhelper = Agent()\nnamed = Agent(name='own')")
    shop = __import__("shop")

    names = agent_names(shop)

    assert (names[id(shop.helper)], names[id(shop.named)]) == ("helper", "own")
    assert shop.helper.name is None


def test_agents_that_tools_call_are_named_in_whatever_module_they_live(project: Project) -> None:
    # Names of the shop's alone: whatever this process has loaded before may hold agents, too.
    project(
        shop="from shop_helpers import courier\nfrom pydantic_ai import Agent\ncounter = Agent()",
        shop_helpers="from pydantic_ai import Agent\ncourier = Agent()\npacker = Agent()",
    )
    shop = __import__("shop")

    give_names(shop)

    helpers = sys.modules["shop_helpers"]
    assert [agent.name for agent in (shop.counter, helpers.courier, helpers.packer)] == ["counter", "courier", "packer"]


def test_two_agents_never_share_a_name_that_we_gave(project: Project) -> None:
    text = "from pydantic_ai import Agent\nporter = Agent()"
    project(shop=f"import shop_b, shop_a\n{text}", shop_a=text, shop_b=text)
    shop = __import__("shop")

    give_names(shop)

    assert [sys.modules[name].porter.name for name in ("shop", "shop_a", "shop_b")] == [
        "porter", "shop_a_porter", "shop_b_porter",
    ]  # fmt: skip


def test_a_name_that_an_agent_gave_itself_is_left_to_it(project: Project) -> None:
    project(shop="from pydantic_ai import Agent\nfirst = Agent()\nsecond = Agent(name='first')")
    shop = __import__("shop")

    give_names(shop)

    assert (shop.first.name, shop.second.name) == ("shop_first", "first")


def test_an_agent_with_two_variables_has_the_first_name(project: Project) -> None:
    project(shop="from pydantic_ai import Agent\n_ = waiter = alias = Agent()")
    shop = __import__("shop")

    give_names(shop)

    assert shop.waiter.name == "waiter"


def test_agents_in_dictionaries_lists_and_classes_of_the_subjects_package_are_named(project: Project) -> None:
    project(
        shop="""
        from pydantic_ai import Agent
        by_role = {"cook": Agent(), "head waiter": Agent(), 3: Agent()}
        crew = [Agent(), Agent()]
        class Team:
            driver = Agent()
        """
    )
    shop = __import__("shop")

    give_names(shop)

    assert [agent.name for agent in shop.by_role.values()] == ["cook", "by_role_head_waiter", "by_role_3"]
    assert [agent.name for agent in shop.crew] == ["crew_0", "crew_1"]
    assert shop.Team.driver.name == "driver"


def test_a_wrapper_and_the_agent_in_it_share_their_name() -> None:
    inner = Agent(name="inner")
    outer = WrapperAgent(WrapperAgent(inner))

    assert unwrapped(outer) is inner
    assert unwrapped(inner) is inner


def test_looking_for_agents_does_not_disturb_lazy_objects(project: Project) -> None:
    project(
        shop="""
        from pydantic_ai import Agent
        class Lazy:
            @property
            def __class__(self):
                globals()['grown'] = 1
                raise RuntimeError('imports something expensive')
        lazy = Lazy()
        agent = Agent()
        """
    )
    shop = __import__("shop")

    assert list(agents_in(shop)) == ["agent"]
    assert not hasattr(shop, "grown")


@pytest.mark.parametrize("seed", ["1", "2"])
def test_names_do_not_depend_on_the_hash_seed_or_the_order_of_imports(seed: str, project: Project) -> None:
    import subprocess

    text = "from pydantic_ai import Agent\nagent = Agent()"
    folder = project(shop_a=text, shop_b=text)
    order = "shop_a, shop_b" if seed == "1" else "shop_b, shop_a"
    code = (
        f"import {order}; from harness.subjects.naming import give_names; give_names()\n"
        "print(shop_a.agent.name, shop_b.agent.name)"
    )

    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONHASHSEED": seed, "PYTHONPATH": f"{folder}:{Path(__file__).parents[2]}"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.split() == ["agent", "shop_b_agent"]
