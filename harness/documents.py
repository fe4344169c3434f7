"""YAML that people write, read within bounds: a file must not take the memory or the stack of whoever reads it.

Ten lines of aliases can stand for a billion values, and a text of brackets can be deeper than Python's stack. Both are
refused where they begin, with their line, as any other mistake in a file.
"""

from __future__ import annotations

from typing import Any

import yaml

DEEPEST = 100
"""How many lists and mappings may stand in one another."""
LARGEST = 1_000_000
"""How many values a file may stand for, its aliases written out."""


class Loader(yaml.SafeLoader):
    """PyYAML's safe loader. Raises `yaml.MarkedYAMLError` for what is too deep or stands for too much."""

    def __init__(self, stream: Any) -> None:
        super().__init__(stream)
        self._depth = 0
        self._sizes: dict[int, int] = {}

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        self._depth += 1
        if self._depth > DEEPEST:
            raise yaml.MarkedYAMLError(problem=f"more than {DEEPEST} levels deep", problem_mark=event.start_mark)
        node = super().compose_node(parent, index)
        self._depth -= 1
        if id(node) not in self._sizes:
            self._sizes[id(node)] = self._size(node)
        if self._sizes[id(node)] > LARGEST:
            raise yaml.MarkedYAMLError(
                problem=f"with its aliases written out it holds more than {LARGEST} values",
                problem_mark=event.start_mark,
            )
        return node

    def construct_yaml_timestamp(self, node: Any) -> Any:
        try:
            return super().construct_yaml_timestamp(node)
        except ValueError as error:
            reason = f"{node.value!r} is no date: {error}; what is no date is written in quotes"
            raise yaml.MarkedYAMLError(problem=reason, problem_mark=node.start_mark) from error

    def _size(self, node: Any) -> int:
        """The node with all that is in it. An alias inside of itself counts once."""
        if isinstance(node, yaml.MappingNode):
            return 1 + sum(self._sizes.get(id(part), 1) for pair in node.value for part in pair)
        if isinstance(node, yaml.SequenceNode):
            return 1 + sum(self._sizes.get(id(part), 1) for part in node.value)
        return 1


Loader.add_constructor("tag:yaml.org,2002:timestamp", Loader.construct_yaml_timestamp)
