"""The fence of a run: the one statement that proves who owns it, holds its row, and draws its event numbers."""

from dataclasses import dataclass

import sqlalchemy as sa

from kapelle.errors import OwnershipLost
from kapelle.run.checkpoint import Part
from kapelle.store.dialect import Plain, Statement


@dataclass(frozen=True, slots=True)
class RunFence:
    """A generation of a run, or of a part of it, owned by one execution of its workflow."""

    run: str
    generation: int
    workflow: str
    xid: str
    part: Part | None = None

    def pass_through(self, connection: sa.Connection, events: int) -> int:
        """Lock the run's row and draw its event numbers; the first of them."""
        given: dict[str, object] = {
            "n": events,
            "run": self.run,
            "generation": self.generation,
            "workflow": self.workflow,
            "xid": self.xid,
        }
        if self.part is not None:
            given |= {"map": self.part.map, "number": self.part.number}
        statement = _FENCE if self.part is None else _PART_FENCE
        last = statement.first(connection, given)
        if last is None:
            raise OwnershipLost(f"run `{self.run}` was taken over by another process")
        return int(last) - events + 1


# One statement checks ownership, locks the run's row and draws the numbers of its events. The row is held to the
# commit, so numbers become visible in their order (docs/decisions/0003).
_OWN = "(select owner_xid from {workflow_status} where workflow_uuid = :workflow and status = 'PENDING') = :xid"
# On Postgres the owner's row is locked as DBOS locks it, or a hand-over lands between check and commit.
_OWN_LOCKED = (
    "with own as materialized (select 1 from {workflow_status} where workflow_uuid = :workflow "
    "and owner_xid = :xid and status = 'PENDING' for no key update) "
)
_PART = (
    "exists (select 1 from parts where parts.run = :run and parts.path = :map and parts.number = :number "
    "and parts.generation = :generation and parts.status = 'queued')"
)
_FENCE = Plain(
    Statement(
        f"update runs set seq = seq + :n where id = :run and generation = :generation and {_OWN} returning seq",
        postgres=f"{_OWN_LOCKED}update runs set seq = seq + :n from own where id = :run and generation = :generation "
        "returning seq",
    )
)
_PART_FENCE = Plain(
    Statement(
        f"update runs set seq = seq + :n where id = :run and {_PART} and {_OWN} returning seq",
        postgres=f"{_OWN_LOCKED}update runs set seq = seq + :n from own where id = :run and {_PART} returning seq",
    )
)
