"""docs/five-minutes.md: the first outage of a newcomer heals as the page says."""
import json

from blocks import blocks

DOCUMENT = "docs/five-minutes.md"


def test_the_first_outage_heals(terminals):
    fail, make, delete, look, again, heal, gone = blocks(DOCUMENT)
    first = terminals.start(fail, health=terminals.health(8081))
    assert '"firstName":"Ada"' in terminals.run(make).replace(" ", "")

    accepted, hidden, kept = terminals.run(delete).splitlines()
    assert json.loads(accepted)["data"]["state"] == "pending"
    assert json.loads(hidden) == {"status": "NotFound", "message": "there is no user with this id"}
    assert kept.startswith("var/files/avatars/")
    listed = json.loads(terminals.run(look))["data"]["items"]
    assert [item["state"] for item in listed] == ["pending"]

    code, _ = terminals.interrupt(first)
    assert code == 0
    terminals.start(again, health=terminals.health(8081))
    terminals.run(heal)
    receipt = json.loads(terminals.run(gone))["data"]
    assert receipt["state"] == "deleted" and receipt["deletedAt"] >= receipt["requestedAt"]
