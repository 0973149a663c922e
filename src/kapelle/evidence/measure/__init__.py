"""How good a search is.

`collection` (a folder in BEIR's layout), `rankings` (its questions asked, by some options), `scores` (what the rankings
are worth, and whether two differ), `compare` (several options side by side).
"""
