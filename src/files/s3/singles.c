#include "files/s3/singles.h"

#include <stdlib.h>
#include <string.h>

struct singles {
    struct files_op *op;
    size_t left; /* operations that are not answered, and one while they are started */
    struct files_answer worst;
    struct files_op each[];
};

/*
 * "Not implemented", "method not allowed", and what Google's store used to say: it took the
 * request for one that would make a bucket. To try single deletes after a wrong guess costs
 * time and nothing else.
 */
bool s3_singles_are_needed(const struct files_answer *answer)
{
    return answer->status == 501 || answer->status == 405 ||
           strcmp(answer->code, "NotImplemented") == 0 ||
           strcmp(answer->code, "MethodNotAllowed") == 0 ||
           (answer->status == 400 && strcmp(answer->code, "InvalidArgument") == 0);
}

/* What is said of the call as a whole is what is said of the key that fared worst. */
static void singles_leave(struct singles *singles)
{
    if (--singles->left)
        return;
    singles->op->answer = singles->worst;
    singles->op->one_by_one = true;
    files_op_finish(singles->op);
    free(singles);
}

static void single_done(struct files_op *single)
{
    struct singles *singles = single->owner;
    const struct files_answer *answer = &single->answers[0];
    bool is_worse = !files_answer_is_ok(answer) && answer->status != 404;
    if (is_worse || singles->worst.status == 0)
        singles->worst = *answer;
    singles->op->address_changed |= single->address_changed;
    singles_leave(singles);
}

void s3_singles_start(struct files_driver *driver, struct files_op *op)
{
    struct singles *singles = calloc(1, sizeof *singles + op->count * sizeof *singles->each);
    if (!singles) {
        files_op_fail(op, 0, FILES_CODE_NO_MEMORY, "no memory to delete one by one");
        return;
    }
    singles->op = op;
    singles->left = 1;
    for (size_t i = 0; i < op->count; i++) {
        if (!files_key_is_open(op, i))
            continue;
        singles->each[i] = (struct files_op){.verb = FILES_DELETE,
                                             .deadline_ms = op->deadline_ms,
                                             .keys = &op->keys[i],
                                             .answers = &op->answers[i],
                                             .count = 1,
                                             .done = single_done,
                                             .owner = singles};
        singles->left++;
        driver->start(driver, &singles->each[i]);
    }
    singles_leave(singles);
}
