"""Reads configuration files by their shapes: rota, channels, report defaults, ticket fields, pipelines,
protections, plain values.
"""

import datetime
import re
from collections.abc import Iterator

from kapelle.evidence.model import Document, Excerpt
from kapelle.incident.facts.model import (
    DefaultChannel,
    Entry,
    Fact,
    FieldList,
    NamedChannel,
    Protection,
    RotaShift,
    Topic,
    Workflow,
)
from kapelle.incident.facts.yaml_tree import Branch, tree_of, walk

_TOPICS: tuple[tuple[str, Topic], ...] = (
    (r"audit", "audit"),
    (r"field", "fields"),
    (r"rota|oncall|on_call|escalation_order|handoff", "on_call"),
    (r"channel|reporting|slack", "communication"),
    (r"approval|workflow|protection|reviewer|change|migration", "change"),
    (r"priority|severity", "severity"),
)
_START = ("week_start", "start", "from", "week", "starts", "start_date")
_PERSON = ("engineer", "name", "person", "who", "oncall", "on_call", "user")
_HANDLE = ("slack_handle", "handle", "slack", "contact")


def facts_of(document: Document) -> tuple[Fact, ...]:
    """Every typed fact of a YAML file; a file that is no YAML has none."""
    root = tree_of(document)
    return tuple(fact for branch in walk(root) for fact in _facts(branch)) if root is not None else ()


def _facts(branch: Branch) -> Iterator[Fact]:
    fields = branch.fields
    if shift := _shift(branch, fields):
        yield shift
    elif "name" in fields and _is_channel(branch, fields):
        yield _channel(branch, fields)
    elif "name" in fields and any(
        key.startswith(("required_approvals", "environment", "requires_", "trigger")) for key in fields
    ):
        yield _workflow(branch, fields)
    elif fields and len(branch.path) > 1 and "protection" in branch.path[-2]:
        yield _protection(branch, fields)
    elif branch.key.endswith("_channel") and branch.value:
        yield DefaultChannel(
            excerpt=branch.excerpt, text=_words(branch), topic="communication", key=branch.key, channel=branch.value
        )
    elif (fields_list := _field_list(branch)) is not None:
        yield fields_list
    if branch.values and not branch.path[-1].isdigit():
        yield Entry(
            excerpt=branch.excerpt,
            lead=_lead(branch),
            text=_words(branch),
            item=_item(branch),
            heading=".".join(branch.path[:-1]),
            topic=_topic(branch),
            path=_path(branch),
            values=branch.values,
        )


def _shift(branch: Branch, fields: dict[str, Branch]) -> RotaShift | None:
    start = next((fields[key].value for key in _START if key in fields and fields[key].value), "")
    person = next((fields[key].value for key in _PERSON if key in fields and fields[key].value), "")
    try:
        week = datetime.date.fromisoformat(start[:10])
    except ValueError:
        return None
    if not person:
        return None
    tier = (
        re.sub(r"_?(?:rotation|rota|on_?call|schedule|shifts?)$", "", branch.key, flags=re.IGNORECASE)
        .replace("_", " ")
        .strip()
    )
    handle = next((fields[key].value for key in _HANDLE if key in fields), "")
    return RotaShift(
        excerpt=branch.excerpt,
        lead=_lead(branch),
        text=f"{tier or branch.key}: {person} from {week}",
        heading=branch.key,
        topic="on_call",
        tier=tier or branch.key,
        week_start=week,
        engineer=person,
        handle=handle,
    )


def _is_channel(branch: Branch, fields: dict[str, Branch]) -> bool:
    return (
        "channel" in branch.key.lower()
        or fields["name"].value.startswith("#")
        or ("purpose" in fields and "retention_days" in fields)
    )


def _channel(branch: Branch, fields: dict[str, Branch]) -> NamedChannel:
    name = fields["name"].value
    purpose = next((fields[key].value for key in ("purpose", "description", "topic", "use") if key in fields), "")
    return NamedChannel(
        excerpt=branch.excerpt,
        text=f"{name}: {purpose}",
        heading=branch.key,
        topic="communication",
        name=name,
        purpose=purpose,
        retention_days=_number(fields.get("retention_days")),
    )


def _workflow(branch: Branch, fields: dict[str, Branch]) -> Workflow:
    approvals = _number(fields.get("required_approvals"))
    return Workflow(
        excerpt=branch.excerpt,
        text=f"workflow {fields['name'].value}",
        heading=branch.key,
        topic="change",
        name=fields["name"].value,
        environment=fields["environment"].value if "environment" in fields else "",
        required_approvals=None if approvals is None else int(approvals),
        needs_ticket=_truth(fields.get("requires_change_ticket")),
        needs_ack=_truth(fields.get("requires_oncall_ack")),
    )


def _protection(branch: Branch, fields: dict[str, Branch]) -> Protection:
    reviewers = next((child.values for key, child in fields.items() if "reviewer" in key or "approver" in key), ())
    wait = next((child for key, child in fields.items() if "wait" in key), None)
    return Protection(
        excerpt=branch.excerpt,
        text=f"environment {branch.path[-1]}",
        heading=branch.path[-2],
        topic="change",
        environment=branch.path[-1],
        reviewers=reviewers,
        wait_minutes=_number(wait),
    )


def _field_list(branch: Branch) -> FieldList | None:
    names = branch.values
    path = "/".join(branch.path).lower()
    if len(names) == 0 or branch.value or "field" not in path or "optional" in path:
        return None
    subject = next((kind for kind in ("incident", "change", "problem", "bug", "task") if kind in path), "")
    return FieldList(
        excerpt=branch.excerpt,
        lead=_lead(branch),
        text=f"{subject} fields: {', '.join(names)}",
        heading=path,
        topic="fields",
        subject=subject,
        fields=names,
    )


def _lead(branch: Branch) -> tuple[Excerpt, ...]:
    siblings = branch.parent.fields if branch.parent is not None else {}
    if branch.values and "name" in siblings and branch.path[-1] != "name":
        return (siblings["name"].excerpt,)
    above = branch.key_excerpt
    return (above,) if above is not None else ()


def _item(branch: Branch) -> str:
    """Of a value in a list of mappings, the name of its mapping."""
    siblings = branch.parent.fields if branch.parent is not None else {}
    return next(
        (siblings[key].value for key in ("name", "key", "id") if key in siblings and branch.path[-1] != key), ""
    )


def _path(branch: Branch) -> str:
    return ".".join(part for part in branch.path if not part.isdigit())


def _words(branch: Branch) -> str:
    return f"{_path(branch).replace('_', ' ').replace('.', ' ')}: {', '.join(branch.values)}"


def _topic(branch: Branch) -> Topic:
    path = f"{branch.document.source} {_path(branch)}".lower()
    return next((topic for pattern, topic in _TOPICS if re.search(pattern, path.rsplit("/", 1)[-1])), "other")


def _number(branch: Branch | None) -> float | None:
    try:
        return float(branch.value) if branch is not None else None
    except ValueError:
        return None


def _truth(branch: Branch | None) -> bool | None:
    if branch is None:
        return None
    return {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}.get(branch.value.lower())
