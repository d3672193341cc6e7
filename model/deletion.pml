/*
 * The protocol of docs/protocol.md for an exhaustive search by spin: users whose avatars are
 * uploaded, replaced and deleted, workers that finish deletions, a store whose answers come late
 * or never, and crashes. An `atomic` block is a transaction, or one message that arrives.
 *
 * Each rule is a switch, on unless compiled with -DNAME=0; `check` beside this file knows which
 * switches give a counterexample in which scenario. A scenario is a list of who takes part.
 *
 * Time has no clock here. A guard's time may end at any moment at which the rules allow it; the
 * day before a second look ends once every PUT of that key has landed or died: that a PUT takes
 * less than a day to land is the one thing the protocol assumes of a store.
 */
#ifndef FAULTS
#define FAULTS 1 /* calls that time out, COMMITs of unknown result, crashes, lost leases */
#endif
#ifndef SCENARIO
#define SCENARIO 1
#endif

#ifndef R1
#define R1 true /* attach: the user first, then the guard, or nothing */
#endif
#ifndef R2
#define R2 true /* the confirm clears the pointer before it removes the user */
#endif
#ifndef R3
#define R3 true /* the confirm removes a user only if marked */
#endif
#ifndef R4
#define R4 true /* nothing is claimed before its time */
#endif
#ifndef R5
#define R5 true /* nothing is claimed under a lease */
#endif
#ifndef R6
#define R6 true /* no claim is ever given back */
#endif
#ifndef R7
#define R7 true /* nothing is sent after a claim of unknown result */
#endif
#ifndef R8
#define R8 true /* an attach of unknown result inserts nothing */
#endif
#ifndef R9
#define R9 true /* the guard and the look at its user are one transaction */
#endif
#ifndef R10
#define R10 true /* the trigger takes the key that is overwritten */
#endif
#ifndef R11
#define R11 true /* the confirm moves its row, then asks whether it was the last */
#endif
#ifndef R12
#define R12 true /* a marked user without deletions is work; one with any is not gone */
#endif
#ifndef R14
#define R14 true /* one PUT a key */
#endif
#ifndef R15
#define R15 true /* an answer counts for the look that asked */
#endif
#ifndef R17
#define R17 true /* an update names its columns */
#endif
#ifndef R20
#define R20 true /* a PUT starts and ends inside the guard's time */
#endif
#ifndef R21
#define R21 true /* attach only before the guard's end */
#endif
#ifndef R22
#define R22 true /* the claim of a guard is written */
#endif
#ifndef CAD
#define CAD true /* attach takes only a guard that was never claimed */
#endif
#ifndef D1
#define D1 true /* a trigger refuses to take a mark away */
#endif
#ifndef LOOK2
#define LOOK2 true /* a failed upload is looked at a second time, a day later */
#endif
#ifndef S1
#define S1 true /* a guard is settled only if its PUT was answered */
#endif

#define USERS 2
#define KEYS 3 /* 1 to 3; key 0 is none */

typedef User {
    bool row;
    bool marked;
    byte key;
    bool receipt
}

typedef Deletion {
    bool row;
    byte user;
    bool upload; /* wants two looks */
    bool second; /* has had the first */
    bool waits;  /* not_before is ahead */
    byte token;
    bool leased;
    bool abandoned /* whoever holds the lease is gone */
}

User users[USERS];
Deletion deletions[KEYS + 1];
bool object[KEYS + 1];
bool putting[KEYS + 1];      /* a PUT whose sender still waits for the answer */
byte late_puts[KEYS + 1];    /* PUTs that nobody waits for, and that may still land */
byte late_deletes[KEYS + 1];
bool key_receipt[KEYS + 1];
byte faults = FAULTS;

#define points(u, k) (users[u].row && !users[u].marked && users[u].key == k)
#define in_use(k) (points(0, k) || points(1, k))
#define held(u, k) (deletions[k].row && deletions[k].user == u)
#define deletions_of(u) (held(u, 1) + held(u, 2) + held(u, 3))

inline fault()
{
    faults > 0;
    faults--
}

/* What the triggers write. A repeat changes nothing in the row. */
inline schedule(who, what)
{
    if
    :: what != 0 && !deletions[what].row ->
        deletions[what].row = true;
        deletions[what].user = who;
        deletions[what].upload = false;
        deletions[what].second = false;
        deletions[what].waits = false;
        deletions[what].token = 0;
        deletions[what].leased = false;
        deletions[what].abandoned = false
    :: else
    fi
}

inline deletion_remove(k)
{
    deletions[k].row = false;
    deletions[k].upload = false;
    deletions[k].second = false;
    deletions[k].waits = false;
    deletions[k].token = 0;
    deletions[k].leased = false;
    deletions[k].abandoned = false
}

/* DELETE FROM users, with its trigger. */
inline user_remove(u)
{
    schedule(u, users[u].key);
    users[u].row = false;
    users[u].marked = false;
    users[u].key = 0
}

inline user_receipt(u)
{
    assert(deletions_of(u) == 0);
    users[u].receipt = true
}

inline object_lands(k)
{
    assert(!key_receipt[k]); /* a receipt that was true stays true */
    assert(deletions[k].row || in_use(k));
    object[k] = true
}

inline object_goes(k)
{
    assert(!in_use(k));
    object[k] = false
}

/* After the last deletion of a user: gone, with a receipt. */
inline user_finish(u, others)
{
    if
    :: others == 0 && users[u].row && (users[u].marked || !R3) && (users[u].key == 0 || !R2) ->
        assert(users[u].marked);
        user_remove(u);
        if
        :: R2 -> user_receipt(u)
        :: else -> users[u].receipt = true
        fi
    :: others == 0 && !users[u].row && !users[u].receipt -> user_receipt(u)
    :: else
    fi
}

inline deletion_finish(k)
{
    assert(!key_receipt[k]);
    assert(!object[k] && late_puts[k] == 0 && !putting[k]);
    key_receipt[k] = true;
    deletion_remove(k)
}

inline pointer_clear(u, k)
{
    if
    :: R2 && users[u].row && users[u].marked && users[u].key == k -> users[u].key = 0
    :: else
    fi
}

inline second_look_schedule(k)
{
    deletions[k].second = true;
    deletions[k].waits = true;
    deletions[k].leased = false;
    deletions[k].abandoned = false
}

#define is_final(k) (!deletions[k].upload || deletions[k].second || !LOOK2)

/*
 * A key is absent, says the store. The answer to a first look counts for the claim and the look
 * that asked; that to a final one ends the row, whoever holds it by now.
 */
inline confirm(k, mine, final)
{
    atomic {
        if
        :: deletions[k].row && !(R15 -> final : is_final(k)) ->
            if
            :: deletions[k].token == mine && !is_final(k) ->
                second_look_schedule(k);
                changed = true
            :: else
            fi
        :: deletions[k].row && (R15 -> final : is_final(k)) && is_final(k) ->
            owner = deletions[k].user;
            changed = true;
            if
            :: R11 ->
                deletion_finish(k);
                pointer_clear(owner, k);
                user_finish(owner, deletions_of(owner))
            :: else -> others = deletions_of(owner) - 1; split = true
            fi
        :: else
        fi
    }
    if
    :: split ->
        atomic {
            if
            :: deletions[k].row ->
                deletion_finish(k);
                pointer_clear(owner, k);
                user_finish(owner, others)
            :: else
            fi
        };
        split = false
    :: else
    fi
}

inline release(k, mine)
{
    if
    :: deletions[k].row && deletions[k].token == mine ->
        deletions[k].leased = false;
        if
        :: !R6 -> deletions[k].token = mine - 1 /* the breaker gives the attempt back */
        :: else
        fi
    :: else
    fi
}

/* Only endless claims, without R5, come round to a token that was used. */
#define next(token) ((token % 12) + 1)

#define claimable(k) (deletions[k].row && (!deletions[k].waits || !R4) && \
                      (!deletions[k].leased || !R5))

inline take(k)
{
    final = is_final(k);
    if
    :: R22 || !deletions[k].upload ->
        deletions[k].token = next(deletions[k].token);
        deletions[k].leased = true;
        deletions[k].abandoned = false
    :: else /* kept in memory */
    fi;
    mine = deletions[k].token;
    key = k
}

inline marked_finish(u)
{
    if
    :: users[u].key != 0 && !key_receipt[users[u].key] -> schedule(u, users[u].key)
    :: else -> users[u].key = 0; user_remove(u); user_receipt(u)
    fi
}

proctype worker()
{
    byte key, mine, owner, others;
    bool final, split, changed;
end_idle:
    do
    :: atomic { claimable(1) -> take(1) }; goto committed
    :: atomic { claimable(2) -> take(2) }; goto committed
    :: atomic { claimable(3) -> take(3) }; goto committed
    :: atomic { R12 && users[0].marked && deletions_of(0) == 0 -> marked_finish(0) }
    :: atomic { R12 && users[1].marked && deletions_of(1) == 0 -> marked_finish(1) }
    od;
committed:
    if
    :: skip
    :: atomic { fault(); deletions[key].abandoned = true }; goto end_idle /* done, unknown; or a crash */
    :: atomic {
            fault(); /* rolled back, unknown */
            if
            :: deletions[key].row && deletions[key].token == mine && deletions[key].token > 0 ->
                deletions[key].token--;
                deletions[key].leased = false
            :: else
            fi
        };
        if
        :: R7 -> goto end_idle
        :: else
        fi
    fi;
    if
    :: atomic { object_goes(key) }; goto answered
    :: atomic { fault(); late_deletes[key]++; release(key, mine) } /* timed out, on its way */
    :: atomic { fault(); release(key, mine) }                      /* refused */
    :: atomic { fault(); object_goes(key); deletions[key].abandoned = true } /* crash */
    fi;
    goto end_idle;
answered:
    if
    :: skip
    :: atomic { fault() }; confirm(key, mine, final) /* the COMMIT was unknown: sent again below */
    fi;
    confirm(key, mine, final);
    if
    :: changed -> changed = false; progress_confirmed: skip
    :: else
    fi;
    goto end_idle
}

inline guard_insert(u, k)
{
    assert(!users[u].receipt); /* no key is issued for somebody who is gone */
    deletions[k].row = true;
    deletions[k].user = u;
    deletions[k].upload = true;
    deletions[k].waits = true
}

inline pointer_set(u, k, old)
{
    if
    :: R10 -> schedule(u, users[u].key)
    :: else -> schedule(u, old)
    fi;
    users[u].key = k
}

#define takeable(k) (deletions[k].row && deletions[k].upload && (!CAD || deletions[k].token == 0) && \
                     (!R21 || deletions[k].waits) && !deletions[k].second)

/* Uploads `k` for the user: a first avatar or another one. */
proctype uploader(byte u, k)
{
    byte old;
    old = users[u].key;
    if
    :: R9 -> atomic {
            if
            :: users[u].row && !users[u].marked -> guard_insert(u, k)
            :: else -> goto done
            fi
        }
    :: else ->
        if
        :: users[u].row && !users[u].marked
        :: else -> goto done
        fi;
        atomic { guard_insert(u, k) }
    fi;
    if
    :: atomic { !R20 || deletions[k].waits -> putting[k] = true }
    :: atomic { R20 && !deletions[k].waits -> goto done }
    fi;
    if
    :: atomic { object_lands(k); putting[k] = false }
    :: atomic { fault(); putting[k] = false }; goto settle /* refused */
    :: atomic { fault(); putting[k] = false; late_puts[k]++ };
        if
        :: !S1 -> goto settle
        :: R14 && S1 -> goto done
        :: !R14 -> atomic { object_lands(k) } /* tried again under the same key */
        fi
    fi;
    atomic {
        if
        :: R1 && users[u].row && !users[u].marked && takeable(k) ->
            deletion_remove(k);
            pointer_set(u, k, old);
            goto attached
        :: !R1 && takeable(k) ->
            deletion_remove(k);
            if
            :: users[u].row -> pointer_set(u, k, old)
            :: else
            fi;
            goto attached
        :: else
        fi
    };
    /* Not attached, and the PUT was answered: one look is enough, under a new claim. */
settle:
    if
    :: skip
    :: atomic {
            if
            :: deletions[k].row && deletions[k].upload ->
                deletions[k].second = true;
                deletions[k].waits = false;
                deletions[k].leased = false;
                deletions[k].token++
            :: else
            fi
        }
    fi;
    goto done;
attached:
    if
    :: skip
    :: atomic { !R8 && faults > 0 -> faults--; schedule(u, k) } /* unknown; "cleans up" what it put */
    fi;
done:
    skip
}

/* DELETE /api/users/{id} */
proctype erase(byte u)
{
    atomic {
        if
        :: users[u].row && !users[u].marked && users[u].key == 0 &&
               (deletions_of(u) == 0 || !R12) ->
            user_remove(u);
            user_receipt(u)
        :: users[u].row && !users[u].marked &&
               !(users[u].key == 0 && (deletions_of(u) == 0 || !R12)) ->
            users[u].marked = true;
            schedule(u, users[u].key)
        :: else
        fi
    }
}

/* PUT /api/users/{id}: reads, and writes back later. */
proctype update(byte u)
{
    bool marked;
    byte key;
    atomic { marked = users[u].marked; key = users[u].key };
    atomic {
        if
        :: !R17 && users[u].row && !(D1 && users[u].marked && !marked) ->
            assert(!users[u].marked || marked);
            if
            :: users[u].key != key -> schedule(u, users[u].key)
            :: else
            fi;
            users[u].marked = marked;
            users[u].key = key
        :: else
        fi
    }
}

/* By hand, past the service: DELETE FROM users, and perhaps the same id again. */
proctype delete_by_hand(byte u; bool again)
{
    atomic {
        if
        :: users[u].row -> user_remove(u)
        :: else
        fi
    };
    atomic {
        if
        :: again && !users[u].row -> users[u].row = true; users[u].receipt = false
        :: else
        fi
    }
}

proctype mark_by_hand(byte u)
{
    atomic {
        if
        :: users[u].row && !users[u].marked -> users[u].marked = true; schedule(u, users[u].key)
        :: else
        fi
    }
}

#define waits_over(k) (deletions[k].row && deletions[k].waits && \
    (deletions[k].second -> (late_puts[k] == 0 && !(R20 && putting[k])) : !(R20 && putting[k])))

inline passes(k)
{
    if
    :: atomic { waits_over(k) -> deletions[k].waits = false }
    :: atomic { late_puts[k] > 0 -> late_puts[k]--; object_lands(k) }
    :: atomic { late_puts[k] > 0 -> late_puts[k]-- }
    :: atomic { late_deletes[k] > 0 -> late_deletes[k]--; object_goes(k) }
    :: atomic { late_deletes[k] > 0 -> late_deletes[k]-- }
    :: atomic { deletions[k].leased && deletions[k].abandoned -> deletions[k].leased = false }
    :: atomic { deletions[k].leased && !deletions[k].abandoned && faults > 0 ->
                    faults--; deletions[k].leased = false } /* its holder is only paused */
    fi
}

proctype time()
{
end_of_time:
    do
    :: passes(1)
    :: passes(2)
    :: passes(3)
    od
}

inline user_insert(u, k)
{
    users[u].row = true;
    users[u].key = k;
    object[k] = (k != 0)
}

#define agrees(k) (!deletions[k].row && (!object[k] || in_use(k)))
#define settled(u) (!users[u].marked && (users[u].key == 0 || object[users[u].key]))

init
{
    atomic {
#if SCENARIO == 1 /* two users; one is erased while it uploads, two workers */
        user_insert(0, 1);
        user_insert(1, 0);
        run uploader(1, 2);
        run erase(0);
        run erase(1);
        run worker();
        run worker();
#elif SCENARIO == 2 /* one user with two keys to delete, two workers */
        user_insert(0, 1);
        object[2] = true;
        schedule(0, 2);
        run erase(0);
        run worker();
        run worker();
#elif SCENARIO == 3 /* two replace the same avatar */
        user_insert(0, 1);
        run uploader(0, 2);
        run uploader(0, 3);
        run worker();
#elif SCENARIO == 4 /* an upload, and DELETE FROM users by hand */
        user_insert(0, 0);
        run uploader(0, 1);
        run delete_by_hand(0, false);
        run worker();
#elif SCENARIO == 5 /* the same id is inserted again */
        user_insert(0, 1);
        run delete_by_hand(0, true);
        run worker();
        run worker();
#elif SCENARIO == 6 /* marked by hand, without an avatar */
        user_insert(0, 0);
        run mark_by_hand(0);
        run worker();
#elif SCENARIO == 7 /* a replacement and an update while the user is erased */
        user_insert(0, 1);
        run update(0);
        run uploader(0, 2);
        run erase(0);
        run worker();
#elif SCENARIO == 8 /* an upload while the user is erased */
        user_insert(0, 0);
        run uploader(0, 1);
        run erase(0);
        run worker();
#elif SCENARIO == 9 /* an upload, and two workers */
        user_insert(0, 0);
        run uploader(0, 1);
        run worker();
        run worker();
#endif
        run time();
    };
    /* Nobody can do anything any more: the promise. */
    timeout ->
    assert(agrees(1));
    assert(agrees(2));
    assert(agrees(3));
    assert(settled(0));
    assert(settled(1))
}
