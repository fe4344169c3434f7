"""YAML within bounds: what would take the memory or the stack of its reader is refused with its line."""

from __future__ import annotations

import pytest
import yaml

from harness.documents import DEEPEST, Loader

DOUBLING = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40))


def test_what_people_write_reads_as_ever():
    text = "base: &base {a: 1}\nother: {<<: *base, b: [1, 2.5, yes, null]}\n"
    assert yaml.load(text, Loader=Loader) == yaml.safe_load(text)


def test_as_deep_as_is_allowed_is_allowed():
    deep = DEEPEST - 1  # the innermost value is a level, too
    assert yaml.load("[" * deep + "1" + "]" * deep, Loader=Loader)


@pytest.mark.parametrize(
    ("text", "said", "line"),
    [
        pytest.param("when: 2027-02-30", "'2027-02-30' is no date", 1, id="no day of any month"),
        pytest.param("[" * 5000, "more than 100 levels deep", 1, id="too deep"),
        pytest.param(DOUBLING, "with its aliases written out it holds more than", 20, id="aliases of aliases"),
    ],
)
def test_what_no_memory_or_stack_holds_is_refused_where_it_begins(text: str, said: str, line: int):
    with pytest.raises(yaml.MarkedYAMLError) as raised:
        yaml.load(text, Loader=Loader)
    assert said in str(raised.value.problem)
    assert raised.value.problem_mark.line + 1 == line


def test_an_alias_of_what_holds_it_ends():
    assert yaml.compose("&a [*a]", Loader=Loader) is not None
