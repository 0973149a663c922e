"""Writes company folders with other numbers, names, section order and wording, and the scenarios that follow
from them.
"""

import json
import random
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

Scenario = dict[str, object]
_WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_FIRST = [
    "Ada",
    "Bram",
    "Carla",
    "Dmitri",
    "Esra",
    "Falk",
    "Greta",
    "Hugo",
    "Ilse",
    "Jonas",
    "Katya",
    "Liam",
    "Mona",
    "Nils",
    "Oda",
    "Pia",
]
_LAST = [
    "Brandt",
    "Costa",
    "Dahl",
    "Egger",
    "Fontane",
    "Grau",
    "Haas",
    "Ivers",
    "Janik",
    "Kowal",
    "Lund",
    "Moreau",
    "Novak",
    "Osei",
    "Petit",
    "Quist",
]
_ROLES = (
    ("secondary on-call", "incident commander", "platform director"),
    ("backup engineer", "duty manager", "head of operations"),
    ("second responder", "crisis lead", "VP of Engineering"),
    ("secondary engineer", "major incident manager", "site reliability director"),
)
_APPROVERS = (
    ("peer reviewer", "release manager", "security officer", "data steward"),
    ("tech lead", "product owner", "quality lead", "database administrator"),
    ("code owner", "change coordinator", "compliance partner", "storage lead"),
)
_STRANGERS = ("marketing lead", "sales director", "intern", "office manager", "recruiter")
_FIELDS = (
    "severity",
    "service",
    "owner",
    "impact_summary",
    "detected_at",
    "customer_scope",
    "next_update",
    "bridge_link",
    "region",
)
_CHANGE_FIELDS = (
    "service",
    "risk_class",
    "rollout_plan",
    "backout_plan",
    "test_report",
    "window_ref",
    "approver_names",
)


@dataclass
class Numbers:
    """What the current policy says, as numbers."""

    ack: dict[int, int] = field(default_factory=dict)
    steps: dict[int, list[int]] = field(default_factory=dict)
    update: dict[int, int] = field(default_factory=dict)
    error: float = 2.0
    error_minutes: int = 5
    latency: int = 40
    latency_minutes: int = 10
    checks: int = 3
    window: tuple[int, int, int, int] = (0, 3, 9, 16)
    """First and last weekday, opening and closing hour."""
    freeze: tuple[int, int, int, int] = (4, 15, 0, 6)
    """Weekday and hour of its start, of its end."""
    standard: int = 1
    emergency: int = 2
    escalation_record: int = 10
    rollback_record: int = 20
    retention: int = 365


class Writer:
    """One company: choices drawn once from the seed, then used in every file and scenario."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        pick = self.random.choice
        self.new, self.old = self._numbers(), Numbers()
        self._older()
        self.roles, self.approvers = pick(_ROLES), pick(_APPROVERS)
        self.names = pick(
            (
                ("policy_v1", "policy_v2"),
                ("policy_2025", "policy_2026"),
                ("policy_v3", "policy_v4"),
                ("policy_v2", "policy_v3"),
            )
        )
        self.service, self.other = pick(
            (
                ("order-core", "ledger-api"),
                ("booking-api", "mailer"),
                ("stream-edge", "catalog"),
                ("claims-api", "document-store"),
            )
        )
        self.project = pick(("NOC", "SRV", "RUN", "INC"))
        stem = pick(("inc", "major", "war", "fire"))
        self.channels = {
            "incident": f"#{stem}-room",
            "escalation": f"#{stem}-escalate",
            "executive": f"#{stem}-leaders",
            "change": f"#{stem}-changes",
            "audit": f"#{stem}-ledger",
        }
        self.audit = pick(("audit", "compliance", "trail"))
        self.fields = self.random.sample(_FIELDS, 5)
        self.change_fields = self.random.sample(_CHANGE_FIELDS, 4)
        people = [
            f"{first} {last}"
            for first, last in zip(self.random.sample(_FIRST, 8), self.random.sample(_LAST, 8), strict=True)
        ]
        self.primaries, self.secondaries = people[:4], people[4:]
        self.first_week = date(2026, 2, 2)
        self.verb = pick(("Escalate to", "Page", "Notify", "Escalate to the", "Page the"))
        self.unowned = pick(("unowned", "nobody has taken it", "no owner is assigned", "it has no assignee"))
        self.above = pick((">", "over", "above", "exceeds", "more than", ">=", "at least"))
        self.minutes_word = pick(("minutes", "min"))
        self.days_style = pick(("long", "short", "dash"))
        self.zone = pick((" UTC", ""))

    # Numbers

    def _numbers(self) -> Numbers:
        draw = self.random
        numbers = Numbers()
        numbers.ack = {1: draw.choice((3, 4, 5, 7)), 2: draw.choice((10, 12, 15, 18)), 3: draw.choice((2, 3, 6, 8))}
        for rank in (1, 2):
            first = numbers.ack[rank] + draw.choice((3, 5, 8))
            second = first + draw.choice((6, 10, 15))
            numbers.steps[rank] = [first, second, second + draw.choice((12, 20, 35))]
        numbers.update = {1: draw.choice((10, 15, 20)), 2: draw.choice((30, 45, 60))}
        numbers.error, numbers.error_minutes = draw.choice((0.8, 1.2, 1.5, 2.0, 2.5)), draw.choice((3, 4, 5, 6))
        numbers.latency, numbers.latency_minutes = draw.choice((20, 25, 30, 45)), draw.choice((7, 9, 10, 12))
        numbers.checks = draw.choice((2, 3, 4))
        first_day = draw.choice((0, 1))
        numbers.window = (first_day, draw.choice((2, 3)), draw.choice((7, 8, 10)), draw.choice((14, 15, 17)))
        numbers.freeze = (4, draw.choice((12, 15, 18)), 0, draw.choice((5, 6, 7)))
        numbers.standard, numbers.emergency = draw.choice((1, 2)), draw.choice((2, 3))
        numbers.escalation_record, numbers.rollback_record = draw.choice((5, 10, 15)), draw.choice((20, 25, 30))
        numbers.retention = draw.choice((365, 400, 730))
        return numbers

    def _older(self) -> None:
        new, old = self.new, self.old
        old.ack = {rank: amount * 2 for rank, amount in new.ack.items()}
        old.steps = {rank: [amount * 2 for amount in amounts] for rank, amounts in new.steps.items()}
        old.update = {rank: amount * 2 for rank, amount in new.update.items()}
        old.error, old.error_minutes = new.error * 2, new.error_minutes + 5
        old.latency, old.latency_minutes, old.checks = new.latency + 20, new.latency_minutes + 5, new.checks + 1
        old.window, old.freeze = (0, 4, new.window[2] - 1, new.window[3] + 2), (5, 0, 0, 0)
        old.standard, old.emergency = max(1, new.standard - 1), new.emergency - 1
        old.escalation_record, old.rollback_record, old.retention = (
            new.escalation_record * 6,
            new.rollback_record * 6,
            new.retention // 2,
        )

    # Words

    def count(self, number: int) -> str:
        """In digits or, up to twelve, sometimes in words."""
        return _WORDS[number] if number <= 12 and self.random.random() < 0.35 else str(number)

    def minutes(self, number: int) -> str:
        """Such as `5 minutes`, `five min`."""
        return f"{self.count(number)} {self.minutes_word}"

    def at(self, number: int) -> str:
        """When an escalation is due."""
        return self.random.choice(
            (
                f"at +{number} {self.minutes_word}",
                f"after {self.minutes(number)}",
                f"{number} {self.minutes_word} after the alert",
                f"at +{number} {self.minutes_word}",
            )
        )

    def days(self, first: int, last: int) -> str:
        """A range of weekdays."""
        if self.days_style == "long":
            return f"{_DAYS[first]}-{_DAYS[last]}"
        return f"{_DAYS[first][:3]}{'-' if self.days_style == 'short' else '–'}{_DAYS[last][:3]}"

    def severity(self, rank: int) -> str:
        """In backticks or plain."""
        return self.random.choice((f"`P{rank}`", f"P{rank}", f"**P{rank}**"))

    # Sections

    def obligations(self, rows: dict[int, list[str]]) -> str:
        """Lines by severity: nested, flat, numbered or a table."""
        style = self.random.choice(("nested", "flat", "numbered", "table", "headings"))
        if style == "table":
            lines = ["| Severity | Obligation |", "|---|---|"]
            return "\n".join(lines + [f"| P{rank} | {line} |" for rank, own in rows.items() for line in own])
        if style == "headings":
            return "\n\n".join(
                f"### {self.severity(rank).strip('*')}\n\n" + "\n".join(f"- {line}." for line in own)
                for rank, own in rows.items()
            )
        if style == "nested":
            return "\n".join(
                f"- {self.severity(rank)}\n" + "\n".join(f"  - {line}." for line in own) for rank, own in rows.items()
            )
        mark = (lambda position: f"{position}.") if style == "numbered" else (lambda position: "-")
        flat = [f"{self.severity(rank)}: {line}." for rank, own in rows.items() for line in own]
        return "\n".join(f"{mark(position)} {line}" for position, line in enumerate(flat, 1))

    def severity_section(self) -> str:
        return self.obligations(
            {
                1: [f"All customers are affected: {self.service} is unavailable", "Data was lost or exposed to others"],
                2: ["A service is slow or partly unavailable for some customers", "Reports or invoices are delayed"],
                3: ["A cosmetic defect or an internal inconvenience", "Only a single customer notices it"],
            }
        )

    def escalation_section(self, numbers: Numbers) -> str:
        def steps(rank: int) -> list[str]:
            first, second, third = numbers.steps[rank]
            unowned = self.random.choice(
                (
                    f"{self.verb} {self.roles[0]} {self.at(first)} if {self.unowned}",
                    f"If {self.unowned} {self.at(first).replace('after ', 'after ')}, "
                    f"{self.verb[0].lower()}{self.verb[1:]} {self.roles[0]}",
                )
            )
            return [
                f"Acknowledge {self.random.choice(('within', 'in'))} {self.minutes(numbers.ack[rank])}",
                unowned,
                f"{self.verb} {self.roles[1]} {self.at(second)}",
                f"{self.verb} {self.roles[2]} {self.at(third)} if not mitigated",
            ]

        return self.obligations(
            {1: steps(1), 2: steps(2), 3: [f"Acknowledge within {self.count(numbers.ack[3])} business hours"]}
        )

    def communication_section(self, numbers: Numbers) -> str:
        incident, leaders = self.channels["incident"], self.channels["executive"]
        return (
            self.obligations(
                {
                    1: [
                        f"Post an update in `{incident}` every {self.minutes(numbers.update[1])}",
                        f"Brief executives in `{leaders}` within 30 {self.minutes_word}",
                    ],
                    2: [f"Post an update in `{incident}` every {self.minutes(numbers.update[2])}"],
                }
            )
            + f"\n\nEscalations are announced in `{self.channels['escalation']}`."
        )

    def change_section(self, numbers: Numbers) -> str:
        first, last, opening, closing = numbers.window
        start_day, start, end_day, end = numbers.freeze
        window = f"{self.days(first, last)}, {opening:02d}:00-{closing:02d}:00{self.zone}"
        frozen = self.random.choice(
            (
                f"{_DAYS[start_day]} {start:02d}:00{self.zone} to {_DAYS[end_day]} {end:02d}:00{self.zone}",
                f"from {_DAYS[start_day]} {start:02d}:00{self.zone} until {_DAYS[end_day]} {end:02d}:00{self.zone}",
            )
        )
        style = self.random.choice(("bullets", "table", "sentences"))
        exempt = "During the freeze only emergency changes are allowed."
        if style == "table":
            return f"| Window | When |\n|---|---|\n| Standard changes | {window} |\n| Freeze | {frozen} |\n\n{exempt}"
        if style == "sentences":
            return f"1. Standard changes are allowed {window}.\n2. Production is frozen {frozen}.\n3. {exempt}"
        return (
            f"- Standard changes: {window}.\n- "
            f"{self.random.choice(('Freeze window', 'Freeze', 'Weekend freeze'))}: {frozen}.\n- {exempt}"
        )

    def rollback_section(self, numbers: Numbers) -> str:
        above = self.above
        error = (
            f"Error rate {above} {numbers.error:g}% for {self.count(numbers.error_minutes)} "
            f"{self.random.choice(('consecutive ', ''))}{self.minutes_word}"
        )
        latency = (
            f"p95 latency {above} {numbers.latency}% above the "
            f"{self.random.choice(('7-day', 'weekly', 'service'))} baseline for "
            f"{self.minutes(numbers.latency_minutes)}"
        )
        if above == "exceeds":
            latency = (
                f"p95 latency exceeds the baseline by more than {numbers.latency}% for "
                f"{self.minutes(numbers.latency_minutes)}"
            )
        checks = f"{self.count(numbers.checks).capitalize()} failed synthetic checks in a row"
        if self.random.random() < 0.3 and above in (">", "above", "over", ">=", "at least"):
            rows = [
                ("Error rate", f"{above} {numbers.error:g}%", f"{numbers.error_minutes} {self.minutes_word}"),
                (
                    "p95 latency over baseline",
                    f"{above} {numbers.latency}%",
                    f"{numbers.latency_minutes} {self.minutes_word}",
                ),
                ("Failed synthetic checks", f"{numbers.checks} in a row", "-"),
            ]
            return (
                "Rollback is mandatory when any of these holds:\n\n| Signal | Limit | Duration |\n|---|---|---|\n"
                + "\n".join(f"| {' | '.join(row)} |" for row in rows)
            )
        lead = self.random.choice(
            ("A rollback is mandatory when any of the following holds:", "Roll back at once if one of these is true:")
        )
        return f"{lead}\n\n" + "\n".join(f"- {line}." for line in (error, latency, checks))

    def approval_section(self, numbers: Numbers) -> str:
        def rule(subject: str, count: int, roles: tuple[str, ...]) -> str:
            names = ", ".join(roles)
            plural = "s" if count != 1 else ""
            return self.random.choice(
                (
                    f"{subject}: {self.count(count)} approval{plural} ({names})",
                    f"{subject} needs {self.count(count)} approval{plural} ({names})",
                    f"{subject} requires {self.count(count)} approval{plural}: {' and '.join(roles)}",
                )
            )

        rules = [("Standard change", numbers.standard), ("Emergency change", numbers.emergency)]
        if self.random.random() < 0.3:
            rows = [f"| {subject} | {count} | {', '.join(self.approvers[:count])} |" for subject, count in rules]
            return "| Change | Approvals | Approvers |\n|---|---|---|\n" + "\n".join(
                [*rows, f"| Database change | 2 | {self.approvers[0]}, {self.approvers[3]} |"]
            )
        lines = [rule(subject, count, self.approvers[:count]) for subject, count in rules] + [
            rule("Database change", 2, (self.approvers[0], self.approvers[3]))
        ]
        return "\n".join(f"- {line}." for line in lines)

    def audit_section(self, numbers: Numbers) -> str:
        verb = self.random.choice(("Record", "Log"))
        return (
            f"- {verb} each escalation in `{self.audit}.escalations` within "
            f"{self.minutes(numbers.escalation_record)}.\n"
            f"- {verb} each rollback in `{self.audit}.rollbacks` within {self.minutes(numbers.rollback_record)}.\n"
            f"- Keep audit records for {numbers.retention} days."
        )

    def fields_section(self) -> str:
        incident, change = (", ".join(f"`{name}`" for name in names) for names in (self.fields, self.change_fields))
        if self.random.random() < 0.3:
            return (
                "An incident ticket must contain:\n\n"
                + "\n".join(f"- `{name}`" for name in self.fields)
                + "\n\nA change ticket must contain:\n\n"
                + "\n".join(f"- `{name}`" for name in self.change_fields)
            )
        verb = self.random.choice(("must carry", "must have", "requires"))
        return f"- An incident ticket {verb}: {incident}.\n- A change ticket {verb}: {change}."

    def reference_section(self) -> str:
        return (
            "- Ticket decisions must consult `tool_configs/jira.yaml`.\n- Communication decisions must consult "
            "`tool_configs/slack.yaml`.\n"
            "- Escalation and on-call decisions must consult `tool_configs/oncall_rota.yaml`.\n- Change, "
            "approval and rollback decisions must consult `tool_configs/github_actions.yaml`.\n"
            "- Audit decisions must consult `tool_configs/postgres.yaml`."
        )

    def policy(self, numbers: Numbers, *, current: bool) -> str:
        pick = self.random.choice
        sections = [
            (pick(("Severity matrix", "Severity", "How severe is it", "Severity levels")), self.severity_section()),
            (
                pick(("Escalation timings", "Escalation", "Response and paging", "Who is called when")),
                self.escalation_section(numbers),
            ),
            (
                pick(("Communication", "Channels and cadence", "Communication channels")),
                self.communication_section(numbers),
            ),
            (
                pick(("Change windows and freeze", "Change calendar", "When changes may happen")),
                self.change_section(numbers),
            ),
            (pick(("Rollback triggers", "Rollback", "Mandatory rollback")), self.rollback_section(numbers)),
            (pick(("Approvals", "Who approves", "Approval matrix")), self.approval_section(numbers)),
            (pick(("Audit logging", "Audit", "Audit trail")), self.audit_section(numbers)),
            (pick(("Ticket fields", "Required fields", "What a ticket holds")), self.fields_section()),
            (pick(("Mandatory references", "References", "Files to consult")), self.reference_section()),
        ]
        self.random.shuffle(sections)
        supersedes = pick((self.names[0], f"`{self.names[0]}`", f"policies/{self.names[0]}.md")) if current else "none"
        head = (
            f"# Incident and change policy\n\nEffective date: "
            f"{'2026-01-05' if current else '2025-01-06'}\nSupersedes: {supersedes}\n"
        )
        return head + "".join(
            f"\n## {position}. {title}\n\n{body}\n" for position, (title, body) in enumerate(sections, 1)
        )

    # Files

    def configs(self) -> dict[str, str]:
        weeks = [self.first_week + timedelta(days=7 * index) for index in range(4)]

        def rotation(people: list[str]) -> str:
            return "".join(
                f'  - week_start: {week}\n    engineer: {person}\n    slack_handle: "@{person.split()[0].lower()}"\n'
                for week, person in zip(weeks, people, strict=True)
            )

        channels = "".join(
            f'  - name: "{name}"\n    purpose: {purpose} reports\n    retention_days: {90 + 10 * index}\n'
            for index, (purpose, name) in enumerate(self.channels.items())
        )
        defaults = "".join(f'  {purpose}_channel: "{name}"\n' for purpose, name in self.channels.items())
        return {
            "oncall_rota.yaml": f"timezone: "
            f"UTC\nprimary_rotation:\n{rotation(self.primaries)}secondary_rotation:\n{rotation(self.secondaries)}escalation_order:\n"
            + "".join(f"  - {role}\n" for role in ("primary", *self.roles))
            + 'handoff_channel: "#handoff"\n',
            "slack.yaml": f"workspace: second\nchannels:\n{channels}reporting_defaults:\n{defaults}",
            "jira.yaml": f"projects:\n  - key: {self.project}\n    name: Operations\n    issue_types: [Incident, "
            f"Change]\npriority_map:\n  P1: Highest\n  P2: High\n  P3: Low\nincident_fields:\n  required: "
            f"[{', '.join(self.fields)}]\nchange_fields:\n  required: [{', '.join(self.change_fields)}]\n",
            "github_actions.yaml": "workflows:\n  - name: deploy-live\n    trigger: [push]\n    environment: "
            f"production\n    required_approvals: {self.new.standard}\n    requires_change_ticket: true\n  - name: "
            f"rollback-live\n    trigger: [workflow_dispatch]\n    environment: production\n    "
            f"required_approvals: 1\nenvironment_protections:\n  production:\n    wait_timer_minutes: 5\n    "
            f"reviewers: [{', '.join(self.approvers[:2])}]\n",
            "postgres.yaml": "clusters:\n  - name: main\n    rpo_minutes: 5\n    rto_minutes: 30\naudit_logging:\n  "
            f"audit_schema: {self.audit}\n  required_tables: [escalations, rollbacks]\n"
            f"  retention_days: {self.new.retention}\n",
        }

    def data(self) -> dict[str, object]:
        start = datetime(2026, 2, 10, 8, 0, tzinfo=UTC)
        points = []
        for minute in range(90):
            bad = 40 <= minute < 40 + self.new.error_minutes + 4
            at = (start + timedelta(minutes=minute)).strftime("%Y-%m-%dT%H:%M:%SZ")
            points.append(
                {
                    "timestamp": at,
                    "service": self.service,
                    "latency_p95_ms": 200.0 + minute % 3,
                    "error_rate": self.new.error * 2 if bad else 0.1,
                }
            )
        tickets = [
            {
                "key": f"{self.project}-{number}",
                "project_key": self.project,
                "issue_type": "Incident",
                "summary": summary,
                "description": f"In {self.service}.",
                "severity": "P2",
                "status": status,
                "assignee": owner,
                "labels": [self.service],
                "created_at": "2026-02-10T08:45:00Z",
                "updated_at": "2026-02-10T09:00:00Z",
            }
            for number, summary, status, owner in (
                (11, "Upload timeout in the portal", "Open", None),
                (12, "Upload timeout after release", "Open", "Ada Brandt"),
                (13, "Upload timeout last year", "Closed", "Ada Brandt"),
            )
        ]
        events = [
            {
                "timestamp": "2026-02-10T08:42:00Z",
                "service": self.service,
                "level": "ERROR",
                "pattern": "upload_timeout",
                "message": "timed out",
                "trace_id": str(number),
            }
            for number in range(3)
        ]
        return {
            "metrics_timeseries.json": {"points": points},
            "jira_tickets.json": {"tickets": tickets},
            "log_events.json": {"events": events},
        }

    # Scenarios

    def scenarios(self) -> list[Scenario]:
        parts = (
            self._triage,
            self._escalation,
            self._communication,
            self._rollback,
            self._change,
            self._approvals,
            self._on_call,
            self._audit,
            self._fields,
            self._comparison,
            self._evidence,
        )
        return [scenario for part in parts for scenario in part()]

    def _one(
        self, kind: str, name: str, prompt: str, facts: list[object], cites: list[str] | None = None, **more: object
    ) -> Scenario:
        return {
            "id": f"{kind}-{name}",
            "kind": kind,
            "prompt": prompt,
            "facts": facts,
            "citations": cites or [self.names[1]],
            **more,
        }

    def _triage(self) -> list[Scenario]:
        return [
            self._one(
                "triage",
                "outage",
                f"{self.service} is down, nobody can reach it. How severe is that?",
                ["P1"],
                forbidden=["this is P2", "this is P3"],
            ),
            self._one(
                "triage",
                "slow",
                "For some customers the service has been crawling since this morning. Which severity?",
                ["P2"],
                forbidden=["this is P1", "this is P3"],
            ),
            self._one(
                "triage",
                "typo",
                "There is a typo in the footer. What severity is it?",
                ["P3"],
                forbidden=["this is P1", "this is P2"],
            ),
            self._one(
                "triage",
                "late",
                "The monthly invoices go out late. Which severity do we set, and how fast must we acknowledge?",
                ["P2", f"{self.new.ack[2]} minutes"],
            ),
            self._one(
                "triage", "lost", "We lost customer records in last night's import. How do we classify this?", ["P1"]
            ),
        ]

    def _escalation(self) -> list[Scenario]:
        first, second, third = self.new.steps[2]
        one = self.new.steps[1]
        mid = (second + third) // 2
        return [
            self._one(
                "escalation",
                "unowned",
                f"Nobody owns this P2 and {first + 1} minutes passed, who now?",
                [self.roles[0], f"{first} minutes", f"{second} minutes"],
                [self.names[1], "oncall_rota"],
            ),
            self._one(
                "escalation",
                "exact",
                f"It is exactly {second} minutes into a P2 that is not mitigated. Who has to be called?",
                [self.roles[1]],
            ),
            self._one(
                "escalation",
                "not-yet",
                f"An unowned P1 is {one[0] - 1} minutes old. Is an escalation due?",
                [["no escalation is due", "not due", "not yet", "due yet"], self.roles[0], f"{one[0]} minutes"],
            ),
            self._one(
                "escalation", "third", f"P2, +{third} minutes, still not mitigated: who is next?", [self.roles[2]]
            ),
            self._one(
                "escalation",
                "second",
                f"We are {mid} minutes into a P2, it is owned but not mitigated. Who should be in by now?",
                [self.roles[1]],
            ),
            self._one(
                "escalation",
                "ack",
                "How quickly must a P1 be acknowledged?",
                [f"{self.new.ack[1]} minutes"],
                forbidden=[f"{self.old.ack[1]} minutes"],
            ),
            self._one(
                "escalation",
                "ack-late",
                f"We acknowledged a P2 after {self.new.ack[2] + 1} minutes. Compliant?",
                [["not compliant", "too late", "no,"], f"{self.new.ack[2]} minutes"],
            ),
            self._one(
                "escalation",
                "ack-limit",
                f"We acknowledged a P2 after {self.new.ack[2]} minutes. Is that in time?",
                [["yes", "in time"]],
                forbidden=["too late", "not compliant"],
            ),
            self._one(
                "escalation", "p3", "How long do we have to acknowledge a P3?", [f"{self.new.ack[3]} business hours"]
            ),
        ]

    def _communication(self) -> list[Scenario]:
        incident = self.channels["incident"]
        return [
            self._one(
                "communication",
                "where",
                "Where do we post P1 updates and how often?",
                [incident, f"{self.new.update[1]} minutes"],
                [self.names[1], "slack_config"],
            ),
            self._one("communication", "p2", "What is the update cadence for a P2?", [f"{self.new.update[2]} minutes"]),
            self._one(
                "communication",
                "leaders",
                "Which channel do executives get briefed in during a P1, and by when?",
                [self.channels["executive"], "30 minutes"],
            ),
            self._one(
                "communication",
                "escalations",
                "In which channel are escalations announced?",
                [self.channels["escalation"]],
                [self.names[1], "slack_config"],
            ),
            self._one(
                "communication",
                "overdue",
                f"The last P1 update was {self.new.update[1] + 7} minutes ago. Are we late?",
                [["overdue", "late"], f"{self.new.update[1]} minutes", "7 minutes"],
            ),
        ]

    def _rollback(self) -> list[Scenario]:
        new = self.new
        strict = self.above not in (">=", "at least")
        at_limit = ["not mandatory", "no rollback"] if strict else ["is mandatory"]
        yes, no = ["rollback is mandatory", "must roll back"], ["not mandatory", "no rollback"]
        return [
            self._one(
                "rollback",
                "error-over",
                f"Our service shows {new.error + 0.4:g}% errors for {new.error_minutes + 1} minutes straight, do we "
                f"have to roll back?",
                [yes, f"{new.error:g}%"],
                [self.names[1], "github_actions"],
                forbidden=["not mandatory"],
            ),
            self._one(
                "rollback",
                "error-under",
                f"The error rate was {new.error - 0.2:g}% for {new.error_minutes + 5} minutes. Is a rollback "
                f"mandatory?",
                [no, f"{new.error:g}%"],
            ),
            self._one(
                "rollback",
                "error-short",
                f"Is rollback required at an error rate of {new.error + 1:g}% for {new.error_minutes - 1} minutes?",
                [no],
            ),
            self._one(
                "rollback",
                "error-exact",
                f"Error rate was exactly {new.error:g}% for {new.error_minutes} minutes. Rollback mandatory?",
                [at_limit],
            ),
            self._one(
                "rollback",
                "duration-exact",
                f"Error rate {new.error + 0.5:g}% for exactly {new.error_minutes} minutes after the deploy, is "
                f"rollback mandatory?",
                [yes],
            ),
            self._one(
                "rollback",
                "latency",
                f"p95 is {new.latency + 3}% above baseline since {new.latency_minutes + 2} minutes. Must we roll back?",
                [yes, f"{new.latency}%"],
            ),
            self._one(
                "rollback",
                "latency-ms",
                f"p95 latency rose from 200 ms to {200 + 2 * new.latency + 20} ms for {new.latency_minutes} minutes. "
                f"Do we need to revert?",
                [yes],
            ),
            self._one(
                "rollback",
                "checks",
                f"{new.checks} synthetic checks failed one after the other. Roll back or not?",
                [yes],
            ),
            self._one(
                "rollback",
                "checks-under",
                f"{new.checks - 1} synthetic {'check' if new.checks == 2 else 'checks'} failed. Is a rollback "
                f"mandatory?",
                [no],
            ),
        ]

    def _change(self) -> list[Scenario]:
        first, last, opening, closing = self.new.window
        start_day, start, _, end = self.new.freeze
        window_day = _DAYS[last]
        no, yes = ["not allowed", "not permitted"], ["yes", "is allowed", "allowed:"]
        return [
            self._one(
                "change_window",
                "inside",
                f"Can we ship a standard change on {window_day} at {opening + 1:02d}:30 UTC?",
                [yes],
                forbidden=["not allowed"],
            ),
            self._one(
                "change_window",
                "opening",
                f"Standard change on {_DAYS[first]} at {opening:02d}:00 UTC: allowed?",
                [yes],
                forbidden=["not allowed"],
            ),
            self._one(
                "change_window",
                "late",
                f"May I deploy a standard change {window_day} {closing + 1:02d}:15 UTC?",
                [no, f"{closing:02d}:00"],
            ),
            self._one("change_window", "weekend", "It's Saturday 03:00 UTC, may I ship?", [no, "freeze", ["Monday"]]),
            self._one(
                "change_window",
                "monday-early",
                f"Is a release on Monday at {end - 1:02d}:30 UTC okay?",
                [no, f"{end:02d}:00"],
            ),
            self._one(
                "change_window",
                "emergency",
                "We need an emergency change on Sunday at 10:00 UTC. Allowed, and how many approvals?",
                [
                    ["only as an emergency", "emergency changes are allowed", "allowed"],
                    [f"{self.new.emergency} approvals"],
                    self.approvers[0],
                ],
                forbidden=["not allowed"],
            ),
            self._one(
                "change_window",
                "when",
                "When are standard changes allowed?",
                [f"{opening:02d}:00", f"{closing:02d}:00"],
            ),
            self._one(
                "change_window",
                "iso",
                f"Is 2026-02-{13 if start_day == 4 else 14}T{start:02d}:30:00Z a good time for a deployment?",
                [no, "freeze"],
            ),
        ]

    def _approvals(self) -> list[Scenario]:
        count = self.new.emergency
        stranger = self.random.choice(_STRANGERS)
        return [
            self._one(
                "approvals",
                "count",
                "Who must approve an emergency change?",
                [f"{count} approvals", *self.approvers[:count]],
            ),
            self._one(
                "approvals",
                "standard",
                "How many approvals does a standard change need?",
                [f"{self.new.standard} approval{'s' if self.new.standard > 1 else ''}"],
            ),
            self._one(
                "approvals",
                "stranger",
                f"Is the {stranger} allowed to approve a standard change?",
                [["not allowed", "may not", "cannot"], self.approvers[0]],
            ),
            self._one(
                "approvals",
                "short",
                f"We have one approval for the emergency change from the {self.approvers[0]}. Is that enough?",
                [["not enough", "no,"], self.approvers[1]],
            ),
            self._one("approvals", "database", "Who signs off a database change?", ["2 approvals", self.approvers[3]]),
        ]

    def _on_call(self) -> list[Scenario]:
        return [
            self._one(
                "on_call",
                "week",
                "Who is on call in the week starting 2026-02-09?",
                [self.primaries[1], self.secondaries[1]],
                ["oncall_rota"],
            ),
            self._one("on_call", "day", "Who is primary on-call on 2026-02-19?", [self.primaries[2]], ["oncall_rota"]),
            self._one(
                "on_call",
                "sunday",
                "Who has the secondary pager on Sunday 22 February 2026?",
                [self.secondaries[2]],
                ["oncall_rota"],
            ),
            self._one(
                "on_call",
                "beyond",
                "Who is on call on 2027-01-04?",
                [["no week", "does not cover", "does not say"]],
                ["oncall_rota"],
                forbidden=self.primaries,
            ),
            self._one(
                "on_call",
                "both",
                f"For week starting 2026-02-16, identify primary/secondary on-call and define response steps for an "
                f"unowned P2 at +{self.new.steps[2][0]} minutes.",
                [self.primaries[2], self.secondaries[2], self.roles[0]],
                [self.names[1], "oncall_rota"],
            ),
        ]

    def _audit(self) -> list[Scenario]:
        new = self.new
        return [
            self._one(
                "audit",
                "rollback",
                "By when must a rollback be recorded in the audit trail?",
                [f"{new.rollback_record} minutes", f"{self.audit}.rollbacks"],
                [self.names[1], "postgres_config"],
            ),
            self._one(
                "audit",
                "late",
                f"We logged the escalation {new.escalation_record + 4} minutes later. Compliant?",
                [["not compliant", "too late"], f"{new.escalation_record} minutes"],
            ),
            self._one(
                "audit",
                "in-time",
                f"The rollback was recorded after {new.rollback_record} minutes. Is this compliant?",
                [["compliant", "in time", "yes"]],
                forbidden=["not compliant", "too late"],
            ),
            self._one(
                "audit",
                "keep",
                "How long are audit records retained?",
                [f"{new.retention} days"],
                [self.names[1], "postgres_config"],
            ),
        ]

    def _fields(self) -> list[Scenario]:
        lacking = self.fields[-1]
        return [
            self._one(
                "ticket_fields",
                "incident",
                "Which fields does an incident ticket need?",
                list(self.fields),
                [self.names[1], "jira_config"],
            ),
            self._one(
                "ticket_fields",
                "change",
                "What must be filled in on a change ticket?",
                list(self.change_fields),
                [self.names[1], "jira_config"],
            ),
            self._one(
                "ticket_fields",
                "missing",
                f"My incident ticket has {', '.join(self.fields[:-1])}. What is missing?",
                [lacking],
            ),
            self._one(
                "ticket_fields",
                "unknown",
                "Does an incident ticket have to contain `favourite_color`?",
                [["not a required field", "not required", "no,"]],
            ),
        ]

    def _comparison(self) -> list[Scenario]:
        old, new = self.old, self.new
        older, newer = self.names
        return [
            self._one(
                "policy_comparison",
                "escalation",
                f"Compare P1 escalation obligations between {older} and {newer} and summarize what tightened.",
                [
                    f"{old.ack[1]} minutes",
                    f"{new.ack[1]} minutes",
                    f"{old.steps[1][1]} minutes",
                    f"{new.steps[1][1]} minutes",
                ],
                [older, newer],
            ),
            self._one(
                "policy_comparison",
                "rollback",
                f"How did the error rate threshold for rollbacks change between {older} and {newer}?",
                [f"{old.error:g}%", f"{new.error:g}%"],
                [older, newer],
            ),
            self._one(
                "policy_comparison",
                "approvals",
                f"What changed for emergency change approvals from {older} to {newer}?",
                [f"{old.emergency} approval{'s' if old.emergency > 1 else ''}", f"{new.emergency} approvals"],
                [older, newer],
            ),
            self._one(
                "policy_comparison",
                "old",
                f"Under {older}, how quickly had a P1 to be acknowledged?",
                [f"{old.ack[1]} minutes"],
                [older],
            ),
            self._one(
                "policy_comparison",
                "old-window",
                "According to the previous policy, how long did audit records have to be kept?",
                [f"{old.retention} days"],
                [older],
            ),
        ]

    def _evidence(self) -> list[Scenario]:
        window = {"service": self.service, "start_time": "2026-02-10T08:30:00Z", "end_time": "2026-02-10T09:10:00Z"}
        return [
            self._one(
                "quickstart",
                "metrics",
                "Do the metrics of this window make a rollback mandatory? Use metrics evidence.",
                [["rollback is mandatory"], f"{self.new.error * 2:g}%", "08:40"],
                [self.names[1], "mock_systems/data/metrics_timeseries.json"],
                context=window,
            ),
            self._one(
                "quickstart",
                "tickets",
                f"Find open {self.project} incident tickets mentioning upload timeout, summarize ownership gaps, and "
                f"propose next communication channels using slack_config and {self.names[1]}.",
                [f"{self.project}-11", f"{self.project}-12", ["no assignee"], self.channels["incident"]],
                [self.names[1], "slack_config"],
                forbidden=[f"{self.project}-13"],
            ),
            self._one(
                "quickstart",
                "alert",
                "P1 alert: latency and errors increased. Analyze metrics/logs and propose escalation with citations.",
                [f"{self.new.ack[1]} minutes", self.roles[1], "upload_timeout"],
                [self.names[1], "oncall_rota", "slack_config"],
                context={
                    **window,
                    "severity": "P1",
                    "project_key": self.project,
                    "required_citations": [self.names[1], "oncall_rota", "slack_config"],
                },
            ),
        ]


def write_company(root: Path, seed: int) -> list[Scenario]:
    """Write a folder drawn from `seed` into `root` and return the scenarios that follow from it."""
    writer = Writer(seed)
    texts = {
        f"policies/{writer.names[0]}.md": writer.policy(writer.old, current=False),
        f"policies/{writer.names[1]}.md": writer.policy(writer.new, current=True),
        "docs/company_profile.md": "# Profile\n\nA company of the tests.\n",
        **{f"tool_configs/{name}": text for name, text in writer.configs().items()},
        **{f"mock_systems/data/{name}": json.dumps(rows, indent=1) for name, rows in writer.data().items()},
    }
    for path, text in texts.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    return writer.scenarios()
