"""The statements of the SQLite index."""

from sqlalchemy import text

# The first statement of a change is a write: a transaction that begins by reading cannot be waited for when another
# one has written meanwhile (SQLite answers "locked" at once).
TOUCH = text(
    "INSERT INTO evidence_collections (owner, name, generation) VALUES (:owner, :collection, 1) "
    "ON CONFLICT (owner, name) DO UPDATE SET generation = generation + 1"
)
LIVE = text("SELECT source, sha256 FROM evidence_live WHERE owner = :owner AND collection = :collection")
KEEP = text(
    "INSERT INTO evidence_documents (owner, id, source, sha256, title, text, converted, meta) "
    "VALUES (:owner, :id, :source, :sha256, :title, :text, :converted, :meta) ON CONFLICT DO NOTHING"
)
SHOW = text(
    "INSERT INTO evidence_live (owner, collection, source, sha256) VALUES (:owner, :collection, :source, :sha256) "
    "ON CONFLICT (owner, collection, source) DO UPDATE SET sha256 = excluded.sha256"
)
HIDE = text("DELETE FROM evidence_live WHERE owner = :owner AND collection = :collection AND source = :source")
CUT = text("DELETE FROM evidence_passages WHERE owner = :owner AND collection = :collection AND source = :source")
ADD = text(
    "INSERT INTO evidence_passages (owner, collection, id, document, source, sha256, start_char, end_char, header, "
    "section, text, visible, meta) VALUES (:owner, :collection, :id, :document, :source, :sha256, :start, :end, "
    ":header, :section, :text, :visible, :meta)"
)
# CROSS JOIN keeps SQLite from going through a whole collection and asking the word index about each passage.
SEARCH = (
    "SELECT p.*, best.cost FROM (SELECT p.number, bm25(evidence_fts) AS cost FROM evidence_fts "
    "CROSS JOIN evidence_passages p ON p.number = evidence_fts.rowid "
    "WHERE evidence_fts MATCH :words AND p.owner = :owner AND p.collection = :collection{filters} "
    "ORDER BY cost, p.source, p.start_char, p.number LIMIT :k) best JOIN evidence_passages p ON p.number = best.number "
    "ORDER BY best.cost, p.source, p.start_char, p.number"
)
COUNT = text(
    "SELECT count(*) FROM evidence_passages WHERE owner = :owner "
    "AND collection IN (SELECT value FROM json_each(:collections))"
)
HOLDING = text(
    "SELECT count(*) FROM evidence_fts CROSS JOIN evidence_passages p ON p.number = evidence_fts.rowid "
    "WHERE evidence_fts MATCH :words AND p.owner = :owner "
    "AND p.collection IN (SELECT value FROM json_each(:collections))"
)
FORGET = text(
    "DELETE FROM evidence_documents WHERE owner = :owner AND NOT EXISTS (SELECT 1 FROM evidence_live l WHERE "
    "l.owner = evidence_documents.owner AND l.source = evidence_documents.source "
    "AND l.sha256 = evidence_documents.sha256) AND source || char(10) || sha256 NOT IN "
    "(SELECT value FROM json_each(:referenced))"
)
GENERATION = text("SELECT generation FROM evidence_collections WHERE owner = :owner AND name = :collection")
SOURCES = text(
    "SELECT d.id, d.source, d.sha256, d.title, d.meta FROM evidence_live l JOIN evidence_documents d ON "
    "d.owner = l.owner AND d.source = l.source AND d.sha256 = l.sha256 "
    "WHERE l.owner = :owner AND l.collection = :collection ORDER BY l.source"
)
DOCUMENT = text("SELECT * FROM evidence_documents WHERE owner = :owner AND id = :id ORDER BY rowid DESC LIMIT 1")
TEXT_OF = text("SELECT text FROM evidence_documents WHERE owner = :owner AND source = :source AND sha256 = :sha256")
COLLECTIONS = text(
    "SELECT c.name, c.generation, "
    "(SELECT count(*) FROM evidence_live l WHERE l.owner = c.owner AND l.collection = c.name) AS documents, "
    "(SELECT count(*) FROM evidence_passages p WHERE p.owner = c.owner AND p.collection = c.name) AS passages "
    "FROM evidence_collections c WHERE c.owner = :owner AND documents > 0 ORDER BY c.name"
)
