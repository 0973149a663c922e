"""Whether it holds.

`model` (Verdict, ToolOutcome), `citations` (span, version, retrieved), `support` (how well quotes carry a claim; in
parts `amounts`, `figures`, `names`, `periods`, `negation`, `quantifiers`, `roles`, over `words`), `checks` (one per
question asked of an answer), `recheck` (an answer again, later), `required` (names of sources), `score` (checklist to
verdict); `entail` (whether quotes say what a claim says, by a model), `measure` (precision and recall of citations).

Plain arguments in: no module here knows a Candidate or a Plan.
"""
