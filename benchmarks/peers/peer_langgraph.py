"""LangGraph as a contender: `peer_langgraph.py sqlite|sqlite_equal_pragmas|postgres FOLDER|URL`.

As shipped: its SQLite checkpointer's own pragmas and its default durability. Equal pragmas: WAL, synchronous=NORMAL and
`durability="sync"`, which is what Kapelle keeps: a finished step is stored before the next begins. Postgres: the same
durability.
"""

import asyncio
import operator
import sys
import time
import uuid
from contextlib import AsyncExitStack
from typing import Annotated, Any, TypedDict

from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph
from line import Timed, serve, take_stdout


class State(TypedDict):
    """What the nodes add to: one number, whoever comes last."""

    value: Annotated[int, operator.add]


async def nothing(state: State) -> dict[str, int]:
    """Return a value."""
    return {"value": 1}


def chain(length: int) -> Any:
    """Nodes that follow each other."""
    graph = StateGraph(State)
    names = [f"s{number}" for number in range(length)]
    for name in names:
        graph.add_node(name, nothing)
    for before, after in zip([START, *names], [*names, END], strict=True):
        graph.add_edge(before, after)
    return graph


def fan(length: int) -> Any:
    """Nodes that need nothing."""
    graph = StateGraph(State)
    for number in range(length):
        graph.add_node(f"s{number}", nothing)
        graph.add_edge(START, f"s{number}")
        graph.add_edge(f"s{number}", END)
    return graph


def invoking(saver: Any, shape: Any, durability: str) -> Timed:
    """One thread from start to end; compiling the graph is not in it."""
    graphs: dict[int, Any] = {}

    async def timed(length: int) -> list[float]:
        if length not in graphs:
            graphs[length] = shape(length).compile(checkpointer=saver)
        config = {"configurable": {"thread_id": uuid.uuid4().hex}, "recursion_limit": length + 10}
        began = time.perf_counter()
        state = await graphs[length].ainvoke({"value": 0}, config, durability=durability)
        took = time.perf_counter() - began
        assert state["value"] == length
        return [took]

    return timed


async def main() -> None:
    """Serve until asked for nothing more."""
    answers = take_stdout()
    way, place = sys.argv[1:]
    async with AsyncExitStack() as stack:
        if way == "postgres":
            saver: Any = await stack.enter_async_context(AsyncPostgresSaver.from_conn_string(place))
        else:
            saver = await stack.enter_async_context(AsyncSqliteSaver.from_conn_string(f"{place}/checkpoints.db"))
        await saver.setup()
        if way == "sqlite_equal_pragmas":
            await saver.conn.execute("pragma synchronous=NORMAL")
        durability = "async" if way == "sqlite" else "sync"
        shapes = {name: invoking(saver, shape, durability) for name, shape in (("chain", chain), ("fan", fan))}
        await serve(shapes, answers)


if __name__ == "__main__":
    asyncio.run(main())
