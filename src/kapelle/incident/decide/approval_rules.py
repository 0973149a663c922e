"""Which approval rule a task is about, by all that tells its subject apart, and how a rule is worded."""

from collections.abc import Sequence

from kapelle.incident.decide.model import MORE, Case, Draft
from kapelle.incident.decide.rollback import workflow_shown
from kapelle.incident.decide.wording import listed, sentence
from kapelle.incident.facts.model import Approval, Protection, Workflow
from kapelle.incident.reading.terms import overlap, terms_of

_PLAIN = frozenset(terms_of("change changes approval product production deploy allowed permitted"))


def best_rules(case: Case, rules: Sequence[Approval], *, partly: bool = True) -> list[Approval]:
    """Rules for what the task is about, the most specific first: all that tells a subject apart must be spoken of.

    Where no rule fits so, `partly` takes those that share the most.
    """
    asked = set(case.question.terms)
    if case.settled.get("frozen"):
        asked |= set(terms_of("freeze window"))
    if case.question.signals.get("emergency"):
        asked.add("emergency")
    fitting = []
    for position, rule in enumerate(rules):
        own = set(terms_of(rule.subject)) - _PLAIN
        telling = own or set(terms_of(rule.subject))
        share = overlap(telling - {"window"}, asked)
        if share == 1.0 and (own or not _has_kind(asked, rules)):
            fitting.append((-len(own & asked), position, rule))
    if (
        not fitting and partly
    ):  # "database change" for "Database schema change": the words shared with no other rule tell
        shared = [
            (-len(kind_of_rule(rule) & asked), position, rule)
            for position, rule in enumerate(rules)
            if kind_of_rule(rule) & asked
        ]
        fitting = [one for one in shared if one[0] == min(shared)[0]]
    best = [rule for _, _, rule in sorted(fitting, key=lambda one: one[:2])]
    # Several kinds may be asked about at once; a kind contained in a more specific one is not asked for.
    return [
        rule
        for index, rule in enumerate(best)
        if not any(kind_of_rule(rule) < kind_of_rule(other) for other in best[:index])
    ]


def kind_of_rule(rule: Approval) -> set[str]:
    """What tells the rule's subject apart, such as `standard` or `database`."""
    return set(terms_of(rule.subject)) - _PLAIN


def _has_kind(asked: set[str], rules: Sequence[Approval]) -> bool:
    return any(kind_of_rule(rule) and kind_of_rule(rule) <= asked for rule in rules)


def verb_for(subject: str) -> str:
    """`needs`, or `need` of several."""
    last = subject.rstrip().split(" during ")[0]
    return "need" if last.endswith("s") and not last.endswith("ss") else "needs"


def rule_shown(rule: Approval) -> str:
    """Such as `Standard change needs 2 approvals: peer reviewer and service owner.`"""
    amount = f"{rule.count} approval{'' if rule.count == 1 else 's'}" if rule.count else "no approval"
    roles = (
        f": {'any of ' if rule.any_of and len(rule.roles) > 1 else ''}"
        f"{listed(rule.roles, 'or' if rule.any_of else 'and')}"
        if rule.roles
        else ""
    )
    return sentence(f"{rule.subject} {verb_for(rule.subject)} {amount}{roles}")


def is_known(role: str, roles: Sequence[str]) -> bool:
    """Whether a role is one of `roles`, by all the words of either."""
    own = set(terms_of(role))
    return any(own and (own <= set(terms_of(known)) or set(terms_of(known)) <= own) for known in roles)


def count_shown(rule: Approval) -> str:
    """Such as `2 approvals`."""
    return f"{rule.count} approval{'' if rule.count == 1 else 's'}"


def pipeline(case: Case, rule: Approval) -> list[Draft]:
    """The pipeline and the protected environment that ask for the same approvals."""
    own = kind_of_rule(rule) - {"standard", "highrisk", "emergency"}
    flows = [
        flow
        for flow in case.view.configured(Workflow)
        if flow.required_approvals
        and (
            own & set(terms_of(f"{flow.name.replace('-', ' ')} {flow.environment}"))
            if own
            else flow.required_approvals == rule.count
        )
    ]
    protections = [
        fact
        for fact in case.view.configured(Protection)
        if fact.reviewers and (any(flow.environment == fact.environment for flow in flows))
    ]
    drafts = [Draft(workflow_shown(flow), flow.excerpts, MORE) for flow in flows[:1]]
    return drafts + [
        Draft(
            sentence(f"Environment {fact.environment} is protected by reviewers {listed(fact.reviewers)}"),
            fact.excerpts,
            MORE,
        )
        for fact in protections[:1]
    ]
