/*
 * Blocked rows (rule R13): two objects of one class are locked. One is released, the other
 * stays. The released one must be deleted, with the job's probes or without any.
 */
#ifndef OLDEST
#define OLDEST true /* a probe takes the row tried longest ago, not the first */
#endif
#ifndef DUE
#define DUE true /* a blocked row comes due by itself, too */
#endif
#ifndef JOB
#define JOB true /* somebody calls the endpoint */
#endif

bool row[2] = true;
byte tried[2]; /* when, in rounds */
bool released;
byte round;

inline try(i)
{
    tried[i] = round;
    if
    :: i == 1 && released -> row[1] = false
    :: else
    fi
}

active proctype operator()
{
    released = true
}

active proctype worker()
{
    byte rounds = 0;
    released;
    do
    :: row[1] && rounds < 3 ->
        rounds++;
        round++;
        if
        :: JOB && (!OLDEST || tried[0] <= tried[1]) -> try(0)
        :: JOB && OLDEST && tried[1] < tried[0] -> try(1)
        :: !JOB
        fi;
        if
        :: DUE && round - tried[1] >= 2 -> try(1)
        :: else
        fi
    :: else -> break
    od;
    assert(!row[1])
}
