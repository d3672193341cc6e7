/*
 * The wake of the engine (rule M1): a commit leaves work behind and raises a flag; the engine
 * clears the flag, looks for work, and sleeps until the flag is raised or a minute is over.
 * Work must be found though nobody commits anything any more.
 */
#ifndef CLEAR_FIRST
#define CLEAR_FIRST true /* the flag is cleared before the look, not after it */
#endif
#ifndef FLAG
#define FLAG true /* a flag, not a message that a full mailbox drops */
#endif
#ifndef MINUTE
#define MINUTE true /* no sleep is longer than a minute */
#endif

byte work;
bool raised;

active [2] proctype commit()
{
    work++;
    if
    :: raised = true
    :: !FLAG -> skip
    fi
}

active proctype engine()
{
    do
    :: if
       :: CLEAR_FIRST -> raised = false
       :: else
       fi;
       work = 0;
       if
       :: !CLEAR_FIRST -> raised = false
       :: else
       fi;
end_sleep:
       if
       :: raised
       :: atomic { MINUTE && work > 0 } /* a minute without work changes nothing */
       fi
    od
}

init
{
    timeout -> assert(work == 0)
}
