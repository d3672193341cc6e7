/*
 * ceiling: claims and confirms pending deletions through the repository, and asks no provider:
 * what the database alone can do with our schema and our SQL.
 *
 *     ceiling --database ADDRESS [--page-keys N] [--pages N] [--most N]
 *
 * Prints the rows that were finished, the seconds that took, and the microseconds that a row
 * cost in claims and in confirms (which mean something with one page only).
 */
#include "base/clock.h"
#include "config/options.h"
#include "repository/postgres/postgres.h"
#include "repository/sqlite/sqlite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define PAGES_MAX     64
#define PAGE_KEYS_MAX 4096
#define LEASE_MS      60000
#define STARTUP_MS    10000

struct settings {
    const char *database;
    int64_t pages, page_keys, most;
};

#define AT(member) offsetof(struct settings, member)

static const struct option options[] = {
    {.name = "database",
     .type = OPTION_TEXT,
     .offset = AT(database),
     .value = "ADDRESS",
     .prose = "sqlite:PATH or postgresql://…, as users-service takes it."},
    {.name = "pages",
     .type = OPTION_INTEGER,
     .offset = AT(pages),
     .value = "N",
     .preset = "8",
     .least = 1,
     .most = PAGES_MAX,
     .prose = "Claims and confirms under way at once."},
    {.name = "page-keys",
     .type = OPTION_INTEGER,
     .offset = AT(page_keys),
     .value = "N",
     .preset = "250",
     .least = 1,
     .most = PAGE_KEYS_MAX,
     .prose = "Rows that are claimed and confirmed together."},
    {.name = "most",
     .type = OPTION_INTEGER,
     .offset = AT(most),
     .value = "N",
     .preset = "1000000000",
     .least = 1,
     .most = 1000000000,
     .prose = "Ends after so many rows."},
};

static const struct option_table table = {
    .program = "ceiling",
    .synopsis = "--database ADDRESS [options]",
    .summary = "Finishes pending deletions without asking a provider.",
    .options = options,
    .count = sizeof options / sizeof *options,
};

struct page {
    struct repository_op op;
    struct deletions rows;
    struct confirmation *items;
    int64_t begun_us;
};

struct run {
    const struct settings *settings;
    struct repository *repository;
    struct mailbox answers;
    int64_t asked, finished, claims_us, confirms_us;
    size_t under_way;
};

static void op_done(struct repository_op *op)
{
    struct run *run = op->owner;
    mailbox_post_always(&run->answers, &op->message);
}

static void page_submit(struct run *run, struct page *page)
{
    page->op.done = op_done;
    page->op.owner = run;
    page->begun_us = clock_boot_us();
    run->under_way++;
    repository_submit_always(run->repository, &page->op);
}

static void page_claim(struct run *run, struct page *page)
{
    int64_t left = run->settings->most - run->asked;
    int64_t keys = run->settings->page_keys < left ? run->settings->page_keys : left;
    if (keys <= 0)
        return;
    run->asked += keys;
    page->op = (struct repository_op){
        .verb = DELETIONS_CLAIM,
        .claim = {.kind = CLAIM_DUE, .limit = (size_t)keys, .lease_ms = LEASE_MS}};
    page_submit(run, page);
}

static void page_confirm(struct run *run, struct page *page)
{
    page->rows = page->op.claim.claimed;
    for (size_t i = 0; i < page->rows.count; i++)
        page->items[i] = (struct confirmation){
            .row = &page->rows.rows[i], .outcome = CONFIRM_DONE, .status = 204};
    page->op =
        (struct repository_op){.verb = DELETIONS_CONFIRM,
                               .confirm = {.items = page->items, .count = page->rows.count}};
    page_submit(run, page);
}

/* Goes on with a page whose operation is over; -1 if that failed. */
static int page_answered(struct run *run, struct page *page)
{
    int64_t took_us = clock_boot_us() - page->begun_us;
    run->under_way--;
    if (page->op.outcome != REPOSITORY_OK) {
        fprintf(stderr, "ceiling: %s\n", page->op.error.text);
        return -1;
    }
    if (page->op.verb == DELETIONS_CLAIM) {
        run->claims_us += took_us;
        if (page->op.claim.claimed.count > 0)
            page_confirm(run, page);
        return 0;
    }
    run->confirms_us += took_us;
    run->finished += (int64_t)page->rows.count;
    deletions_deinit(&page->rows);
    page_claim(run, page);
    return 0;
}

static int run_all(struct run *run, struct page *pages)
{
    for (int64_t i = 0; i < run->settings->pages; i++)
        page_claim(run, &pages[i]);
    int failed = 0;
    while (run->under_way > 0) {
        struct message *message = mailbox_take(&run->answers, -1);
        while (message) {
            struct message *next = message->next;
            failed |= page_answered(run, (struct page *)message);
            message = next;
        }
    }
    return failed;
}

static int database_open(const char *address, struct repository **ret_repository,
                         struct error *error)
{
    const struct repository_room room = {.operations = PAGES_MAX, .lookups = PAGES_MAX};
    struct repository_driver *driver;
    int failed = strncmp(address, "sqlite:", 7) == 0
                     ? repository_sqlite_open(address + 7, 1, &driver, error)
                     : repository_postgres_open(address, STARTUP_MS, &driver, error);
    return failed ? failed : repository_open(driver, &room, ret_repository, error);
}

static int run_measured(const struct settings *settings, struct repository *repository)
{
    struct run run = {.settings = settings, .repository = repository};
    struct page *pages = calloc((size_t)settings->pages, sizeof *pages);
    int failed = !pages || mailbox_init(&run.answers, PAGES_MAX, NULL, NULL) < 0;
    for (int64_t i = 0; !failed && i < settings->pages; i++) {
        pages[i].items = calloc((size_t)settings->page_keys, sizeof *pages[i].items);
        failed = !pages[i].items;
    }
    if (failed) {
        fprintf(stderr, "ceiling: out of memory\n");
        return EX_OSERR;
    }
    int64_t begun_us = clock_boot_us();
    failed = run_all(&run, pages);
    double rows = run.finished ? (double)run.finished : 1;
    printf("{\"rows\": %lld, \"seconds\": %.6f, \"claim_us\": %.3f, \"confirm_us\": %.3f}\n",
           (long long)run.finished, (double)(clock_boot_us() - begun_us) / 1e6,
           (double)run.claims_us / rows, (double)run.confirms_us / rows);
    for (int64_t i = 0; i < settings->pages; i++)
        free(pages[i].items);
    free(pages);
    mailbox_deinit(&run.answers);
    return failed ? EX_UNAVAILABLE : EX_OK;
}

int main(int argc, char **argv)
{
    struct settings settings = {0};
    struct error error = {0};
    struct repository *repository;
    bool help;
    if (options_read(&table, argc - 1, argv + 1, &settings, &help, &error) < 0) {
        fprintf(stderr, "ceiling: %s\n", error.text);
        return EX_USAGE;
    }
    if (help || !settings.database) {
        options_print_help(&table, help ? stdout : stderr);
        return help ? EX_OK : EX_USAGE;
    }
    if (database_open(settings.database, &repository, &error) < 0) {
        fprintf(stderr, "ceiling: %s\n", error.text);
        return error_exit_code(&error);
    }
    int code = run_measured(&settings, repository);
    repository_close(repository);
    return code;
}
