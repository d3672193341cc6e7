#include "programs/drivers.h"

#include "base/clock.h"
#include "fallback/verdict.h"
#include "files/faulty/faulty.h"
#include "files/local/local.h"
#include "files/s3/s3.h"
#include "repository/postgres/postgres.h"
#include "repository/sqlite/sqlite.h"
#include "wake/postgres/notify.h"
#include "wake/rabbitmq/rabbitmq.h"

#include <semaphore.h>
#include <string.h>
#include <unistd.h>

/* Reading threads: the public listener's, the private one's, and the engine's. */
#define READERS 8

static const char *sqlite_path(const char *address)
{
    return strncmp(address, "sqlite:", 7) == 0 && address[7] ? address + 7 : NULL;
}

static bool address_is_postgres(const char *address)
{
    return strncmp(address, "postgresql://", 13) == 0 ||
           strncmp(address, "postgres://", 11) == 0;
}

/* Without the address: what is nearly right may hold a password. */
static int address_refuse(struct error *error)
{
    return error_set(error, ERROR_USAGE, "give sqlite:PATH or postgresql://HOST/NAME");
}

int drivers_open_database(const char *address, int64_t startup_timeout_ms,
                          struct repository_driver **ret_driver, struct error *error)
{
    const char *path = sqlite_path(address);
    if (path)
        return repository_sqlite_open(path, READERS, ret_driver, error);
    if (address_is_postgres(address))
        return repository_postgres_open(address, startup_timeout_ms, ret_driver, error);
    return address_refuse(error);
}

int drivers_open_source(const char *address, struct sqlite_source **ret_source,
                        struct error *error)
{
    const char *path = sqlite_path(address);
    return path ? sqlite_source_open(path, ret_source, error)
                : error_set(error, ERROR_USAGE, "give sqlite:PATH");
}

int drivers_open_target(const char *address, struct postgres_target **ret_target,
                        struct error *error)
{
    return address_is_postgres(address)
               ? postgres_target_open(address, ret_target, error)
               : error_set(error, ERROR_USAGE, "give postgresql://HOST/NAME");
}

int drivers_new_wake(const char *queue, const char *database, bool listens,
                     struct wake_driver **ret_driver, struct error *error)
{
    *ret_driver = NULL;
    if (strcmp(queue, "local") == 0)
        return 0;
    if (strcmp(queue, "postgres") == 0)
        return wake_postgres_new(database, listens, ret_driver, error);
    if (strncmp(queue, "amqp://", 7) == 0 || strncmp(queue, "amqps://", 8) == 0)
        return wake_rabbitmq_new(queue, listens, ret_driver, error);
    return error_set(error, ERROR_USAGE, "give local, postgres or amqp://HOST/VHOST");
}

bool drivers_database_is_shared(const char *address)
{
    return address_is_postgres(address);
}

bool drivers_database_exists(const char *address)
{
    const char *path = sqlite_path(address);
    return path ? access(path, F_OK) == 0
                : address_is_postgres(address) && !repository_postgres_is_empty(address);
}

int drivers_check_database(const char *address, struct error *error)
{
    const char *path = sqlite_path(address);
    if (path)
        return repository_sqlite_check(path, error);
    return address_is_postgres(address) ? repository_postgres_check(address, error)
                                        : address_refuse(error);
}

int drivers_open_files(const char *url, const char *faults, struct files_driver **ret_driver,
                       struct error *error)
{
    struct files_driver *driver = NULL;
    int failed;
    if (strncmp(url, "file:", 5) == 0)
        failed = files_local_open(&(struct files_local_options){.url = url}, &driver, error);
    else if (strncmp(url, "s3:", 3) == 0)
        failed = files_s3_open(&(struct files_s3_options){.url = url}, &driver, error);
    else
        failed =
            error_set(error, ERROR_USAGE,
                      "\"%s\" is no file store: give file:///DIR or s3://BUCKET/PREFIX", url);
    if (!failed && faults && *faults)
        failed = files_faulty_open(driver, faults, &driver, error);
    if (!failed)
        *ret_driver = driver;
    return failed;
}

int drivers_settle_files(const char *url, struct error *error)
{
    return strncmp(url, "file:", 5) == 0 ? files_local_settle(url, error) : 0;
}

bool drivers_files_have_links(const char *url)
{
    return strncmp(url, "s3:", 3) == 0;
}

static void probe_done(struct files_op *op)
{
    sem_post(op->owner);
}

int drivers_probe_files(struct files *files, bool database_exists, int64_t timeout_ms,
                        struct error *error)
{
    sem_t answered;
    sem_init(&answered, 0, 0);
    struct files_op op = {.verb = FILES_IDENTITY_READ,
                          .deadline_ms = clock_boot_ms() + timeout_ms,
                          .done = probe_done,
                          .owner = &answered};
    files_submit_always(files, &op);
    while (sem_wait(&answered) < 0)
        continue;
    sem_destroy(&answered);

    if (files_answer_is_ok(&op.answer) && !database_exists)
        return error_set(error, ERROR_CONFIG,
                         "the file store belongs to database %s, and --database is a new one: "
                         "give a bucket, prefix or folder of its own, or that database",
                         op.identity.database_id);
    bool absent = op.answer.status == 404 && strcmp(op.answer.code, "NoSuchBucket") != 0;
    if (files_answer_is_ok(&op.answer) || absent ||
        verdict_of_delete(&op.answer) == VERDICT_RETRY)
        return 0;
    char class[FILES_CODE_SIZE];
    verdict_class_name(&op.answer, class, sizeof class);
    return error_set(error, ERROR_CONFIG,
                     "the file store refuses (%s%s%s): check --files and its credentials",
                     class, *op.answer.text ? ": " : "", op.answer.text);
}
