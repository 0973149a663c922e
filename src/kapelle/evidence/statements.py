"""The statements of an index that both databases read alike: documents, which of them are live, and collections."""

from sqlalchemy import bindparam, text

# The first statement of a change is a write that holds the collection's row: a SQLite transaction that begins by
# reading cannot be waited for when another one has written meanwhile, and on Postgres changes go one after the other.
TOUCH = text(
    "INSERT INTO evidence_collections (owner, name, generation) VALUES (:owner, :collection, 1) "
    "ON CONFLICT (owner, name) DO UPDATE SET generation = evidence_collections.generation + 1"
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
COUNT = text("SELECT count(*) FROM evidence_passages WHERE owner = :owner AND collection IN :collections").bindparams(
    bindparam("collections", expanding=True)
)
FORGET = text(
    "DELETE FROM evidence_documents WHERE owner = :owner AND NOT EXISTS (SELECT 1 FROM evidence_live l WHERE "
    "l.owner = evidence_documents.owner AND l.source = evidence_documents.source "
    "AND l.sha256 = evidence_documents.sha256) AND source = :source AND sha256 = :sha256"
)
STORED = text("SELECT source, sha256 FROM evidence_documents WHERE owner = :owner")
GENERATION = text("SELECT generation FROM evidence_collections WHERE owner = :owner AND name = :collection")
SOURCES = text(
    "SELECT d.id, d.source, d.sha256, d.title, d.meta FROM evidence_live l JOIN evidence_documents d ON "
    "d.owner = l.owner AND d.source = l.source AND d.sha256 = l.sha256 "
    "WHERE l.owner = :owner AND l.collection = :collection ORDER BY l.source"
)
DOCUMENT = text("SELECT * FROM evidence_documents WHERE owner = :owner AND id = :id")
TEXT_OF = text("SELECT text FROM evidence_documents WHERE owner = :owner AND source = :source AND sha256 = :sha256")
COLLECTIONS = text(
    "SELECT c.name, c.generation, d.documents, (SELECT count(*) FROM evidence_passages p "
    "WHERE p.owner = c.owner AND p.collection = c.name) AS passages "
    "FROM evidence_collections c JOIN (SELECT owner, collection, count(*) AS documents FROM evidence_live "
    "GROUP BY owner, collection) d ON d.owner = c.owner AND d.collection = c.name "
    "WHERE c.owner = :owner ORDER BY c.name"
)
