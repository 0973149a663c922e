"""Whether it holds.

`model` (Verdict, ToolOutcome), `citations` (span and support), `checks` (one per question asked of an
answer), `required` (names of sources), `score` (checklist to verdict); `entail` (whether quotes say what a claim says,
by a model), `measure` (precision and recall of citations).

Plain arguments in: no module here knows a Candidate or a Plan.
"""
