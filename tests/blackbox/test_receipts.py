"""Receipts that an auditor can check: sealed, exported, verified offline, pruned when exported."""
import contextlib
import json
import re
import sqlite3

import pytest

from support import postgres, receipts

BROKEN = 65
DAY_MS = 86_400_000


@pytest.fixture
def erased(service):
    """A service that has erased three people in two goes, each with a seal of its own."""
    one = service()
    one.wait_until_ready()
    one.gone = []
    for count in (2, 1):
        for _ in range(count):
            one.gone.append(one.create_with_avatar()["id"])
            assert one.delete(one.gone[-1]).status == 200
        receipts.wait_until_sealed(one)
    return one


def sql(one, statement):
    if isinstance(one.database, postgres.Database):
        postgres.psql(one.database.address, statement)
        return
    with contextlib.closing(sqlite3.connect(one.database, timeout=30)) as shell, shell:
        shell.execute(statement)


@contextlib.contextmanager
def a_day_later(one):
    """For the seals that are there now; afterwards they say again what their digests are of."""
    last = max(item["seal"] for item in receipts.items(one) if "seal" in item)
    move = "UPDATE receipt_seals SET sealed_at = sealed_at {} WHERE number <= {}"
    sql(one, move.format(f"- {DAY_MS}", last))
    yield
    sql(one, move.format(f"+ {DAY_MS}", last))


def test_an_export_says_who_is_gone_and_since_when_and_is_verified_without_a_service(
        erased, tmp_path):
    path = tmp_path / "receipts"
    said = {user: erased.receipt(user).data["deletedAt"] for user in erased.gone}
    receipts.export(erased, path)
    at_home = receipts.run("verify", service=erased)
    erased.stop()
    offline = receipts.run("verify", "--file", path)
    assert (offline.returncode, offline.stdout) == (0, at_home.stdout), offline
    head = receipts.judge(path.read_text())
    assert re.search(rf"^head: seal \d+ {head}$", offline.stdout, re.MULTILINE)
    assert "3 receipts, 3 erased persons" in offline.stdout
    assert offline.stdout.endswith("without a seal: none\n")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    people = [line for line in lines if "deletedAt" in line]
    assert {line["user"]: line["deletedAt"] for line in people} == said
    assert {line["user"] for line in lines if "key" in line} == set(erased.gone)
    assert receipts.run("verify", "--file", path, "--head", head).returncode == 0


def tamperings(lines):
    """Name and lines of each export that is not what was written."""
    records = [place for place, line in enumerate(lines) if line.startswith('{"receipt"')]
    persons = [place for place, line in enumerate(lines) if line.startswith('{"erased"')]
    seals = [place for place, line in enumerate(lines) if line.startswith('{"seal"')]

    def without(*places):
        return [line for place, line in enumerate(lines) if place not in places]

    def changed(place, old, new):
        assert old in lines[place]
        return [*lines[:place], lines[place].replace(old, new, 1), *lines[place + 1:]]

    yield "cut", lines[:-1]
    yield "cut in a line", [*lines[:-1], lines[-1][:20]]
    yield "empty", []
    yield "more behind the end", [*lines, lines[1]]
    yield "another start", changed(0, "users-service", "another")
    yield "another day", changed(0, '"exportedAt":"2', '"exportedAt":"1')
    yield "two chains in one", receipts.forge(lines, begins_anew=True)
    for end, name in ((lambda made: made, "plain"), (receipts.end_again, "with a new end")):
        yield f"a receipt less, {name}", end(without(records[0]))
        yield f"a person less, {name}", end(without(persons[0]))
        yield f"a seal less, {name}", end(without(seals[0]))
        yield f"a seal with its records less, {name}", end(without(*range(1, seals[0] + 1)))
        yield f"a receipt twice, {name}", end([*lines[:2], *lines[1:]])
        yield f"another answer, {name}", end(changed(records[0], '"status":', '"status":1'))
        yield f"another person, {name}", end(changed(persons[0], '"user":"0', '"user":"1'))
        yield f"another time, {name}", end(changed(persons[0], '"deletedAt":"2', '"deletedAt":"1'))
        yield f"a member more, {name}", end(changed(records[0], "{", '{"note":1,'))
        yield f"another seal, {name}", end(changed(seals[0], '"sealedAt":"2', '"sealedAt":"1'))
        yield f"a pruned seal, {name}", end(changed(seals[0], '"pruned":false', '"pruned":true'))
        yield f"another order, {name}", end([lines[0], lines[2], lines[1], *lines[3:]])


def test_a_changed_removed_or_cut_record_is_found(erased, tmp_path):
    path = tmp_path / "receipts"
    lines = receipts.export(erased, path).read_text().splitlines(keepends=True)
    head = json.loads([line for line in lines if line.startswith('{"seal"')][-1])["digest"]
    for what, made in tamperings(lines):
        path.write_text("".join(made))
        done = receipts.run("verify", "--file", path)
        assert done.returncode == BROKEN, (what, done)
    # Without the last seal its records have none yet, and are named.
    last = max(place for place, line in enumerate(lines) if line.startswith('{"seal"'))
    end = json.loads(lines[-1])
    end["seals"] -= 1
    path.write_text("".join(receipts.end_again(
        lines[:last] + lines[last + 1:-1] + [json.dumps(end, separators=(",", ":")) + "\n"])))
    done = receipts.run("verify", "--file", path)
    assert done.returncode == 0, done
    assert re.search(r"without a seal: receipts \d+ to \d+ \(1\), erased \d+ to \d+ \(1\)$",
                     done.stdout, re.MULTILINE)
    # Who makes all of the chain anew is found by what was seen of it before.
    place = next(place for place, line in enumerate(lines) if '"erased"' in line[:12])
    lines[place] = lines[place].replace('"deletedAt":"2', '"deletedAt":"1', 1)
    path.write_text("".join(receipts.forge(lines)))
    assert receipts.run("verify", "--file", path).returncode == 0
    assert receipts.run("verify", "--file", path, "--head", head).returncode == BROKEN


@pytest.mark.sqlite
def test_a_changed_or_removed_row_of_the_database_is_found(erased):
    def with_sql(*statements):
        with sqlite3.connect(erased.database) as shell:
            for statement in statements:
                shell.execute(statement)
        shell.close()
        erased.start()
        done = receipts.run("verify", service=erased)
        erased.stop()
        return done

    erased.stop()
    assert with_sql().returncode == 0
    for change, back in (
            ("UPDATE receipts SET finished_at = finished_at - 1 WHERE id = 2",
             "UPDATE receipts SET finished_at = finished_at + 1 WHERE id = 2"),
            ("UPDATE user_receipts SET id = -id WHERE id = 2",
             "UPDATE user_receipts SET id = -id WHERE id = -2"),
            ("UPDATE receipt_seals SET sealed_at = sealed_at + 1 WHERE number = 1",
             "UPDATE receipt_seals SET sealed_at = sealed_at - 1 WHERE number = 1")):
        done = with_sql(change)
        assert done.returncode == BROKEN, (change, done)
        with sqlite3.connect(erased.database) as shell:
            shell.execute(back)
        shell.close()
    assert with_sql().returncode == 0


def test_only_what_a_verified_export_has_is_pruned(erased, tmp_path):
    path, tomorrow = tmp_path / "receipts", "2999-01-01"
    full = receipts.export(erased, path).read_text()
    head = receipts.judge(full)
    early = receipts.run("prune", "--before", "2001-01-01", "--file", path, service=erased)
    assert (early.returncode, early.stdout) == (0, "0 records pruned, under 0 seals\n"), early
    path.write_text(full.replace('"status":204', '"status":200', 1))
    refused = receipts.run("prune", "--before", tomorrow, "--file", path, service=erased)
    assert refused.returncode == BROKEN
    forged = full.replace('"attempts":1', '"attempts":2', 1).splitlines(keepends=True)
    path.write_text("".join(receipts.forge(forged)))
    refused = receipts.run("prune", "--before", tomorrow, "--file", path, service=erased)
    assert refused.returncode == BROKEN and "409" in refused.stderr
    assert erased.receipt(erased.gone[0]).status == 200
    path.write_text(full)
    young = receipts.run("prune", "--before", tomorrow, "--file", path, service=erased)
    assert young.returncode == BROKEN and "younger than a day" in young.stderr, young
    assert erased.receipt(erased.gone[0]).status == 200
    with a_day_later(erased):
        done = receipts.run("prune", "--before", tomorrow, "--file", path, service=erased)
    assert done.returncode == 0 and re.match("[1-9][0-9]* records pruned", done.stdout), done
    again = receipts.run("prune", "--before", tomorrow, "--file", path, service=erased)
    assert again.returncode == 0 and again.stdout.startswith("0 records pruned")
    # The chain is whole without them, and goes on; the last seal's records stay.
    assert erased.receipt(erased.gone[0]).status == 404
    assert erased.receipt(erased.gone[-1]).status == 200
    erased.gone.append(erased.create_with_avatar()["id"])
    assert erased.delete(erased.gone[-1]).status == 200
    receipts.wait_until_sealed(erased)
    done = receipts.run("verify", "--head", head, service=erased)
    assert done.returncode == 0, done
    assert re.match(r"\d+ seals \([1-9]\d* pruned\), ", done.stdout)


def test_what_makes_no_sense_is_refused(erased, tmp_path):
    seals = [item for item in receipts.items(erased) if "seal" in item]
    private = erased.private
    for query in ({"cursor": "x"}, {"cursor": "1-2"}, {"cursor": ""}, {"limit": 5}):
        assert private.get("/api/receipts", **query).status == 400, query
    for query in ({}, {"seal": 1}, {"seal": 0, "digest": "0" * 64}, {"seal": 1, "digest": "0"}):
        assert private.delete("/api/receipts", **query).status == 400, query
    assert private.delete("/api/receipts", seal=999, digest="0" * 64).status == 404
    assert private.delete("/api/receipts", seal=1, digest="0" * 64).status == 409
    first, last = ({"seal": one["seal"], "digest": one["digest"]} for one in (seals[0], seals[-1]))
    assert private.delete("/api/receipts", **first).status == 409
    with a_day_later(erased):
        assert private.delete("/api/receipts", **last).status == 409
        pruned = private.delete("/api/receipts", **first)
    assert pruned.status == 200 and pruned.data["pruned"] >= 1
    assert erased.public.get("/api/receipts").status == 404
    for arguments in (("export",), ("prune", "--before", "yesterday"), ("prune",), ("show",),
                      ("verify",), ("prune", "--before", "2026-01-31")):
        assert receipts.run(*arguments).returncode == 64, arguments
    missing = tmp_path / "missing"
    assert receipts.run("verify", "--file", missing).returncode == 78
    assert receipts.run("export", "--to", missing / "x", service=erased).returncode == 78
    erased.stop()
    assert receipts.run("export", "--to", missing, service=erased).returncode == 69
    assert list(tmp_path.glob("missing*")) == []
