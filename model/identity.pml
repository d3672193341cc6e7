/*
 * The identity of a store (rule M3): the name of a bucket, or a mounted folder, may come to mean
 * another one at any moment. A deletion is confirmed only if the identity was right after the
 * last answer of its batch. Two changes inside one batch, there and back, are not seen: run with
 * FLIPS=2 for that; the next check that fails opens the deletions since the last good one again.
 */
#ifndef M3
#define M3 true
#endif
#ifndef FLIPS
#define FLIPS 1
#endif

bool ours = true;
bool object[3] = true;
byte flips = FLIPS;

active proctype name()
{
    do
    :: flips > 0 -> ours = !ours; flips--
    :: break
    od
}

active proctype batch()
{
    byte i;
    bool before;
    before = ours;
    if
    :: !before -> goto refused
    :: else
    fi;
    do
    :: i < 3 ->
        atomic {
            object[i] = object[i] && !ours; /* another store says "not there" all the same */
            i++
        }
    :: else -> break
    od;
    if
    :: M3 && !ours -> goto refused
    :: else
    fi;
    assert(!object[0] && !object[1] && !object[2]); /* three receipts */
refused:
    skip
}
