"""The statements of an index that both databases read alike: documents, which of them are live, and collections."""

from sqlalchemy import bindparam, text

from kapelle.store.dialect import Plain

# The first statement of a change is a write that holds the collection's row: a SQLite transaction that begins by
# reading cannot be waited for when another one has written meanwhile, and on Postgres changes go one after the other.
TOUCH = text(
    "INSERT INTO evidence_collections (owner, name, generation, embedder) VALUES (:owner, :collection, 1, :embedder) "
    "ON CONFLICT (owner, name) DO UPDATE SET generation = evidence_collections.generation + 1 "
    "RETURNING id, generation, passages, cuts, embedder"
)
PLACE = text(
    "SELECT id, generation, passages, cuts, embedder FROM evidence_collections "
    "WHERE owner = :owner AND name = :collection"
)
THRESHOLD = text(
    "SELECT max(t.answers_from) FROM evidence_thresholds t JOIN evidence_collections c ON c.id = t.collection "
    "WHERE c.owner = :owner AND c.name IN :names"
).bindparams(bindparam("names", expanding=True))
ANSWER_FROM = text(
    "INSERT INTO evidence_thresholds (collection, answers_from) VALUES (:place, :answers_from) "
    "ON CONFLICT (collection) DO UPDATE SET answers_from = excluded.answers_from"
)
UNCALIBRATE = text("DELETE FROM evidence_thresholds WHERE collection = :place")
CUTS = text("UPDATE evidence_collections SET cuts = cuts + 1 WHERE id = :place")
EMBEDDED_BY = text(
    "UPDATE evidence_collections SET embedder = :embedder, generation = generation + 1, cuts = cuts + 1 "
    "WHERE id = :place"
)
LIVE = text("SELECT source, sha256 FROM evidence_live WHERE owner = :owner AND collection = :collection")
LIVE_OF = text(
    "SELECT source, sha256 FROM evidence_live WHERE owner = :owner AND collection = :collection AND source IN :sources"
).bindparams(bindparam("sources", expanding=True))
KEEP = Plain(
    "INSERT INTO evidence_documents (owner, id, source, sha256, title, text, converted, meta) "
    "VALUES (:owner, :id, :source, :sha256, :title, :text, :converted, :meta) ON CONFLICT DO NOTHING"
)
SHOW = Plain(
    "INSERT INTO evidence_live (owner, collection, source, sha256, supersedes) "
    "VALUES (:owner, :collection, :source, :sha256, :supersedes) ON CONFLICT (owner, collection, source) "
    "DO UPDATE SET sha256 = excluded.sha256, supersedes = excluded.supersedes"
)
HIDE = Plain("DELETE FROM evidence_live WHERE owner = :owner AND collection = :collection AND source = :source")
NAME = Plain(
    "INSERT INTO evidence_names (collection, name, source) VALUES (:place, :name, :source) ON CONFLICT DO NOTHING"
)
UNNAME = Plain("DELETE FROM evidence_names WHERE collection = :place AND source = :source")
NAMED = text(
    "SELECT n.source, n.name FROM evidence_names n WHERE n.collection = :place AND n.name IN :names"
).bindparams(bindparam("names", expanding=True))
META = Plain(
    "INSERT INTO evidence_metas (collection, digest, meta) VALUES (:place, :digest, :meta) ON CONFLICT DO NOTHING"
)
META_IDS = text("SELECT id, digest FROM evidence_metas WHERE collection = :place AND digest IN :digests").bindparams(
    bindparam("digests", expanding=True)
)
FORGET_METAS = text(
    "DELETE FROM evidence_metas WHERE collection = :place AND NOT EXISTS (SELECT 1 FROM evidence_passages p "
    "WHERE p.collection = evidence_metas.collection AND p.meta = evidence_metas.id)"
)
# The plus (here and below): without statistics SQLite takes a collection for a handful of passages, and would read all
# of it rather than the numbers asked for.
PASSAGES = text(
    "SELECT p.*, m.meta AS about FROM evidence_passages p JOIN evidence_metas m ON m.id = p.meta "
    "WHERE +p.collection = :place AND p.number IN :numbers"
).bindparams(bindparam("numbers", expanding=True))
OF_SOURCE = text(
    "SELECT number FROM evidence_passages WHERE collection = :place AND source = :source ORDER BY number LIMIT :most"
)
OF_VERSION = text(
    "SELECT p.*, m.meta AS about FROM evidence_passages p JOIN evidence_metas m ON m.id = p.meta "
    "WHERE p.collection = :place AND p.source = :source AND p.sha256 = :sha256 ORDER BY p.number"
)
WITHOUT_CONTEXT = text(
    "SELECT DISTINCT source FROM evidence_passages WHERE collection = :place AND context = '' ORDER BY source"
)
CONTEXTS_BY = text("UPDATE evidence_collections SET contexts_by = :model WHERE id = :place")
STORED_VECTORS = text(
    "SELECT digest FROM evidence_vectors WHERE embedder = :embedder AND digest IN :digests"
).bindparams(bindparam("digests", expanding=True))
KEEP_VECTOR = text(
    "INSERT INTO evidence_vectors (embedder, digest, vector) VALUES (:embedder, :digest, :vector) "
    "ON CONFLICT DO NOTHING"
)
# In the order in which they were written, so that an interrupted job goes on where it was.
WITHOUT_VECTOR = text(
    "SELECT p.number, p.digest, p.header, p.section, p.context, coalesce(p.visible, p.text) AS body "
    "FROM evidence_passages p WHERE +p.collection = :place AND p.number > :after AND NOT EXISTS (SELECT 1 "
    "FROM evidence_vectors v WHERE v.embedder = :embedder AND v.digest = p.digest) ORDER BY p.number LIMIT :most"
)
PENDING = text(
    "SELECT count(*) FROM evidence_passages p WHERE p.collection = :place AND NOT EXISTS (SELECT 1 FROM "
    "evidence_vectors v WHERE v.embedder = :embedder AND v.digest = p.digest)"
)
SOURCES = text(
    "SELECT d.id, d.source, d.sha256, d.title, d.meta FROM evidence_live l JOIN evidence_documents d ON "
    "d.owner = l.owner AND d.source = l.source AND d.sha256 = l.sha256 "
    "WHERE l.owner = :owner AND l.collection = :collection ORDER BY l.source"
)
SUPERSEDING = text(
    "SELECT count(*) FROM evidence_live WHERE owner = :owner AND collection = :collection AND supersedes IS NOT NULL"
)
DOCUMENT = text("SELECT * FROM evidence_documents WHERE owner = :owner AND id = :id")
TEXT_OF = text("SELECT text FROM evidence_documents WHERE owner = :owner AND source = :source AND sha256 = :sha256")
COLLECTIONS = text(
    "SELECT c.name, c.generation, c.embedder, c.contexts_by, c.passages, d.documents, t.answers_from "
    "FROM evidence_collections c LEFT JOIN evidence_thresholds t ON t.collection = c.id "
    "JOIN (SELECT owner, collection, count(*) AS documents FROM evidence_live "
    "GROUP BY owner, collection) d ON d.owner = c.owner AND d.collection = c.name "
    "WHERE c.owner = :owner ORDER BY c.name"
)
