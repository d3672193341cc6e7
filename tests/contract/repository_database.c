#include "contract/repository_database.h"

#include "contract/repository_database_postgres.h"
#include "repository/sqlite/sqlite.h"
#include "support/check.h"

#include <dirent.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READERS 3

static char folder[512];
static char path[600];

static const char *parent_choose(void)
{
    static const char scheme[] = "sqlite:";
    const char *address = getenv("REPOSITORY_ADDRESS");
    if (address && *address) {
        if (strncmp(address, scheme, sizeof scheme - 1) != 0)
            fail_msg("REPOSITORY_ADDRESS: no driver for \"%s\"", address);
        return address + sizeof scheme - 1;
    }
    const char *temporary = getenv("TMPDIR");
    return temporary && *temporary ? temporary : "/tmp";
}

void database_make(void)
{
    if (postgres_is_chosen()) {
        postgres_database_make();
        return;
    }
    snprintf(folder, sizeof folder, "%s/repository.XXXXXX", parent_choose());
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/users.db", folder);
}

void database_remove(void)
{
    if (postgres_is_chosen()) {
        postgres_database_remove();
        return;
    }
    DIR *open_folder = opendir(folder);
    assert_non_null(open_folder);
    for (struct dirent *entry; (entry = readdir(open_folder));) {
        if (entry->d_name[0] != '.')
            assert_int_equal(unlinkat(dirfd(open_folder), entry->d_name, 0), 0);
    }
    closedir(open_folder);
    assert_int_equal(rmdir(folder), 0);
}

bool database_is_shared(void)
{
    return postgres_is_chosen();
}

struct repository_driver *database_open(struct error *error)
{
    if (postgres_is_chosen())
        return postgres_database_open(error);
    struct repository_driver *driver = NULL;
    return repository_sqlite_open(path, READERS, &driver, error) < 0 ? NULL : driver;
}

const char *database_path(void)
{
    return postgres_is_chosen() ? postgres_database_url() : path;
}

int database_run(const char *statement, char *ret_text, size_t size)
{
    if (postgres_is_chosen())
        return postgres_database_run(statement, ret_text, size);
    sqlite3 *handle = NULL;
    sqlite3_stmt *prepared = NULL;
    assert_int_equal(sqlite3_open(path, &handle), SQLITE_OK);
    ret_text[0] = '\0';
    int result = sqlite3_prepare_v2(handle, statement, -1, &prepared, NULL);
    if (result == SQLITE_OK) {
        result = sqlite3_step(prepared);
        if (result == SQLITE_ROW && sqlite3_column_type(prepared, 0) != SQLITE_NULL)
            snprintf(ret_text, size, "%s", (const char *)sqlite3_column_text(prepared, 0));
    }
    if (result != SQLITE_ROW && result != SQLITE_DONE && result != SQLITE_CONSTRAINT)
        print_message("%s: %s\n", statement, sqlite3_errmsg(handle));
    sqlite3_finalize(prepared);
    sqlite3_close(handle);
    return result == SQLITE_ROW || result == SQLITE_DONE ? 0 : -1;
}
