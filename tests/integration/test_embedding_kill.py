"""An ingest with an embedder, killed again and again: what is acknowledged stays, what is embedded is not again."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from sqlalchemy import create_engine, text

from kapelle.assemble import index_of
from kapelle.evidence.tables_sqlite import ensure_schema
from kapelle.store.engine import open_url

OWNER, DOCUMENTS, KILLS = "acme/ann", 400, 20
WRITER = """
import sys, time
from sqlalchemy import create_engine
from tests.embedders import WordVectors
from kapelle.assemble import index_of
from kapelle.evidence import vectors_database
from kapelle.evidence.load import document_of
from kapelle.evidence.rows import digest_of
from kapelle.store.engine import open_url

vectors_database._AT_STAKE = 0.02
vectors_database._TOGETHER = 4

class Slow(WordVectors):
    def embed(self, texts, *, query=False):
        made = super().embed(texts, query=query)
        with open(sys.argv[2], "a") as log:
            log.writelines(digest_of(one).hex() + chr(10) for one in texts)
        time.sleep(0.004)
        return made

index = index_of(open_url(f"sqlite:///{sys.argv[1]}"), Slow())
for first in range(0, int(sys.argv[3]), 10):
    some = [document_of(f"{n}.txt", f"needle{n} stands here") for n in range(first, first + 10)]
    index.put("c", some, owner="acme/ann")
    print(first, flush=True)
"""


def embedded(log: Path) -> list[str]:
    return log.read_text().splitlines() if log.exists() else []


def test_what_is_acknowledged_stays_and_what_is_embedded_is_not_embedded_again(tmp_path: Path) -> None:
    path, log = tmp_path / "i.db", tmp_path / "embedded.txt"
    engine = create_engine(f"sqlite:///{path}")
    ensure_schema(engine)
    dice = random.Random(5)
    command = [sys.executable, "-c", WRITER, str(path), str(log), str(DOCUMENTS)]
    root = Path(__file__).parents[2]
    acknowledged: set[int] = set()
    kills = 0
    while True:
        with engine.connect() as connection:
            stored = {
                bytes(one).hex() for one in connection.execute(text("select digest from evidence_vectors")).scalars()
            }
        before = len(embedded(log))
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as writer:
            assert writer.stdout is not None
            if kills < KILLS:
                first = writer.stdout.readline()
                time.sleep(dice.uniform(0, 0.06))
                writer.send_signal(signal.SIGKILL)
                kills += 1
                said = [first, *writer.stdout.read().splitlines()]
            else:
                said = writer.stdout.read().splitlines()
            acknowledged |= {int(line) for line in said if line.strip().isdigit()}
            code = writer.wait()
        # Whatever had its vector when the process began was not embedded by it again.
        again = [one for one in embedded(log)[before:] if one in stored]
        assert again == []
        for first in acknowledged:
            with engine.connect() as connection:
                there = connection.execute(
                    text(
                        "select count(*) from evidence_live where source in ({})".format(
                            ", ".join(f"'{n}.txt'" for n in range(first, first + 10))
                        )
                    )
                ).scalar_one()
            assert there == 10
        if code == 0:
            break
    assert kills == KILLS
    assert len(set(embedded(log))) == DOCUMENTS
    with engine.connect() as connection:
        connection.exec_driver_sql("insert into evidence_fts_1 (evidence_fts_1, rank) values ('integrity-check', 1)")
        (passages,) = connection.execute(text("select count(*) from evidence_passages")).one()
        (without,) = connection.execute(
            text(
                "select count(*) from evidence_passages p where not exists "
                "(select 1 from evidence_vectors v where v.digest = p.digest)"
            )
        ).one()
    assert (passages, without) == (DOCUMENTS, 0)
    engine.dispose()
    index = index_of(open_url(f"sqlite:///{path}"))
    assert [hit.source for hit in index.search("c", f"needle{DOCUMENTS - 1}", owner=OWNER)] == [f"{DOCUMENTS - 1}.txt"]
