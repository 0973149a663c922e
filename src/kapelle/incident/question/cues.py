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


_DEPLOY = (
    r"(?:deploy\w*|ship(?:ping|ped|s)?|releas\w*|roll(?:ing)?[\s-]?outs?|go(?:ing|es)?[\s-]live|went live|push\w*"
    r"|merg\w*|migrat\w*|change[sd]?|patch\w*|hot-?\s?fix\w*|maintenance)"
)

CUES: tuple[Cue, ...] = (
    _cue(
        "comparison",
        4,
        r"\b(?:lower|higher|shorter|longer|fewer|more|less|stricter|looser)\b.{0,40}\b(?:in|under|than|with)\b"
        r".{0,14}(?:\bv\d|version|policy|previous|\bold)|\bcompar\w*|\bv(?:ersion )?\d\b.{1,80}\bv(?:ersion "
        r")?\d\b|before and after|old and (?:the )?new|new "
        r"and (?:the )?old|become (?:easier|harder)|differen\w*|\bdiffer\b|tighten\w*|relax(?:ed|es)?\b"
        r"|loosen\w*|stricter|what (?:has |was |is )?(?:changed|new|different)|(?:how|what) (?:did|has|have"
        r"|was|were|is) .{0,60}(?:chang\w+|moved?|differ\w*)|chang(?:ed|es|ing) (?:from|since|between)"
        r"|\bversus\b|\bvs\b|than (?:before|in (?:the )?(?:previous|old|former|last|v)|(?:under )?(?:v|policy_"
        r"|version))|between (?:policy|version|v\d|the (?:two|old|previous))|moved from|used to be|no longer "
        r"in|(?:more|less) (?:strict|approvals? than)",
    ),
    _cue("rollback", 4, ROLLBACK),
    _cue(
        "escalation",
        3,
        r"escalat\w*|\bpag(?:e|ed|es|ing)\b(?! \w*load)|who (?:now|next|else)\b|(?:call|wake|ring|involve"
        r"|engage|alert)(?:ed)? (?:next|now|first|up)|who (?:do|must|should|has to|needs to|gets|is|are|shall"
        r"|will) (?:\w+ ){0,3}(?:call\w*|contact\w*|paged?|notif\w*|wak\w*|wok\w*|involv\w*|inform\w*|alert\w*"
        r"|engag\w*|brought|pulled|joins?)|next (?:step|action|person|level)|response steps?|whose turn|who "
        r"takes over|who comes next|(?:when|at what|how long).{0,60}(?:called|paged|woken|involved|brought in"
        r"|notified|told)\b|whom\b|who should (?:already )?(?:be|have been)",
    ),
    _cue(
        "escalation",
        3,
        r"acknowledg\w*|\backs?\b|\backed\b|first response|respon(?:d|se) (?:time|timing|deadline|within"
        r"|obligation)|how (?:fast|quick(?:ly)?|soon|long) .{0,40}(?:respond|react|pick|answer)",
    ),
    _cue(
        "escalation",
        2,
        r"un-?owned|no owner|without (?:an )?(?:owner|assignee)|nobody (?:owns|has taken|took|picked)"
        r"|un-?assigned|\+\s?\d+\s*(?:min|h)",
    ),
    _cue(
        "on_call",
        4,
        r"(?:paged|called|rung) first\b.{0,40}\b(?:week|shift|month)|on[\s-]?call|"
        r"\brota\b|roster|on duty|(?:primary|secondary)(?: engineer)?\s*(?:/|and|or|for|in|during"
        r"|that|this|on)|who(?: is|'s| was) (?:the )?(?:primary|secondary)|hand-?(?:over|off)|\bpager\b"
        r"|standby|backup (?:engineer|person)|phone rings?|who (?:has|had|have|holds?|will have) (?:the "
        r")?(?:duty|watch|shift|phone)|who (?:is|was|will be) (?:the )?(?:backup|first line|second line)"
        r"|whose (?:week|shift|phone)",
    ),
    _cue(
        "communication",
        3.5,
        r"channels?\b|slack|where (?:do|should|must|shall|can|does|are|is|to) (?:\w+ ){0,4}(?:post\w*|writ\w*"
        r"|announc\w*|report\w*|communicat\w*|updat\w*|discuss\w*|work\w*|inform\w*|shar\w*|go(?:es)?"
        r"|happen\w*|coordinat\w*|brief\w*)|(?:status|progress|last|next|first|latest|previous|P\d|incident) "
        r"updates?|updates? (?:every|how|was|is|due|cadence|interval|go|are)|post(?:ed|ing)? (?:an |the "
        r")?updates?|how often|cadence|stakeholder|\bexecs?\b|executives?|leadership|management|status page"
        r"|\bbrief(?:ed|ing|s)?\b|announc\w*|communicat\w*|direct messages?|\bdms?\b|public(?:ly)? (?:tell"
        r"|inform)|inform (?:the )?(?:customers|public|board)|\bboard\b",
    ),
    _cue(
        "change_window",
        3,
        rf"{_DEPLOY}.{{0,80}}(?:allowed|permitted|possible|forbidden|ok(?:ay)?\b|fine\b|legal|go ahead|wait"
        rf"|when|window|right now|today|tonight|weekend)|(?:allowed|permitted|may|can|could|should|ok(?:ay)?"
        rf"|when|possible|want to|planning to|about to|like to|plan to|is it) .{{0,60}}{_DEPLOY}|{_DEPLOY} "
        rf"(?:window|freeze|hours)",
    ),
    _cue(
        "change_window",
        4,
        r"freez\w*|frozen|(?:allowed|permitted|legal|valid|open) slot|"
        r"change window|blackout|moratorium|deploy(?:ment)? window|release window|next (?:possible "
        r"|allowed )?(?:window|slot)",
    ),
    _cue(
        "approvals",
        4,
        r"approv\w*|sign(?:ed|ing|s)?[\s-]?off|who (?:must|has to|may|can|needs to|should) (?:agree"
        r"|authori[sz]e|consent|say yes)|authori[sz]\w*|four-?eyes|signatures?|who signs|\bsign(?:ed|s)\b"
        r"|(?:must|has to|have "
        r"to|to|who) sign\b|\bagree[ds]?\b|green light|consent",
    ),
    _cue(
        "audit",
        4,
        r"audit\w*|journal\w*|\bledger\b|\blogged\b|(?:be|been|is|was|are|were|we|i) (?:log|record)\w*"
        r"|record(?:ed|ing)?\b(?! "
        r"(?:high|low))|retention|how long .{0,40}(?:kept|keep|retain\w*|stored?)|retain\w*|evidence (?:kept"
        r"|retention)|paper trail|traceab",
    ),
    _cue(
        "ticket_fields",
        4,
        r"\bfields?\b|ticket (?:must|has|had|needs?|should|has to|contain\w*|require\w*|carr\w*|have"
        r"|include\w*|lack\w*|miss\w*|without|complete|valid|says?)|(?:in|on|into|from|for) (?:the|an?|my|our"
        r"|this|every) (?:\w+ ){0,3}ticket\b|fill (?:in|out)|what (?:must|should|goes|belongs|information"
        r"|data) .{0,40}ticket|(?:incomplete|complete|valid) (?:\w+ )?ticket|needs? (?:an? )?(?:\w+ )?ticket"
        r"|tickets? (?:be )?open(?:ed)? (?:within|by)|open(?:ing)? (?:a|an|the) (?:\w+ ){0,3}ticket",
    ),
    _cue(
        "triage",
        4,
        r"severit\w*|how (?:severe|serious|bad)|what (?:priority|sev\b|level)|which (?:priority|sev\b|level"
        r"|p\b)|classif\w*|\btriage\b|\bwhich P\b|is (?:this|that|it) (?:really )?(?:a |an )?(?:P\d|SEV)"
        r"|\b(?:is|are|would|does|do|makes?)\b.{3,90}(?<!\bof )(?<!\bfor )(?<!\bin )(?<!\bon )(?<!\bto "
        r")(?<!\bduring )(?<!\bafter )\b(?:an?|be|as)\s+(?:P\d|SEV-?\d)\s*\?|P\d or (?:a )?P\d|SEV-?\d or"
        r"|rate (?:this|it)|(?:count|qualif(?:y|ies)|treat\w*|handle\w*) (?:\w+ ){0,2}as (?:a )?(?:P\d|SEV"
        r"|major|critical)|what P\b|should (?:this|it) be (?:a )?P\d|priorit(?:y|ise|ize)|downgrade|(?:lower"
        r"|raise|downgrad\w*|upgrad\w*|re-?classif\w*|reduc\w*|demot\w*|promot\w*) .{0,25}(?:\bP\d|sev\w*"
        r"|\bit\b|incident)|jira priority",
    ),
    _cue(
        "closing",
        4,
        r"\bclos(?:e|ed|ing|ure)\b|post[\s-]?(?:incident|mortem)|retrospective|before (?:we |i )?resolv\w*"
        r"|wrap up|root cause|mark (?:it |this )?(?:as )?(?:resolved|done)|\breview\b.{0,30}(?:incident|P\d)"
        r"|incident review",
    ),
    _cue(
        "references",
        6,
        r"(?:which|what) (?:other )?(?:files?|documents?|config\w*|sources?) .{0,40}(?:consult\w*|refer\w*"
        r"|check\w*|mandatory|decid\w*|look\w*|must)|mandatory references?|must (?:be )?consult",
    ),
    _cue(
        "versions",
        4,
        r"replac\w*.{0,30}polic|polic\w*.{0,30}\breplac\w*|(?:which|what) (?:policy|version)\b.{0,40}(?:force"
        r"|appl\w*|current|valid|effective|supersed\w*"
        r"|latest|newest|counts|binding)|effective (?:date|since|from)|in force|(?:does|is|was|what|which"
        r"|has).{0,30}supersed\w*|since when .{0,30}(?:policy|version)|(?:is|are) policy_?\w* still|take "
        r"effect",
    ),
    _cue(
        "tickets",
        3,
        r"(?:find|search|list|show|related|open|which|any|similar|previous|past|look (?:up|for)) (?:\w+ "
        r"){0,4}(?:tickets?|incidents?|issues?)\b|mention\w*|ownership gaps?|tickets? (?:are|have|mention"
        r"|without)|\bin jira\b|search jira|\b[A-Z][A-Z0-9]{1,9}-\d+\b",
    ),
    _cue(
        "metrics",
        3,
        r"metrics?\b|time\s?series|error[- ]rate (?:data|chart|graph)|check (?:the )?(?:latency|error)"
        r"|analy[sz]e",
    ),
    _cue("logs", 3, r"\blogs?\b(?! (?:each|every|the|an?|it|in|off|on)\b)|log (?:events?|patterns?|lines?|search)"),
)

CHANGES = re.compile(rf"\b{_DEPLOY}\b|\bdeploy", re.IGNORECASE)
"""A change is spoken of; with a moment beside it, whether it may happen then is asked."""

SUBJECT_ONLY: dict[Kind, str] = {
    "rollback": r"(?:do|should|must|shall|can|need|have to|has to|to|we|i|they|it|not)\s+(?:\w+\s+){0,3}?(?:roll(?:ing"
    r"|ed)?[\s-]?(?:\w+\s+){0,2}?back\b(?!s)|revert|back (?:it |this )?out|take (?:\w+ "
    r"){0,3}back)(?!\s+(?:be|is|was|has|have)\b)|(?:mandat\w*|requir\w*|trigger\w*|warrant\w*|justif\w*"
    r"|threshold\w*|demand\w*|forced?|validat\w*|decid\w*|whether)\b.{0,40}roll\w*[\s-]?back"
    r"|roll\w*[\s-]?back\w*\s+(?:\w+\s+){0,3}?(?:mandatory|required|necessary|due|needed|obligatory"
    r"|compulsory|warranted|justified|triggered)\b|roll\w*[\s-]?back[\s-](?:trigger|threshold|limit"
    r"|condition|rule)|roll\w*[\s-]?back or not",
}
"""A kind that others mention in passing counts, beside a stronger one, only where it is really asked."""
