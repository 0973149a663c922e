"""Answer questions from a folder of documents: quotes, or an honest "the sources do not say"."""

from pathlib import Path

import kapelle

HANDBOOK = Path(__file__).parent / "handbook"

for question in ("How long do we keep invoices?", "May I travel first class?", "Is parental leave paid?"):
    answer = kapelle.ask(question, HANDBOOK)
    print(f"{question}\n  {answer}")
    for citation in answer.citations:
        print(f"    [{citation.id}] {citation.source}:{citation.start}-{citation.end}")
