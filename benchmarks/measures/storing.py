"""How many bytes a step leaves behind."""

import sqlalchemy as sa

from kapelle.orchestrator import Orchestrator
from kapelle.plan.model import Plan
from measures.field import Field

STEPS = 100
RUNS = 5


async def bytes_per_step(field: Field, payload: int) -> float:
    """Bytes that the database grew by a step whose output is a text of `payload` bytes: all tables and indexes.

    DBOS's tables, the run's row and its plan are in it, shared by its 100 steps.
    """
    async with field.house() as house:
        await _walk(house, payload)
        before = _size(field)
        for _ in range(RUNS):
            await _walk(house, payload)
        return (_size(field) - before) / (RUNS * STEPS)


async def _walk(house: Orchestrator, payload: int) -> None:
    steps = [
        {"kind": "tool", "id": f"s{number}", "tool": "text", "inputs": {"length": payload}} for number in range(STEPS)
    ]
    run = await house.start("store", plan=Plan.model_validate({"steps": steps, "output": "s0"}))
    assert (await run.wait()).status == "succeeded"


def _size(field: Field) -> int:
    if field.engine.dialect.name == "postgresql":
        return int(field.one("select pg_database_size(current_database())"))
    with field.engine.connect() as connection:
        connection.execute(sa.text("pragma wal_checkpoint(passive)"))
        pages, free, size = (
            int(connection.execute(sa.text(f"pragma {name}")).scalar() or 0)
            for name in ("page_count", "freelist_count", "page_size")
        )
    return (pages - free) * size
