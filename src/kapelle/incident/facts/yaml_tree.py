"""Walks a YAML document with the exact place of every value."""

from collections.abc import Iterator
from dataclasses import dataclass

import yaml

from kapelle.evidence.model import Document, Excerpt
from kapelle.incident.facts.lines import excerpt_of


@dataclass(frozen=True)
class Branch:
    """A node of the document under its path of keys; list items carry their position, from 0."""

    document: Document
    path: tuple[str, ...]
    node: yaml.Node
    start: int
    """First character of its key, or of the item itself."""
    parent: "Branch | None" = None

    @property
    def key(self) -> str:
        """The last key that is no position."""
        return next((part for part in reversed(self.path) if not part.isdigit()), "")

    @property
    def value(self) -> str:
        """The scalar as text; empty for a list or a mapping."""
        return str(self.node.value) if isinstance(self.node, yaml.ScalarNode) else ""

    @property
    def values(self) -> tuple[str, ...]:
        """The scalars of a list of scalars, else the scalar itself."""
        if isinstance(self.node, yaml.SequenceNode):
            return tuple(str(item.value) for item in self.node.value if isinstance(item, yaml.ScalarNode))
        return (self.value,) if isinstance(self.node, yaml.ScalarNode) else ()

    @property
    def fields(self) -> dict[str, "Branch"]:
        """The members of a mapping."""
        return {child.path[-1]: child for child in self.children} if isinstance(self.node, yaml.MappingNode) else {}

    @property
    def children(self) -> "tuple[Branch, ...]":
        """Members of a mapping or items of a list, in order."""
        if isinstance(self.node, yaml.MappingNode):
            return tuple(
                Branch(self.document, (*self.path, str(key.value)), value, key.start_mark.index, self)
                for key, value in self.node.value
            )
        if isinstance(self.node, yaml.SequenceNode):
            return tuple(
                Branch(self.document, (*self.path, str(index)), item, item.start_mark.index, self)
                for index, item in enumerate(self.node.value)
            )
        return ()

    @property
    def key_excerpt(self) -> Excerpt | None:
        """The nearest key above it, such as `primary_rotation`; None at the top."""
        above = self.parent
        while above is not None and (not above.path or above.path[-1].isdigit()):
            above = above.parent
        return excerpt_of(self.document, above.start, above.start + len(above.path[-1])) if above is not None else None

    @property
    def excerpt(self) -> Excerpt:
        """From its key to the end of its last value, comments and blanks behind it left out."""
        return excerpt_of(self.document, self.start, _end(self.node))


def walk(branch: Branch) -> Iterator[Branch]:
    """The branch and everything under it, parents first."""
    yield branch
    for child in branch.children:
        yield from walk(child)


def tree_of(document: Document) -> Branch | None:
    """The document's root; None when it is empty or no YAML."""
    try:
        node = yaml.compose(document.text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return None
    return Branch(document, (), node, node.start_mark.index) if node is not None and not _loops(node) else None


def _end(node: yaml.Node) -> int:
    """Block nodes end where the next one begins; the last scalar or closing bracket says where the text ends."""
    if isinstance(node, yaml.ScalarNode) or getattr(node, "flow_style", False) or not node.value:
        return _trimmed(node)
    last = node.value[-1]
    return _end(last[1] if isinstance(last, tuple) else last)


def _trimmed(node: yaml.Node) -> int:
    text = node.start_mark.buffer or ""
    start, end = node.start_mark.index, node.end_mark.index
    return start + len(text[start:end].rstrip()) if text else end


def _loops(node: yaml.Node, above: frozenset[int] = frozenset()) -> bool:
    """Whether an alias refers to a node that it lies in."""
    if id(node) in above or len(above) > 60:
        return True
    inner = (
        [part for pair in node.value for part in pair]
        if isinstance(node, yaml.MappingNode)
        else node.value
        if isinstance(node, yaml.SequenceNode)
        else []
    )
    return any(_loops(part, above | {id(node)}) for part in inner)
