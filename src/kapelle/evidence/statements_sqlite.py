"""The statements of the SQLite word index: FTS5 in the same file."""

from sqlalchemy import bindparam, text

ADD = text(
    "INSERT INTO evidence_passages (owner, collection, id, document, source, sha256, start_char, end_char, header, "
    "section, text, visible, meta) VALUES (:owner, :collection, :id, :document, :source, :sha256, :start, :end, "
    ":header, :section, :text, :visible, :meta)"
)
CUT = text("DELETE FROM evidence_passages WHERE owner = :owner AND collection = :collection AND source = :source")
# CROSS JOIN keeps SQLite from going through a whole collection and asking the word index about each passage.
SEARCH = (
    "SELECT p.*, best.cost FROM (SELECT p.number, bm25(evidence_fts) AS cost FROM evidence_fts "
    "CROSS JOIN evidence_passages p ON p.number = evidence_fts.rowid "
    "WHERE evidence_fts MATCH :words AND p.owner = :owner AND p.collection = :collection{filters} "
    "ORDER BY cost, p.source, p.start_char, p.number LIMIT :k) best JOIN evidence_passages p ON p.number = best.number "
    "ORDER BY best.cost, p.source, p.start_char, p.number"
)
HOLDING = text(
    "SELECT count(*) FROM evidence_fts CROSS JOIN evidence_passages p ON p.number = evidence_fts.rowid "
    "WHERE evidence_fts MATCH :words AND p.owner = :owner AND p.collection IN :collections"
).bindparams(bindparam("collections", expanding=True))
