"""Search with filters, and drop them step by step when nothing fits: said, never silently."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from kapelle.evidence.index import Index
from kapelle.evidence.search import SearchResult, search
from kapelle.incident.knowledge import OWNER


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition on a passage's meta `field`, asked for by the argument `name`."""

    name: str
    field: str
    wanted: JsonValue


@dataclass(frozen=True, slots=True)
class Relaxed:
    """What was found, and the arguments that had to be dropped for it."""

    result: SearchResult
    dropped: tuple[str, ...] = ()

    @property
    def reason(self) -> str:
        """Why the result is not what was asked for, in words; empty when it is."""
        without = f"nothing fits with {', '.join(f'`{name}`' for name in self.dropped)}; searched without"
        return "; ".join(part for part in (without if self.dropped else "", self.result.fallback_reason) if part)


def search_relaxing(index: Index, collection: str, query: str, filters: Sequence[Filter], *, k: int) -> Relaxed:
    """Search with all filters; on zero hits drop the first of them, then the first two, and so on."""
    for dropped in range(len(filters) + 1):
        kept = filters[dropped:]
        result = search(index, [collection], query, owner=OWNER, k=k, filters=_together(kept))
        if result.hits:
            return Relaxed(result, tuple(filter.name for filter in filters[:dropped]))
    return Relaxed(result)


def _together(filters: Sequence[Filter]) -> dict[str, JsonValue]:
    """Filters by field; two bounds on one field hold both."""
    joined: dict[str, JsonValue] = {}
    for one in filters:
        before = joined.get(one.field)
        if isinstance(before, dict) and isinstance(one.wanted, dict):
            joined[one.field] = _tighter(before, one.wanted)
        else:
            joined[one.field] = one.wanted
    return joined


def _tighter(a: dict[str, JsonValue], b: dict[str, JsonValue]) -> dict[str, JsonValue]:
    both = {**a, **b}
    if "ge" in a and "ge" in b:
        both["ge"] = max(str(a["ge"]), str(b["ge"]))
    if "le" in a and "le" in b:
        both["le"] = min(str(a["le"]), str(b["le"]))
    return both
