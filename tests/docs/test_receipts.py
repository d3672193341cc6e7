"""docs/receipts.md: the export, what verifies it, and the end of what was exported."""
import json

from blocks import blocks
from test_readme import created

from support import programs

DOCUMENT = "docs/receipts.md"


def lines(terminals):
    return [json.loads(line) for line in
            (terminals.folder / "receipts.jsonl").read_text().splitlines()]


def test_receipts_are_exported_verified_and_pruned(terminals):
    terminals.run("umask 077; head -c 32 /dev/urandom | base64 >FILE\nmkdir -p var\n"
                  "/usr/bin/python3 demo/images.py >var/avatar.png\n")
    service = terminals.start(
        f"build/users-service --database sqlite:users.db --files file://{terminals.folder}/files "
        f"--token-file FILE --listen {terminals.address(8080)} "
        f"--private-listen {terminals.address(8081)}\n", health=terminals.health(8081))
    user = created(terminals, 8080)
    exporting, pruning, hashing = blocks(DOCUMENT)
    terminals.run(f"curl -sS -X DELETE http://{terminals.address(8080)}/api/users/{user}\n")

    def is_sealed():
        said = terminals.run(exporting)
        return said.count("1 seals (0 pruned), 1 receipts, 1 erased persons\n") == 3
    programs.wait_for(is_sealed, timeout=60, what="the receipts to be sealed")
    (seal,) = [line for line in lines(terminals) if "seal" in line]
    assert terminals.run(hashing).split()[0] == seal["digest"]
    assert "0 records pruned" in terminals.run(pruning)
    assert terminals.interrupt(service)[0] == 0
