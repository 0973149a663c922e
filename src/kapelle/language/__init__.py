"""How English text is read.

`sentences` (spans), `words` (stems, irregular forms), `stem` (Porter), `stopwords`, `related` (near
synonyms), `numbers`. The lowest layer: plain functions of a string, used wherever text is cut, searched or
checked.
"""
