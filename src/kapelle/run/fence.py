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

    @property
    def given(self) -> dict[str, object]:
        """What its conditions ask for."""
        given: dict[str, object] = {
            "run": self.run,
            "generation": self.generation,
            "workflow": self.workflow,
            "xid": self.xid,
        }
        if self.part is not None:
            given |= {"map": self.part.map, "number": self.part.number}
        return given

    def pass_through(self, connection: sa.Connection, events: int) -> int:
        """Lock the run's row and draw its event numbers; the first of them.

        Raises:
            OwnershipLost: another process owns it now.
        """
        statement = _FENCE if self.part is None else _PART_FENCE
        last = statement.first(connection, {**self.given, "n": events})
        if last is None:
            raise self.lost()
        return int(last) - events + 1

    def lost(self) -> OwnershipLost:
        """What a writer is told that finds no row."""
        return OwnershipLost(f"run `{self.run}` was taken over by another process")


# One statement checks ownership, locks the run's row and draws the numbers of its events. The row is held to the
# commit, so numbers become visible in their order (docs/decisions/0003).
OWNED = "(select owner_xid from {workflow_status} where workflow_uuid = :workflow and status = 'PENDING') = :xid"
# On Postgres the owner's row is locked as DBOS locks it, or a hand-over lands between check and commit.
LOCKED = (
    "select 1 from {workflow_status} where workflow_uuid = :workflow "
    "and owner_xid = :xid and status = 'PENDING'{more} for no key update"
)
_RUN = "id = :run and generation = :generation"
_PART = (
    "id = :run and exists (select 1 from parts where parts.run = :run and parts.path = :map and parts.number = :number "
    "and parts.generation = :generation and parts.status = 'queued')"
)
WHOSE = {False: _RUN, True: _PART}
"""Which run, by whether a part of it is owned."""


def _passing(part: bool) -> Plain:
    drawn = "update runs set seq = seq + :n"
    locked = LOCKED.replace("{more}", "")
    return Plain(
        Statement(
            f"{drawn} where {WHOSE[part]} and {OWNED} returning seq",
            postgres=f"with own as materialized ({locked}) {drawn} from own where {WHOSE[part]} returning seq",
        )
    )


_FENCE, _PART_FENCE = _passing(False), _passing(True)
