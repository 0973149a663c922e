"""What is said: `model` (Candidate), `compose` (from claims), `extract` (quotes that answer a question), `wanted` (the kind
of answer a question asks for), `number` (citations), `merge` (several answers to one, conflicts listed).
"""
