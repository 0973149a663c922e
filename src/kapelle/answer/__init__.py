"""What is said.

`model` (Candidate), `compose` (from claims), `extract` (quotes that answer a question; `rank`: which;
`wanted`: what kind of answer it asks for), `number` (citations), `merge` (several answers to one, conflicts
listed).
"""
