"""What a purge took of the target and the source still has: it is not copied again."""

import json
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, TypeAlias

import sqlalchemy as sa

from kapelle.store.tables import TAKEN_BY, runs

Keys: TypeAlias = set[tuple[str, ...]]
"""Primary keys."""

# Texts and payloads are shared by their content: they have owners, and runs that hold them.
_TEXTS = sa.text("select e.run, r.owner, e.source, e.sha256 from run_evidence e join runs r on r.id = e.run")
_SHOWN = sa.text("select owner, source, sha256 from evidence_live")
_PAYLOADS = sa.text("select s.run, r.owner, s.blob from steps s join runs r on r.id = s.run where s.blob is not null")
_OF_SESSIONS = sa.text("select owner, substr(state, 6) from sessions where state like 'blob\\:%'")


class Purged:
    """What was purged of the runs of the target; a run that was purged whole has left no trace there."""

    def __init__(self, source: sa.Connection, target: sa.Connection) -> None:
        self._runs: defaultdict[str, set[str]] = defaultdict(set)
        """By table: the runs of which it has nothing any more."""
        statement = sa.select(runs.c.id, runs.c.purged).where(runs.c.purged.is_not(None))
        for run, purged in target.execute(statement):
            for kind in json.loads(purged):
                for table in TAKEN_BY.get(kind, ()):
                    self._runs[table].add(run)
        slim = self._runs["evidence_documents"]
        self._keys: dict[str, Keys] = {}
        if slim:
            self._keys = {
                "evidence_documents": _only_of(slim, source, _TEXTS, _SHOWN),
                "blobs": _only_of(slim, source, _PAYLOADS, _OF_SESSIONS),
            }

    def has(self, table: sa.Table, row: Mapping[str, Any]) -> bool:  # Any: column values of every type
        """Whether a row of the source is among it."""
        keys = self._keys.get(table.name)
        if keys is not None:
            return tuple(row[column.name] for column in table.primary_key.columns) in keys
        return row.get("run") in self._runs.get(table.name, ())


def _only_of(slim: set[str], source: sa.Connection, held: sa.TextClause, kept: sa.TextClause) -> Keys:
    """What only such runs hold, and nothing else keeps."""
    theirs: Keys = set()
    others: Keys = {tuple(row) for row in source.execute(kept)}
    for run, *key in source.execute(held):
        (theirs if run in slim else others).add(tuple(key))
    return theirs - others
