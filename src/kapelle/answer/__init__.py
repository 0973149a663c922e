"""What is said.

`model` (Candidate), `compose` (from claims), `extract` (quotes that answer a question; `rank`: which;
`wanted`: what kind of answer it asks for), `compose_model` (by a model that must quote; `context`: what it is
shown, `relocate`: where a near quote stands), `number` (citations), `merge` (several answers to one, conflicts
listed).
"""
