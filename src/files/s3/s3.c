#include "files/s3/s3.h"

#include "base/clock.h"
#include "base/log.h"
#include "files/s3/link.h"
#include "files/s3/renewal.h"
#include "files/s3/request.h"
#include "files/s3/singles.h"
#include "files/s3/xml.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

/* How long to rest if curl cannot even wait, so as not to spin. */
#define REST_MS 10

/* Room for an address and its port. */
#define ADDRESS_SIZE 64

/* Between two questions whether the bucket keeps versions. That it does is noticed at once. */
#define VERSIONING_FRESH_MS 600000

/* Keys of one operation that are erased at a time, version by version. */
#define ERASING_AT_ONCE 32

TAILQ_HEAD(request_list, s3_request);

struct s3 {
    struct files_driver driver;
    struct s3_store store;
    struct s3_renewal *renewal;
    CURLM *multi;
    struct request_list waiting, active, spare;
    size_t active_count;
    struct s3_versioning versioning;
    int64_t versioning_at;      /* when it was learned; 0: never */
    char address[ADDRESS_SIZE]; /* that answered last; "": none has yet */
};

static struct s3 *s3_of(struct files_driver *driver)
{
    return (struct s3 *)driver;
}

static void request_free(struct s3_request *request)
{
    s3_transfer_deinit(&request->transfer);
    buffer_deinit(&request->sent);
    buffer_deinit(&request->object);
    s3_erasing_deinit(&request->erasing);
    free(request);
}

static struct s3_request *request_new(struct s3 *s3, struct files_op *op)
{
    struct s3_request *request = TAILQ_FIRST(&s3->spare);
    if (request) {
        TAILQ_REMOVE(&s3->spare, request, entry);
    } else {
        request = calloc(1, sizeof *request);
        if (!request)
            return NULL;
        if (s3_transfer_init(&request->transfer) < 0) {
            request_free(request);
            return NULL;
        }
        buffer_init(&request->sent, S3_DELETE_BYTES_MAX);
        buffer_init(&request->object, FILES_IDENTITY_BYTES_MAX);
    }
    request->op = op;
    request->wanted = op->identity;
    request->created = false;
    request->erasure = NULL;
    request->step = op->verb == FILES_IDENTITY_CREATE ? S3_STEP_LOOK : S3_STEP_ONLY;
    return request;
}

/* Gives the request the next key of its erasure; false if all are answered or under way. */
static bool erasure_take_key(struct s3_request *request)
{
    struct files_op *op = request->op;
    struct s3_erasure *erasure = request->erasure;
    while (erasure->next < op->count && !files_key_is_open(op, erasure->next))
        erasure->next++;
    if (erasure->next == op->count)
        return false;
    request->index = erasure->next++;
    s3_erasing_begin(&request->erasing, op->keys[request->index]);
    return true;
}

static void request_retire(struct s3 *s3, struct s3_request *request)
{
    s3_transfer_clear(&request->transfer);
    buffer_deinit(&request->sent);
    buffer_deinit(&request->object);
    s3_erasing_deinit(&request->erasing);
    TAILQ_INSERT_HEAD(&s3->spare, request, entry);
}

/* Answers the operation of a request that is in no list any more. */
static void request_finish(struct s3 *s3, struct s3_request *request)
{
    struct files_op *op = request->op;
    struct s3_erasure *erasure = request->erasure;
    if (erasure) {
        op->answers[request->index] = request->erasing.answer;
        if (erasure_take_key(request)) {
            TAILQ_INSERT_TAIL(&s3->waiting, request, entry);
            return;
        }
        erasure->requests--;
    }
    request_retire(s3, request);
    if (erasure && erasure->requests)
        return;
    if (erasure)
        files_answer_set(&op->answer, 200, NULL, NULL);
    free(erasure);
    files_op_finish(op);
}

/* Ends the request with an answer of ours. */
static void request_fail(struct s3 *s3, struct s3_request *request, const char *code,
                         const char *text)
{
    if (request->erasure)
        s3_erasing_give_up(&request->erasing, code, text);
    else
        files_answer_set(&request->op->answer, 0, code, text);
    request_finish(s3, request);
}

/* One more request that takes keys of the erasure; false if none needs one, or no memory. */
static bool erasure_spread(struct s3 *s3, struct files_op *op, struct s3_erasure *erasure)
{
    struct s3_request *request = request_new(s3, op);
    if (!request)
        return false;
    request->erasure = erasure;
    s3_erasing_init(&request->erasing, s3->store.location.prefix, s3->versioning.mfa);
    if (!erasure_take_key(request)) {
        request_retire(s3, request);
        return false;
    }
    erasure->requests++;
    TAILQ_INSERT_TAIL(&s3->waiting, request, entry);
    return true;
}

/* Erases the open keys of a request, which is in no list, version by version. */
static void request_scatter(struct s3 *s3, struct s3_request *request)
{
    struct files_op *op = request->op;
    struct s3_erasure *erasure = calloc(1, sizeof *erasure);
    if (erasure) {
        while (erasure->requests < ERASING_AT_ONCE && erasure_spread(s3, op, erasure))
            continue;
    }
    if (!erasure || erasure->requests == 0) {
        free(erasure);
        request_fail(s3, request, FILES_CODE_NO_MEMORY, "no memory to erase its versions");
        return;
    }
    request_retire(s3, request);
}

/* Deletes the open keys of a request, which is in no list, one by one. */
static void request_split(struct s3 *s3, struct s3_request *request)
{
    struct files_op *op = request->op;
    request_retire(s3, request);
    s3_singles_start(&s3->driver, op);
}

/* What has to be known, or done otherwise, before a deletion; true if the request is gone. */
static bool deletion_divert(struct s3 *s3, struct s3_request *request)
{
    if (request->op->verb != FILES_DELETE || request->erasure)
        return false;
    bool known = s3->versioning_at && clock_boot_ms() - s3->versioning_at < VERSIONING_FRESH_MS;
    request->step = known ? S3_STEP_ONLY : S3_STEP_VERSIONING;
    bool single = s3->store.location.single_deletes && request->op->count > 1;
    if (known && s3->versioning.keeps)
        request_scatter(s3, request);
    else if (known && single)
        request_split(s3, request);
    else
        return false;
    return true;
}

/* Nobody is asked: the URL is made here, of the credentials that there are now. */
static void link_answer(struct s3 *s3, struct s3_request *request)
{
    struct files_op *op = request->op;
    const struct s3_store *store = &s3->store;
    if (s3_link_write(&store->location, &store->credentials, op->method, op->key,
                      op->link_seconds, clock_wall_ms(), &op->body) < 0)
        files_answer_set(&op->answer, 0, FILES_CODE_NO_MEMORY, "no memory for the link");
    else
        files_answer_set(&op->answer, 200, NULL, NULL);
    request_finish(s3, request);
}

/* Sends the request's step; one that cannot be sent is answered. */
static void request_send(struct s3 *s3, struct s3_request *request)
{
    struct files_op *op = request->op;
    struct s3_parameter parameters[S3_REQUEST_PARAMETERS];
    int64_t left_ms = op->deadline_ms - clock_boot_ms();
    struct s3_call call = {
        .parameters = parameters, .timeout_ms = left_ms, .trace = &op->trace};
    bool begun = request->erasure ||
                 (request->step > S3_STEP_LOOK && request->step < S3_STEP_VERSIONING);
    if (left_ms <= 0)
        request_fail(s3, request, begun ? FILES_CODE_TIMEOUT : FILES_CODE_NOT_SENT,
                     "the deadline passed before it was sent");
    else if (deletion_divert(s3, request))
        return;
    else if (op->verb == FILES_LINK)
        link_answer(s3, request);
    else if (s3_request_fill(request, &call, s3->store.location.prefix) < 0 ||
             s3_transfer_prepare(&request->transfer, &s3->store, &call) < 0 ||
             curl_easy_setopt(request->transfer.easy, CURLOPT_PRIVATE, request) != CURLE_OK ||
             curl_multi_add_handle(s3->multi, request->transfer.easy) != CURLM_OK)
        request_fail(s3, request, FILES_CODE_NO_MEMORY, "no memory to send it");
    else {
        TAILQ_INSERT_TAIL(&s3->active, request, entry);
        s3->active_count++;
    }
}

/*
 * Only of what the engine hears of: an upload that met the new address first would leave
 * nothing for the deletes after it to tell (M3).
 */
static void address_note(struct s3 *s3, struct s3_request *request)
{
    enum files_verb verb = request->op->verb;
    if (verb != FILES_DELETE && verb != FILES_IDENTITY_READ && verb != FILES_IDENTITY_CREATE)
        return;
    const char *ip = NULL;
    long port = 0;
    char address[ADDRESS_SIZE];
    CURL *easy = request->transfer.easy;
    if (curl_easy_getinfo(easy, CURLINFO_PRIMARY_IP, &ip) != CURLE_OK || !ip || !*ip ||
        curl_easy_getinfo(easy, CURLINFO_PRIMARY_PORT, &port) != CURLE_OK)
        return;
    snprintf(address, sizeof address, "%s %ld", ip, port);
    if (s3->address[0] && strcmp(address, s3->address) != 0)
        request->op->address_changed = true;
    memcpy(s3->address, address, sizeof address);
}

/*
 * Does the bucket keep versions? Who may not ask, and a service that does not know the
 * question, goes on: the answer to a plain DELETE tells of the marker that it laid. False if
 * there is no answer yet; the operation has it then.
 */
static bool versioning_take(struct s3 *s3, struct s3_request *request)
{
    struct files_answer *answer = &request->op->answer;
    const struct buffer *body = &request->transfer.received;
    struct s3_versioning found = {0};
    bool untold = answer->status == 400 || answer->status == 403 || answer->status == 405 ||
                  answer->status == 501 ||
                  (answer->status == 404 && strcmp(answer->code, "NoSuchBucket") != 0);
    if (files_answer_is_ok(answer) && !s3_versioning_read(body->bytes, body->length, &found))
        files_answer_set(answer, answer->status, FILES_CODE_MALFORMED,
                         "it does not say whether the bucket keeps versions");
    if (!untold && !files_answer_is_ok(answer))
        return false;
    s3->versioning = found;
    s3->versioning_at = clock_boot_ms();
    *answer = (struct files_answer){0};
    return true;
}

/* A plain DELETE laid markers: the bucket keeps versions now. These keys are open again. */
static bool markers_take(struct s3 *s3, struct files_op *op)
{
    bool found = strcmp(op->answer.code, S3_CODE_MARKER) == 0;
    for (size_t i = 0; i < op->count; i++) {
        if (strcmp(op->answers[i].code, S3_CODE_MARKER) == 0) {
            op->answers[i] = (struct files_answer){0};
            found = true;
        }
    }
    s3->versioning.keeps |= found;
    return found;
}

static void credentials_doubt(struct s3 *s3, const struct files_answer *answer)
{
    if (s3_renewal_concerns(answer))
        s3_renewal_hasten(s3->renewal, clock_boot_ms());
}

/* The store has no bulk delete: it is not asked for one again. */
static void batch_give_up(struct s3 *s3, struct s3_request *request)
{
    struct files_op *op = request->op;
    log_info("the store has no bulk delete: objects are deleted one by one",
             log_number("status", op->answer.status), log_text("error", op->answer.code));
    s3->store.location.single_deletes = true;
    op->answer = (struct files_answer){0};
    request_split(s3, request);
}

/* What follows in the same operation; true if the request goes on, or others in its place. */
static bool request_go_on(struct s3 *s3, struct s3_request *request, CURLcode result)
{
    struct files_op *op = request->op;
    if (request->erasure) {
        if (!s3_erasing_answered(&request->erasing, &request->transfer, result)) {
            credentials_doubt(s3, &request->erasing.answer);
            return false;
        }
        request_send(s3, request);
        return true;
    }
    if (request->step == S3_STEP_VERSIONING) {
        if (!versioning_take(s3, request))
            return false;
        request_send(s3, request);
        return true;
    }
    if (request->kind == S3_DELETES_ALL && s3_singles_are_needed(&op->answer)) {
        batch_give_up(s3, request);
        return true;
    }
    if (op->verb == FILES_DELETE) {
        if (!markers_take(s3, op))
            return false;
        request_scatter(s3, request);
        return true;
    }
    if (op->verb == FILES_LIST || op->verb == FILES_VERSIONING)
        s3_request_take_document(request, s3->store.location.prefix);
    bool is_identity = op->verb == FILES_IDENTITY_READ || op->verb == FILES_IDENTITY_CREATE;
    if (is_identity && request->kind == S3_READS)
        s3_request_take_identity(request);
    request->step = s3_request_advance(request);
    if (request->step == S3_STEP_ONLY)
        return false;
    buffer_deinit(&request->object);
    request_send(s3, request);
    return true;
}

/* Reads the answer of a transfer that ended; goes on with what follows or answers. */
static void request_complete(struct s3 *s3, struct s3_request *request, CURLcode result)
{
    if (!request->erasure)
        s3_answer_read(request->op, request->kind, &request->transfer, result,
                       s3->store.location.prefix);
    credentials_doubt(s3, &request->op->answer);
    address_note(s3, request);
    curl_multi_remove_handle(s3->multi, request->transfer.easy);
    TAILQ_REMOVE(&s3->active, request, entry);
    s3->active_count--;
    if (!request_go_on(s3, request, result))
        request_finish(s3, request);
}

/* Nobody will say who we are, for now. */
static void waiting_refuse(struct s3 *s3, const struct files_answer *why)
{
    struct s3_request *request;
    while ((request = TAILQ_FIRST(&s3->waiting))) {
        TAILQ_REMOVE(&s3->waiting, request, entry);
        *(request->erasure ? &request->erasing.answer : &request->op->answer) = *why;
        request_finish(s3, request);
    }
}

static void waiting_send(struct s3 *s3)
{
    struct files_answer why;
    enum s3_renewal_state state = s3_renewal_state(s3->renewal, &why);
    if (state == S3_RENEWAL_FAILED)
        waiting_refuse(s3, &why);
    while (state == S3_RENEWAL_READY && s3->active_count < S3_CONNECTIONS_MAX &&
           !TAILQ_EMPTY(&s3->waiting)) {
        struct s3_request *request = TAILQ_FIRST(&s3->waiting);
        TAILQ_REMOVE(&s3->waiting, request, entry);
        request_send(s3, request);
    }
}

static void s3_start(struct files_driver *driver, struct files_op *op)
{
    struct s3 *s3 = s3_of(driver);
    if (!files_op_begin(op))
        return;
    struct s3_request *request = request_new(s3, op);
    if (!request) {
        files_op_fail(op, 0, FILES_CODE_NO_MEMORY, "no memory for the request");
        return;
    }
    TAILQ_INSERT_TAIL(&s3->waiting, request, entry);
    waiting_send(s3);
}

static void completed_take(struct s3 *s3)
{
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(s3->multi, &left))) {
        struct s3_request *request = NULL;
        CURLcode result = message->data.result;
        if (message->msg != CURLMSG_DONE ||
            s3_renewal_take(s3->renewal, message->easy_handle, result))
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &request);
        request_complete(s3, request, result);
    }
}

/* The earliest deadline of what waits, renewal included; `latest` if that is earlier. */
static int64_t waiting_until(const struct s3 *s3, int64_t latest)
{
    const struct s3_request *request;
    int64_t due = s3_renewal_due(s3->renewal);
    if (due < latest)
        latest = due;
    TAILQ_FOREACH(request, &s3->waiting, entry)
    {
        if (request->op->deadline_ms < latest)
            latest = request->op->deadline_ms;
    }
    return latest;
}

/* Sending what is too late answers it. */
static void waiting_expire(struct s3 *s3)
{
    int64_t now = clock_boot_ms();
    struct s3_request *request = TAILQ_FIRST(&s3->waiting);
    while (request) {
        struct s3_request *next = TAILQ_NEXT(request, entry);
        if (request->op->deadline_ms <= now) {
            TAILQ_REMOVE(&s3->waiting, request, entry);
            request_send(s3, request);
        }
        request = next;
    }
}

/* curl's clock stands still while the machine sleeps; a deadline does not. */
static void active_expire(struct s3 *s3)
{
    int64_t now = clock_boot_ms();
    struct s3_request *request = TAILQ_FIRST(&s3->active);
    while (request) {
        struct s3_request *next = TAILQ_NEXT(request, entry);
        if (request->op->deadline_ms < now)
            request_complete(s3, request, CURLE_OPERATION_TIMEDOUT);
        request = next;
    }
}

static void s3_poll(struct files_driver *driver, int64_t timeout_ms)
{
    struct s3 *s3 = s3_of(driver);
    int64_t now = clock_boot_ms();
    s3_renewal_advance(s3->renewal, now);
    int64_t until = waiting_until(s3, now + timeout_ms);
    int running;
    if (curl_multi_poll(s3->multi, NULL, 0, until > now ? (int)(until - now) : 0, NULL) !=
            CURLM_OK ||
        curl_multi_perform(s3->multi, &running) != CURLM_OK)
        poll(NULL, 0, REST_MS);
    completed_take(s3);
    active_expire(s3);
    waiting_expire(s3);
    waiting_send(s3);
}

static void s3_wake(struct files_driver *driver)
{
    curl_multi_wakeup(s3_of(driver)->multi);
}

static void list_break_off(struct s3 *s3, struct request_list *list)
{
    struct s3_request *request;
    while ((request = TAILQ_FIRST(list))) {
        TAILQ_REMOVE(list, request, entry);
        if (list == &s3->active)
            curl_multi_remove_handle(s3->multi, request->transfer.easy);
        request_fail(s3, request, FILES_CODE_RESET, "the service is stopping");
    }
}

static void s3_close(struct files_driver *driver)
{
    struct s3 *s3 = s3_of(driver);
    struct s3_request *request;
    list_break_off(s3, &s3->active);
    list_break_off(s3, &s3->waiting);
    while ((request = TAILQ_FIRST(&s3->spare))) {
        TAILQ_REMOVE(&s3->spare, request, entry);
        request_free(request);
    }
    s3_renewal_close(s3->renewal);
    curl_multi_cleanup(s3->multi);
    s3_credentials_clear(&s3->store.credentials);
    free(s3->store.trusted);
    free(s3);
    curl_global_cleanup();
}

static int store_read(struct s3_store *store, const char *url, struct error *error)
{
    if (s3_location_parse(url, &store->location, error) < 0)
        return -1;
    snprintf(store->signing, sizeof store->signing, "aws:amz:%s:s3", store->location.region);
    const char *trusted = s3_source_variable("AWS_CA_BUNDLE");
    if (store->location.ca[0])
        trusted = store->location.ca;
    if (trusted) {
        store->trusted = strdup(trusted);
        if (!store->trusted)
            return error_set(error, ERROR_NO_MEMORY, "no memory for the S3 store");
    }
    return 0;
}

static int s3_init(struct s3 *s3, const char *url, struct error *error)
{
    s3->multi = curl_multi_init();
    if (!s3->multi || curl_multi_setopt(s3->multi, CURLMOPT_MAXCONNECTS,
                                        (long)S3_CONNECTIONS_MAX) != CURLM_OK)
        return error_set(error, ERROR_NO_MEMORY, "no memory for the S3 store");
    struct s3_store *store = &s3->store;
    return store_read(store, url, error) < 0
               ? -1
               : s3_renewal_open(s3->multi, store->location.region, store->trusted,
                                 &store->credentials, &s3->renewal, error);
}

int files_s3_open(const struct files_s3_options *options, struct files_driver **ret_driver,
                  struct error *error)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return error_set(error, ERROR_UNAVAILABLE, "cannot start libcurl");
    struct s3 *s3 = calloc(1, sizeof *s3);
    if (!s3) {
        curl_global_cleanup();
        return error_set(error, ERROR_NO_MEMORY, "no memory for the S3 store");
    }
    s3->driver = (struct files_driver){"s3", s3_start, s3_poll, s3_wake, s3_close};
    TAILQ_INIT(&s3->waiting);
    TAILQ_INIT(&s3->active);
    TAILQ_INIT(&s3->spare);
    if (s3_init(s3, options->url, error) < 0) {
        s3_close(&s3->driver);
        return -1;
    }
    *ret_driver = &s3->driver;
    return 0;
}
