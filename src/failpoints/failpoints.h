/*
 * failpoints: named places where a test makes things go wrong: before and after each call that
 * leaves the process for the database, the provider, the queue, a file or a service.
 *
 * Only a build with -Dfailpoints=true has them, and no source outside this folder knows of
 * them: each driver, and the job, is compiled with a header of calls_*.h put in front, in which
 * a call's name is a macro over the call. A point is named after where it is,
 *
 *     files/local/object.object_store.fsync.before
 *
 * and what it does is told by two variables of the environment, read before main: FAILPOINTS
 * has rules (rules.h), or "list", which prints every call that has points and ends the program;
 * and FAILPOINTS_FILE names a file of rules that may be rewritten while the program runs,
 * FAILPOINT_FILE_SIZE bytes long, the rest zero. Rules that cannot be read end the program at
 * its start with code 64, and change nothing later on.
 */
#ifndef FAILPOINTS_FAILPOINTS_H
#define FAILPOINTS_FAILPOINTS_H

#include <errno.h>
#include <stdbool.h>

#define FAILPOINT_FILE_SIZE 4096
#define FAILPOINT_NAME_SIZE 160

/* A call in the source. */
struct failpoint {
    const char *file, *caller, *callee;
};

enum failpoint_side { FAILPOINT_BEFORE, FAILPOINT_AFTER };

/*
 * Passes a side of a call: does what the rules say. Returns true if the call is to fail. Any
 * thread; errno is left as it was.
 */
bool failpoint_pass(const struct failpoint *point, enum failpoint_side side);

/* Where `FAILPOINTS=list` finds it. */
#define FAILPOINT_LISTED __attribute__((section("failpoints"), used, aligned(8)))

/* The point of a call of `function`, named after the function around it. */
#define FAILPOINT_POINT(function)                                                              \
    static FAILPOINT_LISTED struct failpoint point_of_##function = {__FILE__, __func__,        \
                                                                    #function}

/* A call that can fail: before it is made, or with its answer lost. */
#define FAILPOINT_CALL(function, failure, code, ...)                                           \
    __extension__({                                                                            \
        FAILPOINT_POINT(function);                                                             \
        __typeof__(function(__VA_ARGS__)) result_of_##function = failure;                      \
        bool fails_of_##function = failpoint_pass(&point_of_##function, FAILPOINT_BEFORE);     \
        if (!fails_of_##function) {                                                            \
            result_of_##function = function(__VA_ARGS__);                                      \
            fails_of_##function = failpoint_pass(&point_of_##function, FAILPOINT_AFTER);       \
        }                                                                                      \
        if (fails_of_##function) {                                                             \
            result_of_##function = failure;                                                    \
            errno = code;                                                                      \
        }                                                                                      \
        result_of_##function;                                                                  \
    })

/* A call that hands out something: it cannot fail once it was made. */
#define FAILPOINT_MAKE(function, failure, code, ...)                                           \
    __extension__({                                                                            \
        FAILPOINT_POINT(function);                                                             \
        __typeof__(function(__VA_ARGS__)) result_of_##function = failure;                      \
        if (failpoint_pass(&point_of_##function, FAILPOINT_BEFORE)) {                          \
            errno = code;                                                                      \
        } else {                                                                               \
            result_of_##function = function(__VA_ARGS__);                                      \
            failpoint_pass(&point_of_##function, FAILPOINT_AFTER);                             \
        }                                                                                      \
        result_of_##function;                                                                  \
    })

/* A call whose failure nobody could hear of. */
#define FAILPOINT_DO(function, ...)                                                            \
    __extension__({                                                                            \
        FAILPOINT_POINT(function);                                                             \
        failpoint_pass(&point_of_##function, FAILPOINT_BEFORE);                                \
        __typeof__(function(__VA_ARGS__)) result_of_##function = function(__VA_ARGS__);        \
        failpoint_pass(&point_of_##function, FAILPOINT_AFTER);                                 \
        result_of_##function;                                                                  \
    })

/* The same of a call without a result. */
#define FAILPOINT_VOID(function, ...)                                                          \
    __extension__({                                                                            \
        FAILPOINT_POINT(function);                                                             \
        failpoint_pass(&point_of_##function, FAILPOINT_BEFORE);                                \
        function(__VA_ARGS__);                                                                 \
        failpoint_pass(&point_of_##function, FAILPOINT_AFTER);                                 \
        (void)0;                                                                               \
    })

#endif
