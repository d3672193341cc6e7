"""Several replicas, and one audit: each begun one is gone through once, whoever has it."""
import concurrent.futures
import threading

from test_audit import at_rest, begin, ended, lay, old_key, own, state
from support import postgres, programs

MANY = 2500
OWNED = (1, 1700, MANY)
ROUNDS = 4


def aged(replicas, *each, **options):
    """Replicas, not running, with as many objects, of which three are somebody's."""
    made = replicas(*each, timer="off", **options)
    for one in made:
        one.stop()
    for number in OWNED:
        own(made[0], number)
    lay(made[0], *range(1, MANY + 1))
    return made


def taken(one):
    """How often it took an audit: from its beginning, or from where it was."""
    return one.log().count('"audit goes on"')


def lease(one):
    """Who has the audit, and until when unless it says so again."""
    ((owner, until),) = one.rows("SELECT owner, leased_until FROM audit")
    return owner, int(until)


def counted(told):
    counts = told["counts"]
    assert (counts["objects"], counts["pointers"]) == (MANY, len(OWNED))
    assert counts["strays"] == MANY - len(OWNED)
    return True


def test_of_replicas_that_begin_at_once_one_has_it_and_the_others_are_told(replicas):
    made = aged(replicas, {}, {}, audit_rate=1000000)
    for one in made:
        one.start().wait_until_ready()
    begun, together = 0, threading.Barrier(len(made))

    def ask(one):
        together.wait()
        return one.private.post("/api/audit").status

    with concurrent.futures.ThreadPoolExecutor(len(made)) as pool:
        for _ in range(ROUNDS):
            answers = list(pool.map(ask, made))
            assert set(answers) <= {202, 409}
            begun += answers.count(202)
            assert counted(ended(made[0]))
    # The last one, should one have been begun behind the other.
    told = ended(made[0])
    assert state(made[1]) == told
    assert sum(taken(one) for one in made) == begun > 0


def test_one_goes_on_where_the_other_was_cut_off_and_not_before(replicas):
    slow, fast = aged(replicas, {"audit_rate": 10}, {"audit_rate": 1000000}, lease="3s")
    slow.start().wait_until_ready()
    begun = begin(slow, delete="true", maxShare=100)
    # It rests behind its first page now, and says again and again that it is at it.
    programs.wait_for(lambda: state(slow)["counts"]["objects"] == 1000, 60)
    fast.start().wait_until_ready()
    assert fast.private.post("/api/audit").status == 409
    holder, first = lease(slow)
    programs.wait_for(lambda: lease(slow)[1] > first + 6000, 60, "two leases to go by")
    assert lease(fast)[0] == holder and taken(fast) == 0
    slow.kill()
    told = ended(fast)
    assert (told["id"], told["state"]) == (begun["id"], "done")
    assert counted(told) and told["counts"]["scheduled"] == MANY - len(OWNED)
    assert (taken(slow), taken(fast)) == (1, 1)
    # Of each object that nobody owned there was one deletion, and of the others none.
    fast.sweep()
    at_rest(fast)
    assert fast.objects() == sorted(old_key(number).removeprefix("avatars/") for number in OWNED)
    assert postgres.psql(fast.database.address,
                         "SELECT count(*), count(DISTINCT key) FROM receipts") == (
        f"{MANY - len(OWNED)}|{MANY - len(OWNED)}")
