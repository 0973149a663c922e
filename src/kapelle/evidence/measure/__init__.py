"""How good a search is.

`collection` (a folder in BEIR's layout), `rankings` (its questions asked, by some options), `scores` (what the rankings
are worth, and whether two differ), `ways` (words, vectors, both, two hops, and other options against the defaults),
`feedback` (what people said as a test collection), `export` (a collection as files).
"""
