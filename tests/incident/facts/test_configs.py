"""Configurations are read by their shapes, each value with its exact span."""

from tests.incident.writing import document

from kapelle.incident.facts.configs import facts_of
from kapelle.incident.facts.model import DefaultChannel, Entry, NamedChannel, Protection, RotaShift, Workflow

ROTA = """# comment
primary_rotation:
  - week_start: 2026-02-09   # this week
    engineer: Ana Lima
    slack_handle: "@ana"
  # the next one
  - {week_start: "2026-02-16", engineer: Bo Ek}
escalation_order: [primary, duty lead]
handoff_channel: "#handoff"
"""


def test_a_shift_has_its_tier_week_and_person_and_its_span_holds_no_comment_behind_it() -> None:
    first, second = [fact for fact in facts_of(document(ROTA, "tool_configs/rota.yaml")) if isinstance(fact, RotaShift)]
    assert (first.tier, first.week_start.isoformat(), first.engineer, first.handle) == (
        "primary",
        "2026-02-09",
        "Ana Lima",
        "@ana",
    )
    assert first.excerpt.quote.endswith('slack_handle: "@ana"')
    assert second.engineer == "Bo Ek"


def test_channels_defaults_pipelines_and_protections_are_typed() -> None:
    text = (
        'channels:\n  - name: "#a"\n    purpose: Work\n    retention_days: 30\nreporting_defaults:\n'
        '  incident_channel: "#a"\nworkflows:\n  - name: ship\n    environment: live\n    required_approvals: 2\n'
        "    requires_change_ticket: true\nenvironment_protections:\n  live:\n    wait_timer_minutes: 5\n"
        "    reviewers: [lead]\n"
    )
    facts = facts_of(document(text, "tool_configs/all.yaml"))
    (channel,) = [fact for fact in facts if isinstance(fact, NamedChannel)]
    (default,) = [fact for fact in facts if isinstance(fact, DefaultChannel)]
    (flow,) = [fact for fact in facts if isinstance(fact, Workflow)]
    (protection,) = [fact for fact in facts if isinstance(fact, Protection)]
    assert (channel.name, channel.retention_days) == ("#a", 30)
    assert (default.key, default.channel) == ("incident_channel", "#a")
    assert (flow.name, flow.required_approvals, flow.needs_ticket) == ("ship", 2, True)
    assert (protection.environment, protection.reviewers, protection.wait_minutes) == ("live", ("lead",), 5)


def test_any_other_value_is_an_entry_with_its_path_and_the_name_it_belongs_to() -> None:
    text = "clusters:\n  - name: ledger\n    rto_minutes: 20\n"
    entry = next(fact for fact in facts_of(document(text, "x.yaml")) if isinstance(fact, Entry) and "rto" in fact.path)
    assert (entry.path, entry.item, entry.values) == ("clusters.rto_minutes", "ledger", ("20",))


def test_a_file_that_is_no_yaml_or_loops_has_no_facts() -> None:
    assert facts_of(document("a: [", "x.yaml")) == ()
    assert facts_of(document("a: &x [*x]", "x.yaml")) == ()
    assert facts_of(document("", "x.yaml")) == ()
