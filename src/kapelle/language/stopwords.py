"""The words that say nothing about a topic: `STOP_WORDS` of the language, `ASKING_WORDS` of a question's frame."""

_STOP = """
a about across after again against all almost along already also although always am among an and another any
anybody anyone anything are aren around as at away be became because become been before being between both
but by came can cannot come could couldn d did didn do does doesn doing don done down due during each either else
enough etc even ever every everybody everyone everything except few for from further get gets getting given go goes
going gone got had hadn has hasn have haven having he hence her here hers herself him himself his how however i if
in instead into is isn it its itself just least less let like ll m made make many may me might mine more most
mostly much must mustn my myself nearly neither never no nobody none nor not nothing now o of often on
once one only onto or other others otherwise ought our ours ourselves out over own per perhaps please put quite
rather re really s same several shall shan she should shouldn since so some somebody someone something sometimes
soon still such t than that the their theirs them themselves then there therefore these they this those though
through thus to together too toward towards under unless until up upon us ve very via was wasn we well were weren
what whatever when whenever where whereas wherever whether which whichever while who whoever whole whom whose why
will with within won would wouldn yet you your yours yourself yourselves
"""
STOP_WORDS = frozenset(_STOP.split())
"""English function words and what an apostrophe leaves of them; dropped from queries."""

_ASKING = """
say says said saying state states stated mention mentions mentioned tell tells told describe describes described
explain explains explained according discuss discussed know known want wants wanted find show shows give gives
contain contains contained answer answers question questions information info regarding concerning
handbook document documents documentation doc docs manual source sources corpus text texts article articles
page pages file files wiki guide guides section sections chapter chapters
mean means meant happen happens happened exactly actually currently
"""
ASKING_WORDS = frozenset(_ASKING.split())
"""Words that ask rather than name: they neither show nor deny that a topic is covered."""

_KIND = """
time times period periods duration length deadline deadlines date dates day days year years month months week weeks
hour hours minute minutes number numbers amount amounts total quantity cost costs price prices fee fees name names
person people place places kind kinds type types way ways reason reasons maximum minimum max min limit
called named long often far big large old tall
"""
KIND_WORDS = frozenset(_KIND.split())
"""Words that name the kind of answer wanted; a sentence may answer without repeating them."""

IRREGULAR = {
    "kept": "keep", "held": "hold", "paid": "pay", "sent": "send", "spent": "spend", "built": "build",
    "bought": "buy", "sold": "sell", "taught": "teach", "caught": "catch", "brought": "bring", "thought": "think",
    "found": "find", "lost": "lose", "left": "leave", "met": "meet", "led": "lead", "read": "read", "wrote": "write",
    "written": "write", "took": "take", "taken": "take", "gave": "give", "given": "give", "won": "win",
    "began": "begin", "begun": "begin", "broke": "break", "broken": "break", "chose": "choose", "chosen": "choose",
    "drew": "draw", "drawn": "draw", "drove": "drive", "driven": "drive", "fell": "fall", "fallen": "fall",
    "flew": "fly", "flown": "fly", "forgot": "forget", "forgotten": "forget", "froze": "freeze", "frozen": "freeze",
    "grew": "grow", "grown": "grow", "hid": "hide", "hidden": "hide", "knew": "know", "known": "know", "laid": "lay",
    "rose": "rise", "risen": "rise", "ran": "run", "saw": "see", "seen": "see", "shook": "shake", "shaken": "shake",
    "shot": "shoot", "slept": "sleep", "spoke": "speak", "spoken": "speak", "stole": "steal", "stolen": "steal",
    "stood": "stand", "swore": "swear", "threw": "throw", "thrown": "throw", "told": "tell",
    "understood": "understand", "wore": "wear", "worn": "wear", "fought": "fight", "felt": "feel", "dealt": "deal",
    "meant": "mean", "born": "bear", "children": "child", "people": "person", "men": "man", "women": "woman",
    "feet": "foot", "teeth": "tooth", "mice": "mouse", "lives": "life", "wives": "wife", "leaves": "leave",
    "indices": "index", "criteria": "criterion", "analyses": "analysis", "bases": "basis", "crises": "crisis",
    "staff": "staff", "better": "good", "best": "good", "worse": "bad", "worst": "bad",
}  # fmt: skip
"""Inflected forms that no suffix rule reaches, and their base."""
