"""Words that office and engineering documents use for the same thing; each line is one group."""

from functools import lru_cache

from kapelle.language.words import base, words

_GROUPS = """
keep retain retention store archive preserve
vacation holiday leave pto
employee staff worker personnel colleague
boss manager supervisor superior
buy purchase procure order
refund reimburse reimbursement repay
begin start commence
end finish stop
cost price fee charge
cancel terminate termination revoke
allow permit permission authorize authorization
forbid prohibit ban disallow
delete erase remove destroy purge
change modify alter amend edit
choose select pick
help assist support
big large
quick fast rapid speed
fix repair solve resolve resolution
error failure fault defect
bug defect
outage downtime unavailable
salary pay wage remuneration
car vehicle
phone telephone
customer client
contractor freelancer
invoice bill
meeting appointment
illness sick sickness ill disease
doctor physician
rule policy regulation
approve authorize
notify inform alert announce
escalate page
rollback revert
deploy release ship rollout
team group squad
location place site
travel trip journey
lodging hotel accommodation
laptop notebook computer
quit resign resignation
hire recruit
train training course
password passphrase credential
backup copy
limit maximum cap ceiling
required mandatory obligatory compulsory
needed required necessary
yearly year annual annually
monthly month
weekly week
expire expiry lapse expiration
deadline due
owner responsible accountable
create make produce
increase raise grow rise
decrease reduce lower drop
write author
found establish
die death
birth born
win victory
film movie
war conflict
teach instruct
live reside
"""
SHARE = 0.8
"""Credit for a related word, where the word itself has 1."""


@lru_cache(maxsize=1)
def _by_stem() -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for line in _GROUPS.split("\n"):
        group = [base(word) for word in words(line)]
        for stem in group:
            found.setdefault(stem, set()).update(set(group) - {stem})
    return {stem: frozenset(others) for stem, others in found.items()}


def related(stem: str) -> frozenset[str]:
    """The stems that mean much the same as `stem`; empty when none is known."""
    return _by_stem().get(stem, frozenset())


@lru_cache(maxsize=4_096)
def related_words(word: str) -> tuple[str, ...]:
    """The words of the groups that a folded word is in, itself left out, sorted."""
    stem = base(word)
    found: set[str] = set()
    for line in _GROUPS.split("\n"):
        group = words(line)
        if any(base(other) == stem for other in group):
            found.update(other for other in group if base(other) != stem)
    return tuple(sorted(found))
