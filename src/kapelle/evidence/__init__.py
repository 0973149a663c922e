"""What is known.

`model` (Document, Passage, Excerpt, Claim, Citation); `ingest` (a folder into a collection: `folder` walks and reads
it, `progress` tells, `watch` says what changed) and `ingest_url` (`fetch`, `addresses`); `load` (bytes to documents;
`titles`, `kinds`; `converters` over processes that `convert` pdf and office files: `load_pdf`, `package`,
`load_office`); `split` (documents to passages; `blocks`, `blocks_html`, `blocks_data`, `blocks_code`); `quotes` (what
of a passage can be quoted);
`index` (the port) with `index_sqlite` and `index_postgres` over what they share (`index_database` changes,
`index_reads`, `index_parts`); `filters`; `copy` (collections to another database); `search` (ranked, with abstention;
`weigh`: what was covered, `versions`: what is superseded).
"""
