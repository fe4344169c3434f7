"""Which YAML files are tests: those that `harness check` takes for scenarios, and no stranger's."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.explore import catalogue
from tests.plugin.conftest import Make, Ran

REST = "why: because\nfaults: crash@model#1/after\nexpected: {journal: passed}\n"
RIGHT = {
    "plain": f"subject: shop:agent\n{REST}",
    "marked": f"\ufeffsubject: shop:agent\n{REST}",
    "flow": "{why: because, subject: 'shop:agent', expected: {journal: passed}}\n",
    "quoted": f"'subject': shop:agent\n{REST}",
    "deep/er/nested": f"subject: shop:agent\n{REST}",
}
MISTAKEN = {
    "misspelt": (f"{REST}subjct: shop:agent\n", "line 4, column 1: 'subjct' is not a field of a scenario, did you"),
    "capital": ("Subject: shop:agent\nengine: journal\n", "line 1, column 1: 'Subject' is not a field of a scenario"),
    "forgotten": (REST, "subject: field required"),
    "torn": ("subject: shop:agent\nfaults: [\n", "line 3, column 1"),
    "torn_flow": ("{why: because, subject: 'shop:agent', faults: [\n", "line 2, column 1"),
    "torn_first": ("why: 'because\nsubject: shop:agent\n", "line 3, column 1"),
}
STRANGE = {
    "binding": "apiVersion: rbac/v1\nkind: RoleBinding\nsubjects:\n- {kind: User, name: ada}\nroleRef: {}\n",
    "openapi": "openapi: 3.1.0\ninfo: {title: Shop}\npaths: {/pay: {post: {requestBody: {subject: x}}}}\n",
    "several": "kind: Deployment\nmetadata:\n  subject: x\n---\nkind: Service\n",
    "chart": "kind: {{ .Values.kind }}\nmetadata:\n  subject: x\n",
    "played": "objective: sell\nprompt: Please begin.\ntools: []\n",
    "script": "- call: charge\n- done\n",
    "words": "subject to change\n",
    "nothing": "",
}


@pytest.fixture(scope="module")
def collected(project: Make) -> Ran:
    texts = {**RIGHT, **{name: text for name, (text, _said) in MISTAKEN.items()}, **STRANGE}
    made = project({f"scenarios/{name}.yaml": text for name, text in texts.items()})
    return made.pytest("--collect-only", "-q")


def found(ran: Ran) -> dict[str, Path]:
    folder = ran.folder / "scenarios"
    return {str(path.relative_to(folder).with_suffix("")): path for path in catalogue.files([folder])}


@pytest.mark.parametrize("name", RIGHT)
def test_however_it_is_spelled_a_scenario_is_a_test(collected: Ran, name: str) -> None:
    assert f"scenarios/{name}.yaml::journal" in collected.out
    assert catalogue.read(found(collected)[name]).expectations == {"journal": "passed"}


@pytest.mark.parametrize("name", MISTAKEN)
def test_what_is_meant_for_a_scenario_and_is_none_is_a_collection_error_with_its_place(
    collected: Ran, name: str
) -> None:
    said = [line for line in collected.out.splitlines() if f"scenarios/{name}.yaml" in line]

    assert f"ERROR scenarios/{name}.yaml" in said[-1]
    assert MISTAKEN[name][1] in collected.out.partition(f"ERROR collecting scenarios/{name}.yaml")[2]


def test_a_strangers_file_is_left_alone_by_both(collected: Ran) -> None:
    assert found(collected).keys() == {*RIGHT, *MISTAKEN}
    assert [name for name in STRANGE if f"scenarios/{name}.yaml" in collected.out] == []


def test_a_file_that_is_named_is_always_one(collected: Ran) -> None:
    named = collected.folder / "scenarios" / "binding.yaml"

    assert list(catalogue.files([named])) == [named]
