"""The tools that are known, by name."""

from collections.abc import Iterable, Iterator

from kapelle.errors import BadInput, NotFound
from kapelle.tools.model import Tool


class Registry:
    """Tools (or agents) by name; a name is given once."""

    def __init__(self, tools: Iterable[Tool] = (), *, what: str = "tool") -> None:
        self._what = what
        self._tools: dict[str, Tool] = {}
        for tool in tools:
            self.add(tool)

    def add(self, tool: Tool) -> None:
        """Register a tool.

        Raises:
            BadInput: another one has its name.
        """
        known = self._tools.get(tool.name)
        if known is not None and known.function is not tool.function:
            raise BadInput(f"two {self._what}s are named `{tool.name}`; give one of them another name")
        self._tools[tool.name] = tool

    def get(self, name: str) -> Tool:
        """The tool of a name.

        Raises:
            NotFound: there is none; the message lists those there are.
        """
        if name not in self._tools:
            known = ", ".join(sorted(self._tools)) or "none"
            raise NotFound(f"there is no {self._what} `{name}`; known: {known}")
        return self._tools[name]

    def __contains__(self, name: str) -> bool:
        return name in self._tools

    def __iter__(self) -> Iterator[Tool]:
        return iter(sorted(self._tools.values(), key=lambda tool: tool.name))

    def __len__(self) -> int:
        return len(self._tools)
