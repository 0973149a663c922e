"""The tables of the SQLite index, as statements that a migration may execute as they stand."""

from sqlalchemy import Engine

# `unused_since` (here and of vectors) is what the retention notes; NULL: it is used, or nobody has looked.
_DOCUMENTS = """
CREATE TABLE IF NOT EXISTS evidence_documents (
    owner TEXT NOT NULL,
    id TEXT NOT NULL,
    source TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    title TEXT NOT NULL,
    text TEXT NOT NULL,
    converted INTEGER NOT NULL,
    meta TEXT NOT NULL,
    unused_since TEXT,
    PRIMARY KEY (owner, source, sha256)
)
"""
_UNUSED = "CREATE INDEX IF NOT EXISTS {table}_unused ON {table} (unused_since) WHERE unused_since IS NOT NULL"
_DOCUMENTS_BY_ID = "CREATE INDEX IF NOT EXISTS evidence_documents_id ON evidence_documents (owner, id)"

# `cuts` counts the changes that took passages away: whoever holds numbers of them in memory compares it. `embedder`
# names whose vectors the passages have, and is NULL where they are found by words only; `contexts_by` names the model
# that writes where they stand, or is NULL.
_COLLECTIONS = """
CREATE TABLE IF NOT EXISTS evidence_collections (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    generation INTEGER NOT NULL,
    passages INTEGER NOT NULL DEFAULT 0,
    cuts INTEGER NOT NULL DEFAULT 0,
    embedder TEXT,
    contexts_by TEXT,
    UNIQUE (owner, name)
)
"""

# Which version of a source a collection shows; `supersedes` lists what that says it replaces, as JSON, or is NULL.
_LIVE = """
CREATE TABLE IF NOT EXISTS evidence_live (
    owner TEXT NOT NULL,
    collection TEXT NOT NULL,
    source TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    supersedes TEXT,
    PRIMARY KEY (owner, collection, source)
)
"""
_NEWER = """
CREATE INDEX IF NOT EXISTS evidence_live_newer ON evidence_live (owner, collection) WHERE supersedes IS NOT NULL
"""

# What a question may call a source: its file's name and its title, in words.
_NAMES = """
CREATE TABLE IF NOT EXISTS evidence_names (
    collection INTEGER NOT NULL,
    name TEXT NOT NULL,
    source TEXT NOT NULL,
    PRIMARY KEY (collection, name, source)
) WITHOUT ROWID
"""
_NAMES_BY_SOURCE = "CREATE INDEX IF NOT EXISTS evidence_names_source ON evidence_names (collection, source)"

# What a filter looks at; passages of a document mostly share one row, so that a filter reads few.
_METAS = """
CREATE TABLE IF NOT EXISTS evidence_metas (
    id INTEGER PRIMARY KEY,
    collection INTEGER NOT NULL,
    digest BLOB NOT NULL,
    meta TEXT NOT NULL,
    UNIQUE (collection, digest)
)
"""

# `visible` is NULL where it would repeat `text`; `digest` is of what is embedded. A number is never given again.
_PASSAGES = """
CREATE TABLE IF NOT EXISTS evidence_passages (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    collection INTEGER NOT NULL,
    id TEXT NOT NULL,
    document TEXT NOT NULL,
    source TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    start_char INTEGER NOT NULL,
    end_char INTEGER NOT NULL,
    header TEXT NOT NULL,
    section TEXT NOT NULL,
    context TEXT NOT NULL DEFAULT '',
    text TEXT NOT NULL,
    visible TEXT,
    meta INTEGER NOT NULL,
    digest BLOB NOT NULL
)
"""
_PASSAGES_BY_SOURCE = """
CREATE INDEX IF NOT EXISTS evidence_passages_source ON evidence_passages (collection, source)
"""
_PASSAGES_BY_META = """
CREATE INDEX IF NOT EXISTS evidence_passages_meta ON evidence_passages (collection, meta)
"""
# Vectors by what they were made of: the same text is embedded once, in whatever collections it stands.
_VECTORS = """
CREATE TABLE IF NOT EXISTS evidence_vectors (
    id INTEGER PRIMARY KEY,
    embedder TEXT NOT NULL,
    digest BLOB NOT NULL,
    vector BLOB NOT NULL,
    unused_since TEXT,
    UNIQUE (embedder, digest)
)
"""
# What `corpus calibrate` found for a collection: the confidence from which a question is answered.
_THRESHOLDS = """
CREATE TABLE IF NOT EXISTS evidence_thresholds (
    collection INTEGER PRIMARY KEY,
    answers_from REAL NOT NULL
)
"""
DDL: tuple[str, ...] = (
    _DOCUMENTS,
    _DOCUMENTS_BY_ID,
    _UNUSED.format(table="evidence_documents"),
    _COLLECTIONS,
    _LIVE,
    _NEWER,
    _NAMES,
    _NAMES_BY_SOURCE,
    _METAS,
    _PASSAGES,
    _PASSAGES_BY_SOURCE,
    _PASSAGES_BY_META,
    _VECTORS,
    _UNUSED.format(table="evidence_vectors"),
    _THRESHOLDS,
)
# One of each for every collection: what words are rare is counted in it alone, so no rank depends on what others keep,
# and FTS5 can be held against what it indexes (`integrity-check`).
FULL_TEXT: tuple[str, ...] = (
    """
CREATE VIEW IF NOT EXISTS evidence_words_{collection} AS
SELECT number, header, section || ' ' || context AS section, coalesce(visible, text) AS body
FROM evidence_passages WHERE collection = {collection}
""",
    """
CREATE VIRTUAL TABLE IF NOT EXISTS evidence_fts_{collection} USING fts5(
    header, section, body, content='evidence_words_{collection}', content_rowid='number',
    tokenize='porter unicode61 remove_diacritics 2'
)
""",
    # Segments are merged at sixteen of a size instead of four: a tenth more passages are stored in a second, and a
    # search looks into no more of them than before.
    """
INSERT INTO evidence_fts_{collection} (evidence_fts_{collection}, rank) VALUES ('automerge', 16)
""",
)
REBUILD = "INSERT INTO evidence_fts_{collection} (evidence_fts_{collection}) VALUES ('rebuild')"
"""Index a collection's passages anew."""


def ensure_schema(engine: Engine) -> None:
    """Create what is missing of the index's tables."""
    with engine.begin() as connection:
        for statement in DDL:
            connection.exec_driver_sql(statement)
