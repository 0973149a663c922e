"""The tables of the SQLite index, as statements that a migration may execute as they stand."""

from sqlalchemy import Engine

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
    PRIMARY KEY (owner, source, sha256)
)
"""
_DOCUMENTS_BY_ID = "CREATE INDEX IF NOT EXISTS evidence_documents_id ON evidence_documents (owner, id)"

_COLLECTIONS = """
CREATE TABLE IF NOT EXISTS evidence_collections (
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    generation INTEGER NOT NULL,
    PRIMARY KEY (owner, name)
)
"""

# Which version of a source a collection shows.
_LIVE = """
CREATE TABLE IF NOT EXISTS evidence_live (
    owner TEXT NOT NULL,
    collection TEXT NOT NULL,
    source TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    PRIMARY KEY (owner, collection, source)
)
"""

# `visible` is NULL where it would repeat `text`.
_PASSAGES = """
CREATE TABLE IF NOT EXISTS evidence_passages (
    number INTEGER PRIMARY KEY,
    owner TEXT NOT NULL,
    collection TEXT NOT NULL,
    id TEXT NOT NULL,
    document TEXT NOT NULL,
    source TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    start_char INTEGER NOT NULL,
    end_char INTEGER NOT NULL,
    header TEXT NOT NULL,
    section TEXT NOT NULL,
    text TEXT NOT NULL,
    visible TEXT,
    meta TEXT NOT NULL
)
"""
_PASSAGES_BY_SOURCE = """
CREATE INDEX IF NOT EXISTS evidence_passages_source ON evidence_passages (owner, collection, source)
"""
_WORDS = """
CREATE VIEW IF NOT EXISTS evidence_words AS
SELECT number, header, section, coalesce(visible, text) AS body FROM evidence_passages
"""
_FTS = """
CREATE VIRTUAL TABLE IF NOT EXISTS evidence_fts USING fts5(
    header, section, body, content='evidence_words', content_rowid='number',
    tokenize='porter unicode61 remove_diacritics 2'
)
"""
_INSERTED = """
CREATE TRIGGER IF NOT EXISTS evidence_passages_inserted AFTER INSERT ON evidence_passages BEGIN
    INSERT INTO evidence_fts (rowid, header, section, body)
    VALUES (new.number, new.header, new.section, coalesce(new.visible, new.text));
END
"""
# An external-content table forgets a row only when told the values it was indexed with.
_DELETED = """
CREATE TRIGGER IF NOT EXISTS evidence_passages_deleted AFTER DELETE ON evidence_passages BEGIN
    INSERT INTO evidence_fts (evidence_fts, rowid, header, section, body)
    VALUES ('delete', old.number, old.header, old.section, coalesce(old.visible, old.text));
END
"""

DDL: tuple[str, ...] = (
    _DOCUMENTS,
    _DOCUMENTS_BY_ID,
    _COLLECTIONS,
    _LIVE,
    _PASSAGES,
    _PASSAGES_BY_SOURCE,
    _WORDS,
    _FTS,
    _INSERTED,
    _DELETED,
)


def ensure_schema(engine: Engine) -> None:
    """Create what is missing of the index's tables."""
    with engine.begin() as connection:
        for statement in DDL:
            connection.exec_driver_sql(statement)
