"""Draw a plan: as a tree of text, as Mermaid text, as SVG (pure)."""

from collections.abc import Iterator, Mapping
from html import escape

from kapelle.plan.graph import graph_of
from kapelle.plan.model import (
    AgentStep,
    ApprovalStep,
    Fallback,
    MapStep,
    Plan,
    RepeatStep,
    SearchStep,
    Step,
    ToolStep,
    UnknownStep,
    children,
)

MARKS = {
    "tool": "⚙",
    "agent": "◆",
    "search": "⌕",
    "answer": "✎",
    "verdict": "✓",
    "approval": "☝",
    "map": "⇉",
    "repeat": "↻",
    "unknown": "?",
}


def label(step: Step) -> str:
    """What a person reads of a step."""
    match step:
        case ToolStep(tool=name) | AgentStep(agent=name):
            uses = name
        case SearchStep(corpora=names):
            uses = ", ".join(names)
        case MapStep(width=width):
            uses = f"each item, {width} at once"
        case RepeatStep(rounds=rounds):
            uses = f"up to {rounds} rounds"
        case ApprovalStep(action=action):
            uses = action
        case UnknownStep(of=kind):
            uses = f"{kind}, unknown to this version"
        case _:
            uses = step.kind
    return one_line(step.title or (step.id if uses == step.id else f"{step.id}: {uses}"))


def one_line(text: str) -> str:
    """A text on one line, without what a terminal, XML or a reader's eye would take for more than text."""
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())


def ranks(steps: tuple[Step, ...]) -> list[list[Step]]:
    """The steps by their distance from the start: those of one rank may run at once. A cycle's steps come last."""
    graph = graph_of(steps)
    waits = {name: len(needs.all) for name, needs in graph.needs.items()}
    ready = [name for name in graph.steps if waits[name] == 0]
    rank = dict.fromkeys(ready, 0)
    while ready:
        name = ready.pop(0)
        for dependent in graph.dependents[name]:
            rank[dependent] = max(rank.get(dependent, 0), rank[name] + 1)
            waits[dependent] -= 1
            if waits[dependent] == 0:
                ready.append(dependent)
    for step in steps:
        if isinstance(step.on_error, Fallback) and step.on_error.fallback in rank:
            rank[step.on_error.fallback] = max(rank[step.on_error.fallback], rank.get(step.id, 0) + 1)
    deepest = max(rank.values(), default=0) + 1
    rows: list[list[Step]] = [[] for _ in range(deepest + 1)]
    for step in steps:
        rows[rank.get(step.id, deepest)].append(step)
    return [row for row in rows if row]


def draw_text(plan: Plan) -> str:
    """The plan as lines: a block per rank, what runs at once side by side in it, bodies indented."""
    lines = [f"{one_line(plan.id) or 'draft'}  {one_line(plan.why)}".rstrip()]
    lines.extend(_text(plan.steps, ""))
    return "\n".join(lines)


def _text(steps: tuple[Step, ...], indent: str) -> Iterator[str]:
    graph = graph_of(steps)
    rows = ranks(steps)
    for number, row in enumerate(rows, 1):
        for place, step in enumerate(row):
            last = number == len(rows) and place == len(row) - 1
            branch = "└─" if last else "├─"
            needs = graph.needs[step.id].all
            after = f"  ← {one_line(', '.join(needs))}" if needs else ""
            condition = "  (if)" if step.when is not None else ""
            yield f"{indent}{branch} {number}. {MARKS[step.kind]} {label(step)}{condition}{after}"
            yield from _text(children(step), indent + ("      " if last else "│     "))


# Inside quotes Mermaid still reads HTML and Markdown; `#` begins its own entities.
_ENTITIES = {ord(one): f"#{ord(one)};" for one in '"<>&#`'}


def draw_mermaid(plan: Plan) -> str:
    """The plan as a Mermaid flowchart."""
    lines = ["flowchart TD"]
    lines.extend(_mermaid(plan.steps, "", "  "))
    return "\n".join(lines) + "\n"


def _mermaid(steps: tuple[Step, ...], prefix: str, indent: str) -> Iterator[str]:
    names = {step.id: _name(prefix + step.id) for step in steps}
    graph = graph_of(steps)
    for step in steps:
        text = label(step).translate(_ENTITIES)
        if children(step):
            yield f'{indent}subgraph {names[step.id]}["{MARKS[step.kind]} {text}"]'
            yield from _mermaid(children(step), f"{prefix}{step.id}/", indent + "  ")
            yield f"{indent}end"
        else:
            yield f'{indent}{names[step.id]}["{MARKS[step.kind]} {text}"]'
    for step in steps:
        needs = graph.needs[step.id]
        for name in needs.all:
            arrow = "-->" if name in needs.data else "-.->"
            yield f"{indent}{names[name]} {arrow} {names[step.id]}"
        if isinstance(step.on_error, Fallback) and step.on_error.fallback in names:
            yield f"{indent}{names[step.id]} -.->|on error| {names[step.on_error.fallback]}"


def _name(path: str) -> str:
    # Mermaid's node ids allow letters, digits and underscores; the hex keeps different ids different.
    return "n_" + "".join(one if one.isascii() and one.isalnum() else f"_{ord(one):x}_" for one in path)


_WIDTH, _HEIGHT, _GAP, _ROW = 230, 54, 26, 46


def draw_svg(plan: Plan, states: Mapping[str, str] | None = None) -> str:
    """The plan as SVG that follows the reader's light or dark scheme.

    Args:
        states: status of each step by its path, to colour a run.
    """
    rows = ranks(plan.steps)
    widest = max(len(row) for row in rows)
    width = widest * (_WIDTH + _GAP) + _GAP
    height = len(rows) * (_HEIGHT + _ROW) + _GAP
    places: dict[str, tuple[float, float]] = {}
    for down, row in enumerate(rows):
        left = (width - len(row) * (_WIDTH + _GAP) + _GAP) / 2
        for across, step in enumerate(row):
            places[step.id] = (left + across * (_WIDTH + _GAP), _GAP + down * (_HEIGHT + _ROW))
    body = [*_edges(plan.steps, places), *_nodes(plan.steps, places, states or {})]
    title = escape(one_line(plan.why or plan.id or "plan"))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-label="{title}"><title>{title}</title><style>{_STYLE}</style>{_ARROW}{"".join(body)}</svg>\n'
    )


_STYLE = (
    "rect{fill:#fff;stroke:#64748b;stroke-width:1.5}text{font:13px system-ui,sans-serif;fill:#0f172a}"
    ".kind{font-size:11px;fill:#64748b}path{fill:none;stroke:#94a3b8;stroke-width:1.5}.order{stroke-dasharray:4 4}"
    ".succeeded{stroke:#16a34a}.failed{stroke:#dc2626}.skipped{stroke-dasharray:4 4}.running{stroke:#2563eb}"
    ".suspended{stroke:#d97706}#tip{fill:#94a3b8}"
    "@media(prefers-color-scheme:dark){rect{fill:#1e293b}text{fill:#f1f5f9}.kind{fill:#94a3b8}}"
)
_ARROW = (
    '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    '<path id="tip" d="M0 0L8 4L0 8z"/></marker></defs>'
)


def _edges(steps: tuple[Step, ...], places: Mapping[str, tuple[float, float]]) -> Iterator[str]:
    graph = graph_of(steps)
    for step in steps:
        needs = graph.needs[step.id]
        for name in needs.all:
            x1, y1 = places[name][0] + _WIDTH / 2, places[name][1] + _HEIGHT
            x2, y2 = places[step.id][0] + _WIDTH / 2, places[step.id][1]
            kind = "" if name in needs.data else ' class="order"'
            bend = (y2 - y1) / 2
            yield (
                f'<path{kind} marker-end="url(#arrow)" '
                f'd="M{x1:g} {y1:g}C{x1:g} {y1 + bend:g} {x2:g} {y2 - bend:g} {x2:g} {y2:g}"/>'
            )


def _nodes(
    steps: tuple[Step, ...], places: Mapping[str, tuple[float, float]], states: Mapping[str, str]
) -> Iterator[str]:
    for step in steps:
        x, y = places[step.id]
        text = label(step)
        shown = text if len(text) <= 30 else text[:29] + "…"
        state = states.get(step.id, "")
        inner = children(step)
        kind = f"{MARKS[step.kind]} {step.kind}" + (f" of {len(inner)} steps" if inner else "")
        kind += f" · {state}" if state else ""
        yield (
            f"<g><title>{escape(text)}</title>"
            f'<rect class="{escape(one_line(state))}" x="{x:g}" y="{y:g}" width="{_WIDTH}" height="{_HEIGHT}" rx="8"/>'
            f'<text x="{x + 12:g}" y="{y + 22:g}">{escape(shown)}</text>'
            f'<text class="kind" x="{x + 12:g}" y="{y + 41:g}">{escape(one_line(kind))}</text></g>'
        )
