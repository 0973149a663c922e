"""The statements of the Postgres word index: which passages hold a stem, how often, and what BM25 makes of it."""

from sqlalchemy import bindparam, text

NUMBERS = text(
    "SELECT nextval(pg_get_serial_sequence('evidence_passages', 'number')) FROM generate_series(1, :passages)"
)
ADD_PASSAGE = text(
    "INSERT INTO evidence_passages (number, collection, id, document, source, sha256, start_char, end_char, header, "
    "section, context, text, visible, meta, words, digest) VALUES (:number, :place, :id, :document, :source, :sha256, "
    ":start, :end, :header, :section, :context, :text, :visible, :meta, :words, :digest)"
)
ADD_WORDS = text(
    "INSERT INTO evidence_words (collection, stem, passage, times, length) SELECT :place, w.stem, w.passage, w.times, "
    "w.length FROM unnest(CAST(:stems AS text[]), CAST(:passages AS bigint[]), CAST(:times AS integer[]), "
    "CAST(:lengths AS integer[])) AS w (stem, passage, times, length)"
)
GROW = text("UPDATE evidence_collections SET passages = passages + :passages, words = words + :words WHERE id = :place")
CUT = text(
    "WITH gone AS (DELETE FROM evidence_passages WHERE collection = :place "
    "AND source = ANY(CAST(:sources AS text[])) RETURNING words) UPDATE evidence_collections SET "
    "passages = passages - (SELECT count(words) FROM gone), "
    "words = words - (SELECT coalesce(sum(words), 0) FROM gone) WHERE id = :place"
)
# Okapi BM25 as FTS5 computes it (k1 = 1.2, b = 0.75; a stem that most passages hold counts almost nothing). A sum's
# last digits depend on its order: they are cut off, so that equal passages have equal scores; those that tie with the
# last are ranked too. All that is read of a posting stands in the index of its key.
SEARCH = (
    "WITH whole AS (SELECT CAST(passages AS float8) AS passages, CAST(0.3 AS float8) AS least, "
    "CAST(0.9 AS float8) * greatest(passages, 1) / greatest(words, 1) AS per_word "
    "FROM evidence_collections WHERE id = :place), "
    "asked AS MATERIALIZED (SELECT a.stem, a.weight * 2.2 * "
    "greatest(ln((passages - n.holding + 0.5) / (n.holding + 0.5)), 1e-6) AS weight "
    "FROM whole CROSS JOIN unnest(CAST(:stems AS text[]), CAST(:weights AS float8[])) AS a (stem, weight) "
    "CROSS JOIN LATERAL (SELECT count(*) AS holding FROM evidence_words c "
    "WHERE c.collection = :place AND c.stem = a.stem) n), "
    "held AS {held}(SELECT w.passage, a.weight * w.times / (w.times + least + per_word * w.length) AS worth "
    "FROM asked a CROSS JOIN whole JOIN evidence_words w ON w.collection = :place AND w.stem = a.stem), "
    "scored AS (SELECT passage, floor(sum(worth) * 1e12 + 0.5) / 1e12 AS score FROM held{fitting} GROUP BY passage), "
    "best AS (SELECT passage, score FROM scored ORDER BY score DESC FETCH FIRST (:k) ROWS WITH TIES) "
    "SELECT best.passage AS number, best.score FROM best ORDER BY best.score DESC, best.passage LIMIT :k"
)
# Null when there are more than `most`.
THOSE_THAT_FIT = (
    "SELECT CASE WHEN count(*) <= CAST(:most AS bigint) THEN coalesce(CAST(array_agg(number) AS text), '{{}}') END "
    "FROM (SELECT number FROM ({numbers}) AS fitting LIMIT CAST(:most AS bigint) + 1) AS few"
)
NUMBERED = "SELECT unnest(CAST(:fitting AS bigint[]))"
# Reading every posting and looking each up among those that fit is ten times as fast as looking each that fits up among
# the postings, which the server would choose.
READ_FIRST = "MATERIALIZED "
FITTING = " WHERE passage IN ({numbers})"
HOLDING = text(
    "SELECT count(DISTINCT passage) FROM evidence_words WHERE collection = :place AND stem IN :stems"
).bindparams(bindparam("stems", expanding=True))
# Passages that were brought here from another database have no words yet.
WORDLESS = text(
    "SELECT number, collection, header, section, context, coalesce(visible, text) AS body FROM evidence_passages "
    "WHERE words IS NULL ORDER BY number LIMIT :most"
)
COUNTED = text("UPDATE evidence_passages SET words = :words WHERE number = :number")
