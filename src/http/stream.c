#include "http/stream.h"

#include "base/buffer.h"
#include "http/exchange.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

/* Bytes that wait for a slow reader; progress lines beyond are dropped. */
#define STREAM_BYTES_MAX  (256 * 1024)
#define STREAM_BLOCK_SIZE 4096

/* Has two owners: the connection that reads and the thread that appends. The last one frees it.
 */
struct stream {
    pthread_mutex_t lock;
    struct MHD_Connection *connection;
    struct loop *loop;
    struct loop_wait wait;
    struct buffer waiting;
    size_t sent; /* of `waiting` */
    bool asleep; /* the connection is suspended */
    bool ended;  /* nothing more is appended */
    bool gone;   /* nobody reads any more */
};

static void stream_free(struct stream *stream)
{
    pthread_mutex_destroy(&stream->lock);
    buffer_deinit(&stream->waiting);
    free(stream);
}

static void stream_awaken(struct stream *stream)
{
    if (!stream->asleep)
        return;
    stream->asleep = false;
    loop_resume(&stream->wait);
}

static ssize_t stream_read(void *data, uint64_t position, char *bytes, size_t size)
{
    (void)position;
    struct stream *stream = data;
    pthread_mutex_lock(&stream->lock);
    size_t count = stream->waiting.length - stream->sent;
    ssize_t result = 0;
    if (count > 0) {
        count = count < size ? count : size;
        memcpy(bytes, stream->waiting.bytes + stream->sent, count);
        stream->sent += count;
        result = (ssize_t)count;
    } else if (stream->ended) {
        result = MHD_CONTENT_READER_END_OF_STREAM;
    } else {
        stream->asleep = true;
        loop_suspend(stream->loop, &stream->wait, stream->connection);
    }
    if (stream->sent == stream->waiting.length) {
        stream->waiting.length = 0;
        stream->sent = 0;
    }
    pthread_mutex_unlock(&stream->lock);
    return result;
}

static void stream_close(void *data)
{
    struct stream *stream = data;
    pthread_mutex_lock(&stream->lock);
    stream->gone = true;
    bool last = stream->ended;
    pthread_mutex_unlock(&stream->lock);
    if (last)
        stream_free(stream);
}

struct stream *stream_begin(struct request *request, const char *content_type)
{
    struct stream *stream = calloc(1, sizeof *stream);
    if (stream && pthread_mutex_init(&stream->lock, NULL) != 0) {
        free(stream);
        stream = NULL;
    }
    if (!stream) {
        request_reply_error(request, 500, "out of memory; try again");
        return NULL;
    }
    stream->connection = request->connection;
    request_count(request);
    stream->loop = request->loop;
    buffer_init(&stream->waiting, STREAM_BYTES_MAX);
    struct MHD_Response *response = MHD_create_response_from_callback(
        MHD_SIZE_UNKNOWN, STREAM_BLOCK_SIZE, stream_read, stream, stream_close);
    if (!response) {
        stream_free(stream);
        request_reply_error(request, 500, "out of memory; try again");
        return NULL;
    }
    request_set_header(request, "Content-Type", content_type);
    request_set_header(request, "Cache-Control", "no-store");
    request_reply_response(request, 200, response);
    /* It is as long as what it tells of; who is silent meanwhile is the library's to see. */
    visit_rest(request->visit);
    return stream;
}

void stream_append(struct stream *stream, const char *bytes, size_t length)
{
    pthread_mutex_lock(&stream->lock);
    if (!stream->gone && buffer_append(&stream->waiting, bytes, length) == 0)
        stream_awaken(stream);
    pthread_mutex_unlock(&stream->lock);
}

void stream_end(struct stream *stream)
{
    pthread_mutex_lock(&stream->lock);
    stream->ended = true;
    bool last = stream->gone;
    if (!last)
        stream_awaken(stream);
    pthread_mutex_unlock(&stream->lock);
    if (last)
        stream_free(stream);
}
