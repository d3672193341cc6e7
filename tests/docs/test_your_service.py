"""docs/your-service.md: an example is started, broken and healed as the page says."""
import os

from blocks import RUN, block, blocks
from support import postgres, programs

DOCUMENT = "docs/your-service.md"


def test_an_example_heals(terminals):
    terminals.start(block(DOCUMENT, "mkdir"), health=f"http://{terminals.address(3001)}/health")
    printed = terminals.run(block(DOCUMENT, "curl"))
    assert printed.splitlines()[1].endswith("202")
    assert not [name for name in os.listdir(terminals.folder / "example/files")
                if not name.startswith(".")]
    assert "ok" in terminals.run(block(DOCUMENT, "build/fallback-job check"))
    job = terminals.start(block(DOCUMENT, "build/fallback-job --schedule"))
    programs.wait_for(lambda: job.log.stat().st_size, timeout=60, what="the job to say something")
    assert terminals.interrupt(job)[0] == 0


def sql(address, text):
    RUN.add(text)
    return postgres.psql(address, text)


def test_the_tables_and_triggers_write_intents_first():
    table, trigger, upload = blocks(DOCUMENT, "sql")
    with postgres.server_address() as address:
        postgres.psql(address, "CREATE TABLE notes (id TEXT PRIMARY KEY, image_key TEXT)")
        sql(address, table)
        sql(address, trigger)
        postgres.psql(address, "INSERT INTO notes VALUES ('one', 'a'), ('two', 'b'), ('three', NULL)")
        postgres.psql(address, "DELETE FROM notes WHERE id IN ('one', 'three')")
        RUN.add(upload)
        postgres.psql(address, upload.replace("$1", "'c'").replace("$2", "'two'"))
        left = postgres.psql(address, "SELECT key FROM deletions ORDER BY key")
        assert left.split() == ["a", "b"]
        postgres.psql(address, "DROP TABLE notes, deletions; DROP FUNCTION image_left")
