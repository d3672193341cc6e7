/*
 * stream: a reply of lines that come while the work goes on (NDJSON).
 *
 * Created on the HTTP thread; lines are appended from any one other thread, which never waits.
 * The connection sleeps between lines.
 */
#ifndef HTTP_STREAM_H
#define HTTP_STREAM_H

#include "http/request.h"

struct stream;

/* Replies 200 with a stream of `content_type`; NULL without memory (the reply is then a 500).
 */
struct stream *stream_begin(struct request *request, const char *content_type);

/* Appends bytes; they are dropped if the reader is gone or too far behind. */
void stream_append(struct stream *stream, const char *bytes, size_t length);

/* Ends the reply after what was appended; the stream is not to be used again. */
void stream_end(struct stream *stream);

#endif
