"""What is known.

`model` (Document, Passage, Excerpt, Claim, Citation); `load` (files to documents; `titles`, `kinds`); `split`
(documents to passages; `blocks`, `blocks_html`, `blocks_data`); `quotes` (what of a passage can be quoted);
`index` (the port) with `index_sqlite` and `index_postgres` over what they share, `index_database`; `filters`; `copy`
(collections to another database); `search` (ranked, with abstention; `weigh`: what was covered, `versions`: what is
superseded).
"""
