/* users-service: reads the options, builds the objects, runs, tears down. */
#include "base/clock.h"
#include "base/log.h"
#include "base/notify.h"
#include "config/limits.h"
#include "config/service_options.h"
#include "handlers/account.h"
#include "handlers/numbers.h"
#include "handlers/scrape.h"
#include "handlers/service.h"
#include "http/admission.h"
#include "http/guard.h"
#include "http/json_text.h"
#include "http/listener.h"
#include "http/server.h"
#include "programs/drivers.h"
#include "programs/restored.h"
#include "programs/service_confinement.h"
#include "programs/service_watch.h"
#include "programs/service_words.h"
#include "runtime/runtime.h"

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

/* What the start takes at most beside waiting for the database. */
#define START_REST_MS 90000
/* And the stop, beside waiting for requests under way. */
#define STOP_REST_MS 20000

struct program {
    struct service_options options;
    struct notify notify;
    struct admission *private_admission, *public_admission; /* NULL: nobody is asked */
    struct tls private_tls, public_tls;
    int public_socket, private_socket; /* -1: none */
    struct repository *repository;
    char store_id[UUID_TEXT_SIZE];
    struct files *files[ENGINE_STORES_MAX];
    size_t store_count;
    struct restored *restored; /* NULL: nobody says that the database was */
    struct wake_driver *queue; /* NULL: none, or it is the runtime's */
    struct service service;
    struct route public_routes[ROUTES_MAX], private_routes[ROUTES_MAX];
    struct server *public_server, *private_server;
};

static int listeners_open(struct program *program, struct error *error)
{
    char address[LISTENER_ADDRESS_SIZE];
    if (listener_open(program->options.listen, &program->public_socket, address, error) < 0)
        return error_wrap(error, "--listen %s", program->options.listen);
    log_info("public API", log_text("address", address));
    if (listener_open(program->options.private_listen, &program->private_socket, address,
                      error) < 0)
        return error_wrap(error, "--private-listen %s", program->options.private_listen);
    log_info("private API", log_text("address", address));
    return 0;
}

static int database_open(struct program *program, struct error *error)
{
    const struct repository_room room = {.operations = LIMIT_STORE_MAILBOX,
                                         .lookups = LIMIT_LOOKUPS_MAILBOX};
    struct repository_driver *driver;
    if (drivers_open_database(program->options.database, program->options.startup_timeout,
                              &driver, error) < 0)
        return error_wrap(error, "--database");
    memcpy(program->store_id, driver->store_id, sizeof program->store_id);
    return repository_open(driver, &room, &program->repository, error);
}

static int files_open_driver(struct program *program, struct error *error)
{
    struct files_driver *driver;
    if (strcmp(program->options.avatars, "redirect") == 0 &&
        !drivers_files_have_links(program->options.files))
        return error_set(error, ERROR_CONFIG,
                         "--avatars redirect needs an S3 store in --files: a folder has no "
                         "addresses that a reader could be sent to");
    if (drivers_open_files(program->options.files, program->options.files_faults, &driver,
                           error) < 0)
        return error_wrap(error, "--files");
    program->store_count = 1;
    return files_open(driver, LIMIT_FILES_MAILBOX, &program->files[0], error);
}

/* The stores of before; what goes wrong on purpose goes wrong in the first one alone. */
static int files_open_older(struct program *program, struct error *error)
{
    const struct option_texts *older = &program->options.files_also;
    if (older->count >= ENGINE_STORES_MAX)
        return error_set(error, ERROR_USAGE, "--files-also may be given %d times",
                         ENGINE_STORES_MAX - 1);
    for (size_t i = 0; i < older->count; i++) {
        struct files_driver *driver;
        struct files **files = &program->files[program->store_count];
        if (drivers_open_files(older->items[i], NULL, &driver, error) < 0 ||
            files_open(driver, LIMIT_FILES_MAILBOX, files, error) < 0)
            return error_wrap(error, "--files-also");
        program->store_count++;
    }
    return 0;
}

static int stores_probe(const struct program *program, bool database_exists,
                        struct error *error)
{
    int64_t timeout_ms = program->options.files_timeout;
    if (drivers_probe_files(program->files[0], database_exists, timeout_ms, error) < 0)
        return -1;
    for (size_t i = 1; i < program->store_count; i++) {
        if (drivers_probe_files(program->files[i], true, timeout_ms, error) < 0)
            return error_wrap(error, "--files-also");
    }
    return 0;
}

/* In the sandbox there is no way to the folders that the stores' own are in. */
static int stores_settle(const struct program *program, struct error *error)
{
    const struct option_texts *older = &program->options.files_also;
    int failed = drivers_settle_files(program->options.files, error);
    for (size_t i = 0; i < older->count && !failed; i++)
        failed = drivers_settle_files(older->items[i], error);
    return failed ? error_wrap(error, "--files") : 0;
}

/*
 * What exists is opened before anything is made, so that a refusal leaves nothing half-made.
 * For a database that is there nothing is: its look at the stores, before it serves, tells the
 * same.
 */
static int stores_open(struct program *program, struct error *error)
{
    bool there = drivers_database_exists(program->options.database);
    if (there && database_open(program, error) < 0)
        return -1;
    if (files_open_driver(program, error) < 0 || files_open_older(program, error) < 0 ||
        ((!there || program->restored) && stores_probe(program, there, error) < 0))
        return -1;
    return there ? 0 : database_open(program, error);
}

static void wake_heard(void *owner)
{
    runtime_hear(owner);
}

static bool role_is(const struct program *program, const char *role)
{
    return strcmp(program->options.role, role) == 0;
}

static int queue_read(struct program *program, struct error *error)
{
    const struct service_options *options = &program->options;
    bool listens = !role_is(program, "api");
    if (drivers_new_wake(options->queue, options->database, listens, &program->queue, error) <
        0)
        return error_wrap(error, "--queue");
    return 0;
}

/* The queue may be away for long: the service starts, and works, without it. */
static int wake_start(struct program *program, struct error *error)
{
    struct wake_driver *queue = program->queue;
    struct wake *wake;
    program->queue = NULL;
    if (!queue)
        return 0;
    if (wake_open(queue, wake_heard, program->service.runtime, &wake, error) < 0)
        return -1;
    runtime_join(program->service.runtime, wake);
    return 0;
}

static int runtime_start(struct program *program, struct error *error)
{
    const struct service_options *options = &program->options;
    struct runtime_options settings = {
        .engine = {.stores = program->store_count,
                   .lease_ms = options->lease,
                   .call_timeout_ms = options->files_timeout,
                   .guard_ms = options->upload_guard,
                   .second_look_ms = options->second_look,
                   .pages = (size_t)options->pages,
                   .page_keys = (size_t)options->page_keys,
                   .timer = options->use_timer && !role_is(program, "api"),
                   .aside = role_is(program, "api"),
                   .watch_ms = role_is(program, "api") ? LIMIT_WATCH_API_MS
                               : drivers_database_is_shared(options->database)
                                   ? LIMIT_WATCH_SHARED_MS
                                   : 0},
        .flows = {.hands_over = options->use_inline,
                  .guard_ms = options->upload_guard,
                  .put_timeout_ms = 6 * options->files_timeout},
        .delete_wait_ms = options->delete_wait,
        .identity_timeout_ms = options->files_timeout,
        .store_id = program->store_id,
    };
    random_fill(&settings.engine.seed, sizeof settings.engine.seed);
    if (runtime_open(&settings, program->repository, program->files, &program->service.runtime,
                     error) < 0)
        return -1;
    if (wake_start(program, error) < 0)
        return -1;
    if (!role_is(program, "api") &&
        sealer_open(program->repository, &program->service.sealer, error) < 0)
        return -1;
    return runtime_await_identity(program->service.runtime, error);
}

static int servers_start(struct program *program, struct error *error)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    int64_t threads = program->options.http_threads;
    struct service *service = &program->service;
    service->idempotency_ttl_ms = program->options.idempotency_ttl;
    service->serves_users = !role_is(program, "worker");
    service->job_late_after_ms = program->options.job_late_after;
    service->audit_share = program->options.audit_share;
    scrape_begin(service);
    service->avatar_limit = (size_t)program->options.avatar_max;
    if (strcmp(program->options.avatars, "redirect") == 0)
        service->avatar_link_ms = program->options.avatar_link_ttl;
    struct server_options public_options = {
        .socket = program->public_socket,
        .routes = program->public_routes,
        .route_count = routes_public(service, program->public_routes),
        .admission = program->public_admission,
        .tls = program->public_tls.key ? &program->public_tls : NULL,
        .context = service,
        .threads = (unsigned)(threads     ? threads
                              : cores > 2 ? cores - 1
                                          : 1),
        .client_timeout_ms = program->options.client_timeout,
        .stopping = &service->stopping,
        .ended = account_public_end,
    };
    struct server_options private_options = {
        .socket = program->private_socket,
        .routes = program->private_routes,
        .route_count = routes_private(service, program->private_routes),
        .admission = program->private_admission,
        .tls = program->private_tls.key ? &program->private_tls : NULL,
        .context = service,
        .threads = 1,
        .client_timeout_ms = program->options.client_timeout,
        .stopping = &service->stopping,
        .ended = account_private_end,
    };
    program->public_socket = program->private_socket = -1;
    int failed = server_open(&public_options, &program->public_server, error);
    if (failed < 0)
        listener_close(private_options.socket);
    return failed < 0 ? -1 : server_open(&private_options, &program->private_server, error);
}

/* Who may use the listeners. */
static int access_open(struct program *program, struct error *error)
{
    const struct service_options *options = &program->options;
    struct admission_options settings = {.token_file = options->token_file,
                                         .client_names = options->private_client_names,
                                         .peers = options->private_peers};
    if (admission_open(&settings, &program->private_admission, error) < 0)
        return error_wrap(error, "private API");
    settings = (struct admission_options){.token_file = options->api_token_file};
    if (options->api_token_file &&
        admission_open(&settings, &program->public_admission, error) < 0)
        return error_wrap(error, "--api-token-file");
    if (options->tls_certificate && tls_read(options->tls_certificate, options->tls_key, NULL,
                                             &program->public_tls, error) < 0)
        return error_wrap(error, "--tls-cert");
    if (options->private_tls_certificate &&
        tls_read(options->private_tls_certificate, options->private_tls_key,
                 options->private_client_authority, &program->private_tls, error) < 0)
        return error_wrap(error, "--private-tls-cert");
    return 0;
}

/* Fails closed: what strangers can reach asks for a credential. */
static int exposure_check(const struct service_options *options, struct error *error)
{
    if (!listener_is_local(options->listen) && !options->api_token_file &&
        !options->listen_openly)
        return error_set(
            error, ERROR_CONFIG,
            "--listen %s can be reached from other machines, and anybody could read "
            "and erase users: give --api-token-file, or --listen-openly if somebody "
            "else checks who calls",
            options->listen);
    return 0;
}

static int auditor_start(struct program *program, struct error *error)
{
    const struct service_options *options = &program->options;
    struct auditor_options settings = {.every_ms =
                                           options->use_timer ? options->audit_every : 0,
                                       .deletes = options->audit_deletes,
                                       .share = options->audit_share,
                                       .age_ms = options->audit_age,
                                       .rate = options->audit_rate,
                                       .timeout_ms = options->files_timeout,
                                       .lease_ms = options->lease};
    if (role_is(program, "api"))
        return 0;
    return auditor_open(&settings, program->service.runtime, &program->service.auditor, error);
}

/* Before the sandbox: nothing else ever reads that file. */
static int restored_read(struct program *program, struct error *error)
{
    const char *path = program->options.restored;
    return path && restored_open(path, &program->notify, &program->restored, error) < 0
               ? error_wrap(error, "--restored")
               : 0;
}

/* Before the engine: it must not finish anything for a database that the store disowns. */
static int restored_erase(struct program *program, struct error *error)
{
    if (!program->restored)
        return restored_check(program->repository, error);
    if (restored_run(program->restored, program->repository, program->files,
                     program->store_count, program->options.files_timeout, error) < 0)
        return -1;
    notify_extend(&program->notify, START_REST_MS);
    return 0;
}

static int program_start(struct program *program, struct error *error)
{
    if (access_open(program, error) < 0 || queue_read(program, error) < 0 ||
        restored_read(program, error) < 0)
        return -1;
    if (guard_self_test(error) < 0 || listeners_open(program, error) < 0 ||
        exposure_check(&program->options, error) < 0 || stores_settle(program, error) < 0 ||
        service_confinement_enter(&program->options, &program->service.sandbox, error) < 0 ||
        stores_open(program, error) < 0 || restored_erase(program, error) < 0 ||
        runtime_start(program, error) < 0 || auditor_start(program, error) < 0)
        return -1;
    return servers_start(program, error);
}

/*
 * Requests under way are answered first; whoever waits is told "pending". What does not end in
 * time is cut off, as by a crash: everything that matters is on record.
 */
static void requests_drain(struct program *program)
{
    atomic_store(&program->service.stopping, true);
    server_quiesce(program->public_server);
    server_quiesce(program->private_server);
    runtime_quiesce(program->service.runtime);
    int64_t until = clock_boot_ms() + program->options.stop_timeout;
    while (server_under_way(program->public_server) +
           server_under_way(program->private_server)) {
        if (clock_boot_ms() > until) {
            log_warning("requests did not end in time and are cut off");
            _exit(EX_OK);
        }
        usleep(2000);
    }
}

static void program_stop(struct program *program)
{
    if (program->public_server && program->private_server)
        requests_drain(program);
    server_close(program->public_server);
    server_close(program->private_server);
    sealer_close(program->service.sealer);
    auditor_close(program->service.auditor);
    runtime_close(program->service.runtime);
    if (program->queue)
        program->queue->close(program->queue);
    for (size_t i = 0; i < program->store_count; i++)
        files_close(program->files[i]);
    repository_close(program->repository);
    restored_close(program->restored);
    listener_close(program->public_socket);
    listener_close(program->private_socket);
    admission_close(program->private_admission);
    admission_close(program->public_admission);
    tls_deinit(&program->private_tls);
    tls_deinit(&program->public_tls);
}

static int signal_await(const sigset_t *signals, int64_t timeout_ms)
{
    const struct timespec timeout = {.tv_sec = timeout_ms / 1000,
                                     .tv_nsec = timeout_ms % 1000 * 1000000};
    return sigtimedwait(signals, NULL, &timeout);
}

/* Waits for a signal to end, notes how things stand now and then, and gives signs of life. */
static int program_run(struct program *program, const sigset_t *signals)
{
    int64_t sampled_at = clock_boot_ms() - TREND_STEP_MS;
    struct service_watch watch = {.notify = &program->notify,
                                  .runtime = program->service.runtime,
                                  .public_server = program->public_server,
                                  .private_server = program->private_server};
    service_watch_begin(&watch);
    for (;;) {
        int64_t now = clock_boot_ms();
        if (now >= sampled_at + TREND_STEP_MS) {
            numbers_sample(&program->service);
            sampled_at = now;
        }
        int64_t rest = sampled_at + TREND_STEP_MS - clock_boot_ms();
        int signal = signal_await(signals, service_watch_step(&watch, rest > 0 ? rest : 0));
        if (signal > 0)
            return signal;
    }
}

/* Threads that are made from here on inherit the mask; only main hears signals. */
static void signals_block(sigset_t *ret_set)
{
    sigemptyset(ret_set);
    sigaddset(ret_set, SIGINT);
    sigaddset(ret_set, SIGTERM);
    sigaddset(ret_set, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, ret_set, NULL);
    sigdelset(ret_set, SIGPIPE);
}

/* From here on allocations of this size are the system's again as soon as they are freed. */
#define MAPPED_BYTES (128 * 1024)

/* Room for many clients, and none kept by images that are done with. */
static void process_prepare(void)
{
    struct rlimit files;
    mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES);
    if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur >= LIMIT_FILES)
        return;
    files.rlim_cur = files.rlim_max < LIMIT_FILES ? files.rlim_max : LIMIT_FILES;
    if (setrlimit(RLIMIT_NOFILE, &files) < 0)
        log_warning("the limit of open files stays low");
}

static void log_start(const struct service_options *options)
{
    enum log_level level = LOG_INFO;
    log_level_parse(options->log_level, &level);
    log_init(level, isatty(STDERR_FILENO));
}

/* A supervisor that cannot be told is no reason not to serve. */
static void supervisor_open(struct program *program)
{
    struct error error = {0};
    if (notify_open(&program->notify, &error) < 0)
        log_warning("the supervisor is not told", log_text("reason", error.text));
    notify_extend(&program->notify, program->options.startup_timeout + START_REST_MS);
}

static int fail(const struct error *error)
{
    fprintf(stderr, "users-service: %s\n", error->text);
    return error_exit_code(error);
}

static int check(struct program *program, struct error *error)
{
    const struct service_options *options = &program->options;
    if (access_open(program, error) < 0 || queue_read(program, error) < 0 ||
        exposure_check(options, error) < 0 ||
        drivers_check_database(options->database, error) < 0 ||
        files_open_driver(program, error) < 0 || files_open_older(program, error) < 0 ||
        stores_probe(program, drivers_database_exists(options->database), error) < 0)
        return EX_CONFIG;
    return EX_OK;
}

int main(int argc, char **argv)
{
    int taken;
    json_text_prepare();
    const struct service_word *word = service_word_find(argc - 1, argv + 1, &taken);
    if (word)
        return word->main(argc - 1 - taken, argv + 1 + taken);
    struct program program = {.public_socket = -1, .private_socket = -1, .notify.socket = -1};
    struct error error = {0};
    bool help;
    if (trend_init(&program.service.trend) < 0)
        return EX_OSERR;
    if (options_read(&service_option_table, argc - 1, argv + 1, &program.options, &help,
                     &error) < 0)
        return fail(&error);
    if (help) {
        options_print_help(&service_option_table, stdout);
        return EX_OK;
    }
    if (program.options.version) {
        puts("users-service " PROJECT_VERSION);
        return EX_OK;
    }
    log_start(&program.options);
    if (service_options_settle(&program.options, &error) < 0 ||
        (!program.options.core_dumps && sandbox_refuse_dumps(&error) < 0))
        return fail(&error);
    process_prepare();
    sigset_t signals;
    signals_block(&signals);
    if (program.options.check) {
        int code = check(&program, &error);
        program_stop(&program);
        return code ? (fail(&error), code) : EX_OK;
    }
    supervisor_open(&program);
    int failed = program_start(&program, &error);
    if (!failed) {
        log_info("ready");
        notify_tell(&program.notify, "READY=1");
        int signal = program_run(&program, &signals);
        notify_tell(&program.notify, "STOPPING=1");
        notify_extend(&program.notify, program.options.stop_timeout + STOP_REST_MS);
        log_info("stopping", log_text("signal", strsignal(signal)));
    }
    program_stop(&program);
    notify_close(&program.notify);
    return failed ? fail(&error) : EX_OK;
}
