"""The words that say nothing about a topic, read from `stopwords.txt` beside this file."""

from pathlib import Path


def _read() -> dict[str, frozenset[str]]:
    lists: dict[str, set[str]] = {}
    name = ""
    for line in Path(__file__).with_name("stopwords.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            name = line.strip("[] ")
            lists[name] = set()
        elif name and not line.startswith("#"):
            lists[name].update(line.split())
    return {name: frozenset(words) for name, words in lists.items()}


_LISTS = _read()
STOP_WORDS = _LISTS["stop"]
"""English function words and what an apostrophe leaves of them; dropped from queries."""
ASKING_VERBS = _LISTS["asking"]
"""Words that frame a question (`say`, `describe`, `according`); dropped from queries too."""
ASKING_WORDS = ASKING_VERBS | _LISTS["sources"]
"""These and the words for sources (`handbook`, `page`): they neither show nor deny that a topic is covered."""
KIND_WORDS = _LISTS["kinds"]
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
