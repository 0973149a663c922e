"""Which kinds of answer a task asks for, by the words it uses."""

import re
from typing import NamedTuple

from kapelle.incident.question.model import Kind
from kapelle.incident.reading.terms import ROLLBACK


class Cue(NamedTuple):
    """A pattern that speaks for a kind with a weight."""

    kind: Kind
    weight: float
    pattern: re.Pattern[str]


def _cue(kind: Kind, weight: float, pattern: str) -> Cue:
    return Cue(kind, weight, re.compile(pattern, re.IGNORECASE))


_DEPLOY = r"(?:deploy\w*|ship(?:ping|ped|s)?|releas\w*|roll(?:ing)?[\s-]?outs?|go(?:ing)? live|push\w*|merg\w*|migrat\w*|change[sd]?|patch\w*|hot-?\s?fix\w*|maintenance)"

CUES: tuple[Cue, ...] = (
    _cue("comparison", 4, r"\bcompar\w*|\bv(?:ersion )?\d\b.{1,80}\bv(?:ersion )?\d\b|before and after|old and (?:the )?new|new and (?:the )?old|become (?:easier|harder)|differen\w*|\bdiffer\b|tighten\w*|relax(?:ed|es)?\b|loosen\w*|stricter|what (?:has |was |is )?(?:changed|new|different)|(?:how|what) (?:did|has|have|was|were|is) .{0,60}(?:chang\w+|moved?|differ\w*)|chang(?:ed|es|ing) (?:from|since|between)|\bversus\b|\bvs\b|than (?:before|in (?:the )?(?:previous|old|former|last|v)|(?:under )?(?:v|policy_|version))|between (?:policy|version|v\d|the (?:two|old|previous))|moved from|used to be|no longer in|(?:more|less) (?:strict|approvals? than)"),
    _cue("rollback", 4, ROLLBACK),
    _cue("escalation", 3, r"escalat\w*|\bpag(?:e|ed|es|ing)\b(?! \w*load)|who (?:now|next|else)\b|(?:call|wake|ring|involve|engage|alert)(?:ed)? (?:next|now|first|up)|who (?:do|must|should|has to|needs to|gets|is|are|shall|will) (?:\w+ ){0,3}(?:call\w*|contact\w*|paged?|notif\w*|wak\w*|wok\w*|involv\w*|inform\w*|alert\w*|engag\w*|brought|pulled|joins?)|next (?:step|action|person|level)|response steps?|whose turn|who takes over|who comes next|(?:when|at what|how long).{0,60}(?:called|paged|woken|involved|brought in|notified|told)\b|whom\b|who should (?:already )?(?:be|have been)"),
    _cue("escalation", 3, r"acknowledg\w*|\backs?\b|\backed\b|first response|respon(?:d|se) (?:time|timing|deadline|within|obligation)|how (?:fast|quick(?:ly)?|soon|long) .{0,40}(?:respond|react|pick|answer)"),
    _cue("escalation", 2, r"un-?owned|no owner|without (?:an )?(?:owner|assignee)|nobody (?:owns|has taken|took|picked)|un-?assigned|\+\s?\d+\s*(?:min|h)"),
    _cue("on_call", 4, r"on[\s-]?call|\brota\b|roster|on duty|(?:primary|secondary)(?: engineer)?\s*(?:/|and|or|for|in|during|that|this|on)|who(?: is|'s| was) (?:the )?(?:primary|secondary)|hand-?(?:over|off)|\bpager\b|standby|backup (?:engineer|person)|phone rings?|who (?:has|had|have|holds?|will have) (?:the )?(?:duty|watch|shift|phone)|who (?:is|was|will be) (?:the )?(?:backup|first line|second line)|whose (?:week|shift|phone)"),
    _cue("communication", 3.5, r"channels?\b|slack|where (?:do|should|must|shall|can|does|are|is|to) (?:\w+ ){0,4}(?:post\w*|writ\w*|announc\w*|report\w*|communicat\w*|updat\w*|discuss\w*|work\w*|inform\w*|shar\w*|go(?:es)?|happen\w*|coordinat\w*|brief\w*)|(?:status|progress|last|next|first|latest|previous|P\d|incident) updates?|updates? (?:every|how|was|is|due|cadence|interval|go|are)|post(?:ed|ing)? (?:an |the )?updates?|how often|cadence|stakeholder|\bexecs?\b|executives?|leadership|management|status page|\bbrief(?:ed|ing|s)?\b|announc\w*|communicat\w*|direct messages?|\bdms?\b|public(?:ly)? (?:tell|inform)|inform (?:the )?(?:customers|public|board)|\bboard\b"),
    _cue("change_window", 3, rf"{_DEPLOY}.{{0,80}}(?:allowed|permitted|possible|forbidden|ok(?:ay)?\b|fine\b|legal|go ahead|wait|when|window|right now|today|tonight|weekend)|(?:allowed|permitted|may|can|could|should|ok(?:ay)?|when|possible|want to|planning to|about to|like to|plan to|is it) .{{0,60}}{_DEPLOY}|{_DEPLOY} (?:window|freeze|hours)"),
    _cue("change_window", 4, r"freez\w*|change window|blackout|moratorium|deploy(?:ment)? window|release window|next (?:possible |allowed )?(?:window|slot)"),
    _cue("approvals", 4, r"approv\w*|sign(?:ed|ing|s)?[\s-]?off|who (?:must|has to|may|can|needs to|should) (?:agree|authori[sz]e|consent|say yes)|authori[sz]\w*|four-?eyes|signatures?|who signs|(?:must|has to|have to|to|who) sign\b|\bagree[ds]?\b|green light|consent"),
    _cue("audit", 4, r"audit\w*|\blogged\b|(?:be|been|is|was|are|were|we|i) (?:log|record)\w*|record(?:ed|ing)?\b(?! (?:high|low))|retention|how long .{0,40}(?:kept|keep|retain\w*|stored?)|retain\w*|evidence (?:kept|retention)|paper trail|traceab"),
    _cue("ticket_fields", 4, r"\bfields?\b|ticket (?:must|has|had|needs?|should|has to|contain\w*|require\w*|carr\w*|have|include\w*|lack\w*|miss\w*|without|complete|valid|says?)|(?:in|on|into|from|for) (?:the|an?|my|our|this|every) (?:\w+ ){0,3}ticket\b|fill (?:in|out)|what (?:must|should|goes|belongs|information|data) .{0,40}ticket|(?:incomplete|complete|valid) (?:\w+ )?ticket|needs? (?:an? )?(?:\w+ )?ticket|tickets? (?:be )?open(?:ed)? (?:within|by)|open(?:ing)? (?:a|an|the) (?:\w+ ){0,3}ticket"),
    _cue("triage", 4, r"severit\w*|how (?:severe|serious|bad)|what (?:priority|sev\b|level)|which (?:priority|sev\b|level|p\b)|classif\w*|\btriage\b|\bwhich P\b|is (?:this|that|it) (?:really )?(?:a |an )?(?:P\d|SEV)|\b(?:is|are|would|does|do|makes?)\b.{3,90}(?<!\bof )(?<!\bfor )(?<!\bin )(?<!\bon )(?<!\bto )(?<!\bduring )(?<!\bafter )\b(?:an?|be|as)\s+(?:P\d|SEV-?\d)\s*\?|P\d or (?:a )?P\d|SEV-?\d or|rate (?:this|it)|(?:count|qualif(?:y|ies)|treat\w*|handle\w*) (?:\w+ ){0,2}as (?:a )?(?:P\d|SEV|major|critical)|what P\b|should (?:this|it) be (?:a )?P\d|priorit(?:y|ise|ize)|downgrade|(?:lower|raise|downgrad\w*|upgrad\w*|re-?classif\w*|reduc\w*|demot\w*|promot\w*) .{0,25}(?:\bP\d|sev\w*|\bit\b|incident)|jira priority"),
    _cue("closing", 4, r"\bclos(?:e|ed|ing|ure)\b|post[\s-]?(?:incident|mortem)|retrospective|before (?:we |i )?resolv\w*|wrap up|root cause|mark (?:it |this )?(?:as )?(?:resolved|done)|\breview\b.{0,30}(?:incident|P\d)|incident review"),
    _cue("references", 6, r"(?:which|what) (?:other )?(?:files?|documents?|config\w*|sources?) .{0,40}(?:consult\w*|refer\w*|check\w*|mandatory|decid\w*|look\w*|must)|mandatory references?|must (?:be )?consult"),
    _cue("versions", 4, r"(?:which|what) (?:policy|version)\b.{0,40}(?:force|appl\w*|current|valid|effective|supersed\w*|latest|newest|counts|binding)|effective (?:date|since|from)|in force|(?:does|is|was|what|which|has).{0,30}supersed\w*|since when .{0,30}(?:policy|version)|(?:is|are) policy_?\w* still|take effect"),
    _cue("tickets", 3, r"(?:find|search|list|show|related|open|which|any|similar|previous|past|look (?:up|for)) (?:\w+ ){0,4}(?:tickets?|incidents?|issues?)\b|mention\w*|ownership gaps?|tickets? (?:are|have|mention|without)|\bin jira\b|search jira|\b[A-Z][A-Z0-9]{1,9}-\d+\b"),
    _cue("metrics", 3, r"metrics?\b|time\s?series|error[- ]rate (?:data|chart|graph)|check (?:the )?(?:latency|error)|analy[sz]e"),
    _cue("logs", 3, r"\blogs?\b(?! (?:each|every|the|an?|it|in|off|on)\b)|log (?:events?|patterns?|lines?|search)"),
)  # fmt: skip

CHANGES = re.compile(rf"\b{_DEPLOY}\b|\bdeploy", re.IGNORECASE)
"""A change is spoken of; with a moment beside it, whether it may happen then is asked."""

SUBJECT_ONLY: dict[Kind, str] = {
    "rollback": r"(?:do|should|must|shall|can|need|have to|has to|to|we|i|they|it|not)\s+(?:\w+\s+){0,3}?(?:roll(?:ing|ed)?[\s-]?(?:\w+\s+){0,2}?back\b(?!s)|revert|back (?:it |this )?out|take (?:\w+ ){0,3}back)(?!\s+(?:be|is|was|has|have)\b)|(?:mandat\w*|requir\w*|trigger\w*|warrant\w*|justif\w*|threshold\w*|demand\w*|forced?|validat\w*|decid\w*|whether)\b.{0,40}roll\w*[\s-]?back|roll\w*[\s-]?back\w*\s+(?:\w+\s+){0,3}?(?:mandatory|required|necessary|due|needed|obligatory|compulsory|warranted|justified|triggered)\b|roll\w*[\s-]?back[\s-](?:trigger|threshold|limit|condition|rule)|roll\w*[\s-]?back or not",
}
"""A kind that others mention in passing counts, beside a stronger one, only where it is really asked."""
