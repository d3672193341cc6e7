"""docs/audit.md: an audit is asked for as it is written."""
from blocks import blocks

DOCUMENT = "docs/audit.md"


def test_an_audit_is_asked_for(terminals):
    terminals.run("umask 077; head -c 32 /dev/urandom | base64 >FILE\n")
    service = terminals.start(
        f"build/users-service --database sqlite:users.db --files file://{terminals.folder}/files "
        f"--token-file FILE --listen {terminals.address(8080)} "
        f"--private-listen {terminals.address(8081)}\n", health=terminals.health(8081))
    (asking,) = blocks(DOCUMENT)
    assert "audit done: 0 objects, 0 avatars of users\n" in terminals.run(asking)
    assert terminals.interrupt(service)[0] == 0
