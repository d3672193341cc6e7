#include "ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ledger ledger;

void ledger_begin(void)
{
    memset(ledger.keys, 0, ledger.key_count * sizeof *ledger.keys);
    memset(ledger.users, 0, ledger.user_count * sizeof *ledger.users);
    ledger.key_count = ledger.user_count = 0;
}

struct ledger_key *ledger_key(const char *name)
{
    /* The youngest are asked for most. */
    for (size_t i = ledger.key_count; i-- > 0;) {
        if (strcmp(ledger.keys[i].name, name) == 0)
            return &ledger.keys[i];
    }
    if (ledger.key_count == LEDGER_KEYS_MAX)
        abort();
    struct ledger_key *key = &ledger.keys[ledger.key_count++];
    snprintf(key->name, sizeof key->name, "%s", name);
    return key;
}

struct ledger_user *ledger_user(const char *id)
{
    for (size_t i = 0; i < ledger.user_count; i++) {
        if (strcmp(ledger.users[i].id, id) == 0)
            return &ledger.users[i];
    }
    if (ledger.user_count == LEDGER_USERS_MAX)
        abort();
    struct ledger_user *user = &ledger.users[ledger.user_count++];
    snprintf(user->id, sizeof user->id, "%s", id);
    return user;
}
