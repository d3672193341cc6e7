/* Who may reach a file with a secret in it. */
#include "base/secret.h"
#include "support/check.h"

static void secret__is_for_its_user_alone(void **state)
{
    (void)state;
    static const struct {
        mode_t mode;
        uid_t owner, user;
        bool exposed;
    } rows[] = {
        {0600, 1000, 1000, false},
        {0400, 1000, 1000, false},
        {0400, 0, 0, false},
        {0640, 1000, 1000, true},
        {0604, 1000, 1000, true},
        {0620, 1000, 1000, true},
        {0666, 0, 1000, true},
        {0640, 0, 0, true},
        {0644, 0, 0, true},
        /* As Kubernetes hands it to a program that is not root. */
        {0440, 0, 1000, false},
        {0640, 0, 1000, false},
        {0444, 0, 1000, true},
        {0460, 0, 1000, true},
        {0450, 0, 1000, true},
        {0440, 500, 1000, true},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct stat status = {.st_mode = S_IFREG | rows[i].mode, .st_uid = rows[i].owner};
        assert_int_equal(secret_is_exposed(&status, rows[i].user), rows[i].exposed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(secret__is_for_its_user_alone)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
