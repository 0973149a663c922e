"""The statements of the SQLite word index: FTS5 in the same file, a table for each collection."""

from sqlalchemy import text

ADD = (
    "INSERT INTO evidence_passages (collection, meta, id, document, source, sha256, start_char, end_char, header, "
    "section, context, text, visible, digest) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
KEEP_VECTOR = "INSERT INTO evidence_vectors (embedder, digest, vector) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
NEWEST = text("SELECT coalesce(max(number), 0) FROM evidence_passages")
# External content: the table is told of what was added, and must be told the words of what it forgets.
INDEX_ADDED = (
    "INSERT INTO evidence_fts_{place} (rowid, header, section, body) "
    "SELECT number, header, section || ' ' || context, coalesce(visible, text) FROM evidence_passages "
    "WHERE number > :after"
)
UNINDEX = (
    "INSERT INTO evidence_fts_{place} (evidence_fts_{place}, rowid, header, section, body) "
    "SELECT 'delete', w.number, w.header, w.section, w.body FROM evidence_passages p "
    "JOIN evidence_words_{place} w ON w.number = p.number WHERE p.collection = :place AND p.source = :source"
)
GROW = text("UPDATE evidence_collections SET passages = passages + :passages WHERE id = :place")
CUT = text("DELETE FROM evidence_passages WHERE collection = :place AND source = :source")
SEARCH = (
    "SELECT rowid AS number, rank AS cost FROM evidence_fts_{place} WHERE evidence_fts_{place} MATCH :words{fitting} "
    "ORDER BY rank, rowid LIMIT :k"
)
# The plus keeps SQLite from asking the word index about each number by itself.
FITTING = " AND +rowid IN ({numbers})"
HOLDING = "SELECT count(*) FROM evidence_fts_{place} WHERE evidence_fts_{place} MATCH :words"
