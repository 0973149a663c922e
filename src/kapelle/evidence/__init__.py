"""What is known.

`model` (Document, Passage, Excerpt, Claim, Citation); `load` (files to documents; `titles`, `kinds`); `split`
(documents to passages; `blocks`, `blocks_html`, `blocks_data`); `quotes` (what of a passage can be quoted);
`index` (the port) with `index_sqlite` and `index_postgres` (both an `index_database`), `copy`; `search` (ranked, with abstention; `weigh`: what was covered,
`versions`: what is superseded).
"""
