"""The retention: what is deleted of what is over, how old it must be, and what cannot be done without it any more."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, TypeAdapter

from kapelle import clock
from kapelle.errors import BadInput, Purged
from kapelle.run.model import RunRecord
from kapelle.settings import RetentionSettings

Kind = Literal["text", "journal", "events", "approvals", "runs", "sessions", "corpora"]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""In the order in which they are deleted."""
_NAMES: Mapping[str, str] = {
    "text": "the outputs of its steps",
    "journal": "the calls its steps made",
    "events": "its events",
    "approvals": "what people decided",
}
_TIMES: TypeAdapter[dict[str, datetime]] = TypeAdapter(dict[str, datetime])


class Gone(BaseModel):
    """What goes, or would, of one kind."""

    model_config = ConfigDict(frozen=True)

    kind: Kind
    before: datetime
    """What was over by then."""
    rows: int = 0
    bytes: int = 0
    """About."""


class PurgeReport(BaseModel):
    """What a purge deleted; a dry one: what it would."""

    model_config = ConfigDict(frozen=True)

    dry_run: bool
    archive: str | None
    """The folder it was written to before; None: nowhere."""
    kinds: tuple[Gone, ...]


def cutoffs(
    chosen: RetentionSettings, kinds: Sequence[str] = (), *, older_than: float | None = None
) -> dict[Kind, datetime]:
    """By kind, the time before which what is over goes.

    Args:
        kinds: these alone; empty: every one that is not kept for ever.
        older_than: days, instead of those of the settings.

    Raises:
        BadInput: there is no such kind, or one that was named is kept for ever, or `older_than` is no number from 0.
    """
    for name in kinds:
        if name not in KINDS:
            raise BadInput(f"`kind`: there is no kind `{name}`; expected {', '.join(KINDS)}")
    if older_than is not None and not 0 <= older_than <= 100_000:
        raise BadInput(f"`older_than`: expected days from 0 to 100000, got {older_than:g}")
    now = clock.now()
    found: dict[Kind, datetime] = {}
    for kind in KINDS:
        days: float = getattr(chosen, kind)
        wanted = kind in kinds if kinds else bool(days)
        if not wanted:
            continue
        if not days and older_than is None:
            setting = f"KAPELLE_RETENTION__{kind.upper()}"
            raise BadInput(f"`kind`: `{kind}` is kept for ever (`{setting}`); say how old it must be")
        found[kind] = now - timedelta(days=days if older_than is None else older_than)
    return found


def refuse_purged(record: RunRecord, what: str, needs: Iterable[str]) -> None:
    """Say what is missing of a run for what somebody wants of it.

    Raises:
        Purged: something is.
    """
    gone = [kind for kind in needs if kind in record.purged]
    if gone:
        listed = " and ".join(f"{_NAMES[kind]} (`retention.{kind}`)" for kind in gone)
        when = clock.to_iso(max(record.purged[kind] for kind in gone))
        raise Purged(f"run `{record.id}` cannot {what}: {listed} were purged, last at {when}; start a new run instead")


def purge_note(record: RunRecord) -> str:
    """A line about what is not there any more; empty when everything is."""
    return "; ".join(
        f"{_NAMES.get(kind, kind)} were purged at {clock.to_iso(at)}" for kind, at in sorted(record.purged.items())
    )


def as_stored(purged: Mapping[str, datetime]) -> str:
    """What was purged of a run as its row has it; empty for nothing."""
    if not purged:
        return ""
    return _TIMES.dump_json({kind: purged[kind] for kind in sorted(purged)}).decode()
