/* An answer of a store, head and body, to the kind of request that the first byte says. */
#include "fuzz.h"

#include "files/s3/answer.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define KEYS        3
#define INPUT_MAX   65536
#define TIME_OUT_MS 1000

static int server_side = -1;

/* The connection is made already: its other end has said everything. */
static curl_socket_t socket_open(void *data, curlsocktype purpose,
                                 struct curl_sockaddr *address)
{
    (void)purpose;
    (void)address;
    int *client = data, given = *client;
    *client = -1;
    return given < 0 ? CURL_SOCKET_BAD : given;
}

static int socket_made(void *data, curl_socket_t handle, curlsocktype purpose)
{
    (void)data;
    (void)handle;
    (void)purpose;
    return CURL_SOCKOPT_ALREADY_CONNECTED;
}

static void transfer_run(struct files_op *op, enum s3_kind kind, int client,
                         struct buffer *object)
{
    static const char *const methods[] = {[S3_WRITES] = "PUT",
                                          [S3_READS] = "GET",
                                          [S3_READS_PART] = "GET",
                                          [S3_DELETES_ONE] = "DELETE",
                                          [S3_DELETES_ALL] = "POST"};
    static struct s3_store store = {.location = {.authority = "127.0.0.1",
                                                 .bucket = "bucket",
                                                 .region = "here",
                                                 .path_style = true},
                                    .credentials = {.key_id = "id", .secret = "secret"},
                                    .signing = "aws:amz:here:s3"};
    struct s3_transfer transfer = {0};
    struct s3_call call = {.method = methods[kind],
                           .key = "avatars/key",
                           .once = true,
                           .object = kind == S3_READS || kind == S3_READS_PART ? object : NULL,
                           .timeout_ms = TIME_OUT_MS};
    FUZZ_HOLDS(s3_transfer_init(&transfer) == 0);
    FUZZ_HOLDS(s3_transfer_prepare(&transfer, &store, &call) == 0);
    curl_easy_setopt(transfer.easy, CURLOPT_OPENSOCKETFUNCTION, socket_open);
    curl_easy_setopt(transfer.easy, CURLOPT_OPENSOCKETDATA, &client);
    curl_easy_setopt(transfer.easy, CURLOPT_SOCKOPTFUNCTION, socket_made);
    CURLcode result = curl_easy_perform(transfer.easy);
    s3_answer_read(op, kind, &transfer, result, "prefix/");
    s3_transfer_deinit(&transfer);
    if (client >= 0)
        close(client);
}

/* A key is done only if there was a list of what was deleted. */
static void batch_judge(const struct files_op *op, const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < op->count; i++) {
        if (files_answer_is_ok(&op->answers[i]))
            FUZZ_HOLDS(memmem(bytes, length, "DeleteResult", strlen("DeleteResult")) &&
                       memmem(bytes, length, "Deleted", strlen("Deleted")));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    static const enum s3_kind kinds[] = {S3_WRITES, S3_READS, S3_DELETES_ONE, S3_DELETES_ALL,
                                         S3_READS_PART};
    const char *keys[KEYS] = {"avatars/a", "avatars/b", "avatars/c"};
    struct files_answer answers[KEYS] = {0};
    int pair[2];
    if (length < 1 || length > INPUT_MAX)
        return 0;
    enum s3_kind kind = kinds[bytes[0] % (sizeof kinds / sizeof *kinds)];
    struct files_op op = {.verb = kind == S3_DELETES_ALL ? FILES_DELETE : FILES_GET,
                          .keys = keys,
                          .answers = answers,
                          .count = kind == S3_DELETES_ALL ? KEYS : 0};
    struct buffer object;
    buffer_init(&object, INPUT_MAX);
    FUZZ_HOLDS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    server_side = pair[0];
    FUZZ_HOLDS(send(server_side, bytes + 1, length - 1, MSG_NOSIGNAL | MSG_DONTWAIT) ==
               (ssize_t)length - 1);
    shutdown(server_side, SHUT_WR);
    transfer_run(&op, kind, pair[1], &object);
    close(server_side);
    batch_judge(&op, bytes, length);
    FUZZ_HOLDS(memchr(op.answer.text, '\0', sizeof op.answer.text));
    FUZZ_HOLDS(op.answer.retry_after_ms >= 0 &&
               op.answer.retry_after_ms <= S3_RETRY_AFTER_MS_MAX);
    buffer_deinit(&object);
    return 0;
}
