"""Nothing that was written in this run, by any test, holds a secret or names a person."""
import pytest

from support import disclosure
from support.service import person


@pytest.mark.last
def test_no_log_and_no_refusal_holds_a_secret_or_a_person():
    found = list(disclosure.faults())
    assert not found, "\n".join(found)


@pytest.mark.last
@pytest.mark.complete
def test_the_whole_run_was_watched():
    assert len(disclosure.secrets) > 50
    assert len(disclosure.people) > 50
    assert sum(path.stat().st_size for path in disclosure.logs if path.exists()) > 100_000
    assert disclosure.outputs and len(disclosure.refusals) > 50


def test_what_is_watched_for_is_found(service, tmp_path, monkeypatch):
    """The watch itself: a log, an output and a refusal that hold what they may not."""
    for name in ("secrets", "people", "logs", "outputs", "refusals"):
        monkeypatch.setattr(disclosure, name, set())
    users = service()
    sent = person(lastName="Unmistakable")
    users.public.post("/api/users", sent)
    assert not list(disclosure.faults())
    assert disclosure.logs and users.token.encode() in disclosure.secrets
    log = tmp_path / "log"
    log.write_text(f"… {users.token} …")
    disclosure.note_program(["/usr/bin/users-service"], log)
    disclosure.note_output("Unmistakable")
    disclosure.note_reply(400, {}, b"Unmistakable is no name")
    assert len(list(disclosure.faults())) == 3
    with pytest.raises(disclosure.Disclosure):
        disclosure.note_reply(200, {"X-Token": users.token}, b"")
