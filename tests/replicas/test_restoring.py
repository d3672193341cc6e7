"""A PostgreSQL database that was restored does not bring back who was erased since."""
import pytest

from support import images, postgres, receipts

REFUSED = 78
ENDED = ("done", "refused", "failed", "stopped")


class Dump:
    """A database as pg_dump writes it down, and as it is put back."""

    def __init__(self, one, folder):
        self.one, self.file = one, folder / "dump"
        self.run("pg_dump", "--format=custom", f"--file={self.file}", one.database.address)

    def run(self, program, *arguments):
        done = postgres.run_program(program, *arguments)
        assert done.returncode == 0, done

    def restore(self):
        """In the place of the database, which is dropped."""
        self.run("pg_restore", "--clean", "--if-exists", "--create", "--exit-on-error",
                 f"--dbname={self.one.database.address.rpartition('/')[0]}/postgres", self.file)


def refusal(one, **changes):
    done = one.run(**changes)
    assert done.returncode == REFUSED, done
    return done.stderr


def serves_as_before_but_for_the_erased(one):
    """From the first answer on: nobody was served meanwhile."""
    assert one.user(one.gone).status == 404
    assert one.avatar(one.bare).status == 404
    assert one.avatar(one.kept).status == 200
    return True


def ended_audit(one):
    def ended():
        audit = one.private.get("/api/audit").data
        return audit if audit["state"] in ENDED else None
    return one.wait_for(ended, 60, "the audit to end")


@pytest.fixture
def dumped(service, tmp_path):
    """A running service, a dump of it, and what happened since, with an export of that."""
    one = service().wait_until_ready()
    one.gone, one.bare, one.other, one.kept = (one.create_with_avatar()["id"] for _ in range(4))
    one.dump = Dump(one, tmp_path)
    return one


def live_on(one, tmp_path):
    """One person is erased, one loses the image, one gets another and one a first one."""
    assert one.delete(one.gone).status == 200
    assert one.public.delete(f"/api/users/{one.bare}/avatar").status == 200
    assert one.put_avatar(one.other, images.png(width=9)).status == 200
    one.wait_for(lambda: len(one.objects()) == 2, 30, "the old images to go")
    one.export = receipts.export(one, tmp_path / "receipts")
    one.stop()


def test_the_drill_on_postgres(dumped, tmp_path):
    one = dumped
    assert one.private.post("/api/epochs").status == 200
    live_on(one, tmp_path)
    one.dump.restore()
    for _ in range(2):
        said = refusal(one)
        assert "--restored" in said and "epoch" in said
    one.start(restored=one.export)
    assert serves_as_before_but_for_the_erased(one)
    # The image that came since is nobody's to the restored database: told of, and left alone.
    audit = ended_audit(one)
    assert (audit["state"], audit["dryRun"], audit["counts"]["scheduled"]) == ("done", True, 0)
    assert audit["counts"]["young"] == 1
    one.wait_until_ready()
    one.wait_until_erased(one.gone)
    # The word was needed once.
    one.restart(restored=None).wait_until_ready()
    assert serves_as_before_but_for_the_erased(one)


def test_a_dump_that_the_store_saw_no_further_is_erased_from_too(dumped, tmp_path):
    """No start came between: the word alone tells."""
    one = dumped
    live_on(one, tmp_path)
    one.dump.restore()
    one.start(restored=one.export)
    assert serves_as_before_but_for_the_erased(one)
    one.wait_until_ready()
    one.wait_until_erased(one.gone)


def test_a_replica_without_the_word_is_refused_while_the_other_is_cut_off(replicas, tmp_path):
    """What one replica began is on record for all of them."""
    first, other = replicas({}, {})
    first.gone, first.bare, first.other, first.kept = (first.create_with_avatar()["id"]
                                                       for _ in range(4))
    other.stop()
    first.dump = Dump(first, tmp_path)
    live_on(first, tmp_path)
    first.dump.restore()
    postgres.psql(first.database.address, "INSERT INTO about VALUES ('restoring', 'yes')")
    assert "cut off" in refusal(other)
    first.start(restored=first.export).wait_until_ready()
    other.start().wait_until_ready()
    for name in ("gone", "bare", "kept"):
        setattr(other, name, getattr(first, name))
    assert serves_as_before_but_for_the_erased(other)
