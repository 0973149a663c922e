"""Words brought to a common form: stems, and one word for what people say in many ways (down, unavailable,
unreachable).
"""

import re
from collections.abc import Iterable, Sequence

STOP = frozenset(
    re.findall(
        r"\S+",
        "a an the and or of to in on at for by with from is are was were be been being it its this that "
        "these those there here i we our us you your they them their he she his her do does did done can "
        "could may might shall should will would must have has had having what which who whom whose when "
        "where why how if then than as so not no nor any all some each every into onto over under about "
        "after before during while until per via also only just now please tell me say says said need "
        "needs needed required require requires get gets got there's it's i'm we're let give given right "
        "still one per out up off ",
    )
)

_PEOPLE = (
    r"(?:customer|user|shop|tenant|account|client|person|people|patient|passenger|member|merchant|compan(?:y|ies)"
    r"|guest|student|subscriber|organi[sz]ation|team)"
)

# Concepts: what an incident does, to whom, how widely. Phrases first, because "partly unavailable" is no outage.
_CONCEPTS: tuple[tuple[str, str], ...] = (
    (
        "degraded",
        r"(?:part(?:ly|ially|s)|sometimes|occasionally|intermittent(?:ly)?)\s+(?:\w+\s+)?(?:unavailable|down"
        r"|unreachable|failing|broken|fail\w*)|partial(?:ly)?(?:\s+(?:outage|failure|loss|degradation))?",
    ),
    (
        "degraded",
        r"degrad\w*|\bslow(?:er|ly|ness|s|ed)?\b|sluggish|intermittent\w*|laggy|lagging|elevated latency|high "
        r"latency|chopp\w*|stutter\w*|jitter\w*|buffering|garbled|(?:gets?|getting|is|are|keeps?|being) (?:\w+ )?"
        r"(?:dropped|cut off|disconnected|kicked out)|latency|"
        r"time[sd]?\s?-?out|impaired|flaky|unstable|crawl\w*|takes (?:\w+ ){0,2}(?:seconds"
        r"|minutes|ages|long)",
    ),
    (
        "outage",
        r"outages?|(?:complete |total |full )?loss of (?:\w+ ){0,3}(?:service|access|function\w*|availability)"
        r"|\bdown\b|unavailab\w*|unreachable|inaccessible|offline|not (?:available|reachable"
        r"|accessible|working|responding|loading|possible)|stopped working|(?:does|do|did|will)(?:n't| not) "
        r"(?:work|load|respond|open)|dead\b|broken|crash\w*|black screen|nothing works|complete(?:ly)? fail\w*"
        r"|(?:cannot|can't|can not|unable to|could not|couldn't|no longer|nobody can|no one can|not able to) "
        r"(?:\w+ ){0,1}?(?:reach|log|sign|use|pay|check|access|open|order|buy|book|connect|load|complete|place"
        r"|see|work|submit|upload|search|do|be reached|get|join|start|enter|dispatch|ship|call|play|register|schedule"
        rf"|stream|print|transfer|withdraw)\w*|nobody can|no one can|\bno {_PEOPLE} can\b",
    ),
    (
        "data_exposed",
        r"expos\w*|leak\w*|disclos\w*|breach\w*|stolen|unauthori[sz]ed|(?:see|sees|saw|seen|view\w*|read|access\w*"
        r"|receiv\w*|got|show\w*|visible)\b.{0,50}\b(?:another|other|someone else'?s?|different|wrong|foreign"
        rf"|strangers?'?)\s+(?:\w+\s+)?{_PEOPLE}|(?:another|other|someone else'?s?|wrong"
        rf"|strangers?'?)\s+(?:\w+\s+)?{_PEOPLE}"
        r"\w*(?:'s?)?\s+(?:data|orders?|invoices?|details|records?|address\w*|information)|intrusion"
        r"|compromis\w*|security (?:incident"
        r"|breach|event)|hacked",
    ),
    (
        "data_lost",
        r"(?:data|records?|orders?|rows?|files?|history)\s+(?:\w+\s+){0,2}?(?:is |are |was |were |has been "
        r"|have been )?(?:lost|loss|gone|missing|deleted|corrupt\w*|destroyed|overwritten|wiped|vanished)"
        r"|data[\s-]?loss|lost (?:\w+ )?(?:data|records?|orders?)|corrupt\w*|(?:lost|losing|missing|deleted"
        r"|wiped|overwrit\w+) (?:\w+ ){0,2}(?:data|records?|orders?|rows?)|changed by mistake|data integrity"
        r"|\blost\b",
    ),
    (
        "delayed",
        r"delay\w*|\blate\b|behind schedule|backlog\w*|stuck|lag\b|not (?:yet )?(?:sent|delivered|arriv\w*)"
        r"|hours behind|piling up|queued? up",
    ),
    (
        "cosmetic",
        r"cosmetic\w*|typos?|misspel\w*|spelling|misalign\w*|blurr\w*|wrong (?:colou?r|font|icon|logo|label)"
        r"|colou?rs?\b|layout|\blogo\b|\bicon\b|footer|tooltip|visual\w*|text overlap|pixel\w*|translation"
        r"|wording",
    ),
    (
        "internal",
        r"internal\w*|back-?office|staff|employees?|admin(?:istrat\w+)?\b|intranet|our own (?:team|people)"
        r"|only (?:we|our team)",
    ),
    (
        "no_workaround",
        r"(?:no|without|not have an?|lacks? an?|without any)\s+(?:\w+\s+)?work-?\s?arounds?|no (?:other"
        r"|alternative) way",
    ),
    ("workaround", r"work-?\s?arounds?|another way|alternative(?:ly)? (?:path|way|route)|can (?:still )?use"),
    (
        "all",
        r"\ball\b|\bevery(?:one|body|thing|where)?\b|entire\w*|whole|complete(?:ly)?|total(?:ly)?"
        rf"|\bno {_PEOPLE} can\b"
        r"|\bfull(?:y)?\b|nobody|no one|\bnone\b|globally|company-?wide|everything|nothing",
    ),
    ("most", r"\bmost\b|majority|large (?:share|part|number)|many"),
    ("some", r"\bsome\b|\bfew\b|subset|handful|several|portion|minority|part of|certain|limited|multiple|number of"),
    (
        "single",
        r"\bsingle\b|\bone (?:customer|user|shop|client|tenant|account|merchant|person|team)\b|individual"
        r"|(?:just|only) one\b|isolated|one-?off",
    ),
    (
        "minor",
        r"\bminor\b|trivial|inconvenien\w*|\bsmall\b|low impact|little (?:effect|impact)|negligible|nuisance"
        r"|annoy\w*|without (?:any )?(?:effect|impact)|no (?:effect|impact)\b|not (?:affected|hindered|impacted)"
        r"|(?:nobody|no one) is (?:hindered|affected|blocked)|no (?:customer|user|business) (?:impact|effect)"
        r"|harmless|nothing urgent|not urgent",
    ),
    ("question", r"how-?to question|feature request|documentation|\bquestion\b"),
)
CONCEPTS = tuple((name, re.compile(pattern, re.IGNORECASE)) for name, pattern in _CONCEPTS)

ROLLBACK = (
    r"roll(?:s|ed|ing)?[\s-]?(?:it |this |that |them |the \w+ ){0,1}back(?:s|ed)?\b|\brevert\w*|\bback(?:s"
    r"|ed|ing)?[\s-](?:it |this )?out\b|\bt(?:ak(?:e|es|en|ing)|ook) (?:\w+ ){0,4}?back\b|\bundo(?:es|ne"
    r"|ing)?\b|\bwithdraw\w*"
)
"""How people say that a release goes back to what was there before, as a regular expression."""
_PHRASES: tuple[tuple[str, str], ...] = (
    (ROLLBACK, "rollback"),
    (r"sign(?:s|ed|ing)?[\s-]?(?:in|on)\b|log(?:s|ged|ging)?[\s-]?(?:in|on)\b|logins?|authenticat\w*", "signin"),
    (r"sign(?:s|ed|ing)?[\s-]?off", "approv"),
    (r"check(?:s|ed|ing)?[\s-]?out\b|shopping cart|basket", "checkout"),
    (r"on[\s-]?call", "oncall"),
    (r"hand[\s-]?(?:over|off)s?", "handoff"),
    (r"post[\s-]?(?:incident|mortem)(?:\s+reviews?)?|retrospective|lessons learned", "postincident"),
    (r"direct messages?|\bdms?\b|private messages?|private chat", "directmessage"),
    (r"status pages?", "statuspage"),
    (r"data[\s-]?bases?|\bdb\b", "database"),
    (r"high[\s-]?risk|risky", "highrisk"),
    (
        r"go(?:es|ing)?[\s-](?:live|out)|roll(?:s|ed|ing)?[\s-]?outs?|push(?:es|ed|ing)?(?: to prod\w*)?"
        r"|ship(?:s|ped|ping|ment)?\b|releas\w*|deploy\w*|\bmerg(?:e|es|ed|ing)\b",
        "deploy",
    ),
    (r"non-?\s?urgent|not urgent|non-?\s?emergency|no emergency", "standard"),
    (r"hot[\s-]?fix(?:es)?|emergenc\w*|urgent\w*|break-?glass|expedited", "emergency"),
    (r"c-level|board members?|\bexecs?\b|executives?|leadership|management team|\bceo\b|\bcto\b", "executive"),
    (r"plug-?\s?ins?\b", "plugin"),
    (r"add-?\s?ons?\b", "addon"),
    (r"nobody|no one", "nobody"),
)
_COMPILED = tuple((re.compile(pattern, re.IGNORECASE), f" {word} ") for pattern, word in _PHRASES)
# Words that people use for the same thing, the first of each line standing for all.
_GROUPS = (
    "customer user client shop merchant tenant consumer buyer subscriber shopper guest",
    "approve authorize authorise consent agree",
    "escalate page notify ring wake summon call",
    "record log document register note",
    "keep retain retention preserve store kept archive held",
    "migration schema",
    "standard normal ordinary regular routine",
    "exec executive",
    "payment pay card charge capture paid",
    "pictur image photo",
    "teach train",
    "update refresh",
    "field attribut",
    "close closure",
    "review inspect",
    "engineer developer programmer",
    "allow permit permission legal ok okay",
    "edit modify alter amend",
    "invoice bill billing",
    "region country area market",
    "owner own owning owned",
    "lower downgrade reduce demote",
    "expire lapse",
    "incident outage",
    "begin start commence",
    "expos leak",
    "service system component",
    "interval cadence frequency often",
    "author creator writer wrote",
    "duplicate twice double",
    "waive ignore bypass override skip disregard",
    "correct fix",
)
_ENDINGS = (
    ("ations", 4),
    ("ation", 4),
    ("ements", 4),
    ("ement", 4),
    ("ments", 4),
    ("ment", 4),
    ("ings", 4),
    ("ing", 4),
    ("ied", 3),
    ("ies", 3),
    ("ers", 4),
    ("ed", 4),
    ("es", 4),
    ("er", 5),
    ("als", 5),
    ("al", 5),
    ("ly", 4),
    ("s", 3),
)
"""Endings, and how many letters must stay."""
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_'’-]*|\d+(?:\.\d+)?%?")

_FINE = re.compile(
    r"[^.,;:?!]*\b(?:is|are|looks?|stays?|remains?|seems?|was|were|has been|have been"
    r"|everything)\s+(?:\w+\s+)?(?:fine|normal|healthy|unaffected|stable|okay|ok|good)\b"
    r"|\b(?:most|others|the others|the rest)\s+(?:\w+\s+)?(?:can|do|does|works?|succeeds?)\b",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"\b(?:no|without|not any|zero|neither|nor)\s+(?:\w+\s+){0,2}?(?:data (?:loss|lost|exposed|was lost"
    r"|was exposed)|outage|downtime|leak|breach|delay|exposure|corruption|data (?:is|was|were|has been) "
    r"\w+)\b",
    re.IGNORECASE,
)


def stem(word: str) -> str:
    """A word in its common form: without its commonest endings, and one word for all of a group."""
    root = _root(word)
    return _SAME.get(root, root)


def _root(word: str) -> str:
    """A word without its commonest endings; not a dictionary form."""
    word = word.lower().replace("’", "'").removesuffix("'s")
    for ending, least in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= least and not word.endswith("ss"):
            word = word.removesuffix(ending)
            if ending in ("ed", "ing") and word[-1:] == word[-2:-1] and word[-1:] not in "lsz":
                word = word[:-1]  # "shipped", "permitting"
            break
    return word.removesuffix("e")


_SAME = {_root(word): _root(group.split()[0]) for group in _GROUPS for word in group.split()}


def terms_of(text: str) -> tuple[str, ...]:
    """The content words of `text` in their common form, in order."""
    for pattern, word in _COMPILED:
        text = pattern.sub(word, text)
    return tuple(stem(word) for word in _WORD.findall(text.replace("-", " ")) if word.lower() not in STOP)


def concepts_of(text: str) -> frozenset[str]:
    """What an incident does, to whom and how widely, as far as `text` says it; what it says is fine or did not
    happen is left out.
    """
    found: set[str] = set()
    rest = _DENIED.sub(" ", _FINE.sub(" ", text))
    for name, pattern in CONCEPTS:
        if pattern.search(rest):
            found.add(name)
            if name in ("degraded", "no_workaround"):  # their words must not count again as an outage or a workaround
                rest = pattern.sub(" ", rest)
    return frozenset(found)


def speaks_of(terms: Sequence[str], phrase: str) -> bool:
    """Whether the words of `phrase` stand one after the other in `terms`."""
    words = terms_of(phrase)
    return bool(words) and any(
        tuple(terms[start : start + len(words)]) == words for start in range(len(terms) - len(words) + 1)
    )


def overlap(asked: Iterable[str], offered: Iterable[str]) -> float:
    """The share of `asked` found in `offered`, 0..1; 0 when nothing is asked."""
    wanted, there = set(asked), set(offered)
    return len(wanted & there) / len(wanted) if wanted else 0.0
