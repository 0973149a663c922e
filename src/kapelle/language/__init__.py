"""How English text is read: `sentences` (spans), `words` (stems, stop words, irregular forms), `stem` (Porter), `numbers`.

The lowest layer: plain functions of a string, used wherever text is cut, searched or checked.
"""
