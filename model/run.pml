/*
 * A run of the job (rule M2): it calls the sweep until `more` is false. The store is down, so
 * that every row that is tried stays. A run ends after each row was tried once.
 */
#ifndef CURSOR
#define CURSOR true /* a sweep goes on behind the last key that was tried */
#endif

#define ROWS 4
#define LIMIT 2

active proctype job()
{
    byte cursor, tried, calls;
    bool more = true;
    do
    :: more ->
        calls++;
        assert(calls <= ROWS / LIMIT + 1);
        tried = 0;
        do
        :: tried < LIMIT && cursor < ROWS -> cursor++; tried++
        :: else -> break
        od;
        more = (CURSOR -> cursor < ROWS : true);
        if
        :: CURSOR
        :: else -> cursor = 0
        fi
    :: else -> break
    od
}
