#include "handlers/page.h"

#include "handlers/page_files.h"
#include "http/condition.h"

#include <stdlib.h>
#include <string.h>

/* Nothing from anywhere else, nothing inline, in nobody's frame. */
static const char policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

static const struct page_file *file_find(const char *name)
{
    for (size_t i = 0; i < page_file_count; i++) {
        if (strcmp(page_files[i].name, name) == 0)
            return &page_files[i];
    }
    return NULL;
}

static void file_reply(struct request *request, const struct page_file *file)
{
    /* Asked for again each time, so that an update shows; unchanged, it is 304. */
    request_set_header(request, "Cache-Control", "no-cache");
    request_set_header(request, "ETag", file->tag);
    const char *known = request_header(request, "If-None-Match");
    if (known && condition_lists_tag(known, file->tag, true)) {
        request_reply_empty(request, 304);
        return;
    }
    request_set_header(request, "Content-Security-Policy", policy);
    request_set_header(request, "X-Content-Type-Options", "nosniff");
    request_set_header(request, "Referrer-Policy", "no-referrer");
    request_set_header(request, "Content-Type", file->type);
    request_reply_constant(request, 200, file->bytes, file->length);
}

void page_get(struct request *request)
{
    file_reply(request, file_find("index.html"));
}

void page_file_get(struct request *request)
{
    const struct page_file *file = file_find(request_parameter(request, 0));
    if (file)
        file_reply(request, file);
    else
        request_reply_error(request, 404, "there is no such file of the page");
}
