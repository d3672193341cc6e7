#include "handlers/form.h"

#include "config/limits.h"
#include "http/exchange.h"

#include <string.h>
#include <strings.h>

/* What the library needs to look for boundaries in. Bytes. */
#define WINDOW_SIZE 4096

bool form_is_sent(const struct request *request)
{
    static const char form[] = "multipart/form-data";
    const char *type = request_header(request, "Content-Type");
    return type && strncasecmp(type, form, sizeof form - 1) == 0 &&
           strchr("; \t", type[sizeof form - 1]);
}

static void part_append(struct form *form, bool is_user, const char *bytes, size_t length)
{
    struct buffer *part = is_user ? &form->user : &form->avatar;
    if (length > part->limit - part->length) {
        form->status = 413;
        form->fault =
            is_user ? "the part \"user\" is too large" : "the part \"avatar\" is too large";
    } else if (buffer_append(part, bytes, length) < 0) {
        form->status = 500;
        form->fault = "out of memory; try again";
    }
}

/* The library calls with each piece of a part; `offset` 0 begins one. */
/* NOLINTNEXTLINE(readability-function-size): the library's signature. */
static enum MHD_Result piece_take(void *data, enum MHD_ValueKind kind, const char *name,
                                  const char *file, const char *type, const char *encoding,
                                  const char *bytes, uint64_t offset, size_t length)
{
    (void)kind;
    (void)file;
    (void)type;
    struct form *form = data;
    /* A part without a name has none here either. */
    bool is_user = name && strcmp(name, "user") == 0;
    bool *seen = is_user ? &form->has_user : &form->has_avatar;
    if (!name || (!is_user && strcmp(name, "avatar") != 0))
        form->fault = "the form has a part that is neither \"user\" nor \"avatar\"";
    else if (offset == 0 && *seen && length > 0)
        form->fault = "the form has a part twice";
    else if (encoding && strcasecmp(encoding, "binary") != 0 &&
             strcasecmp(encoding, "8bit") != 0)
        form->fault = "a part has a transfer encoding: send it as it is";
    else
        part_append(form, is_user, bytes, length);
    *seen = true;
    return form->fault ? MHD_NO : MHD_YES;
}

static void body_parse(struct request *request, struct form *form)
{
    size_t length;
    const unsigned char *bytes = request_body(request, &length);
    struct MHD_PostProcessor *parser =
        MHD_create_post_processor(request->connection, WINDOW_SIZE, piece_take, form);
    if (!parser) {
        form->fault = "the form's Content-Type has no boundary";
        return;
    }
    bool read = MHD_post_process(parser, (const char *)bytes, length) == MHD_YES;
    bool whole = MHD_destroy_post_processor(parser) == MHD_YES;
    if (!form->fault && (!read || !whole))
        form->fault = "the form is malformed or cut short";
    if (!form->fault && !form->has_user)
        form->fault = "the form needs a part \"user\" with the user as JSON";
}

bool form_read(struct request *request, size_t avatar_limit, struct form *ret_form)
{
    *ret_form = (struct form){0};
    buffer_init(&ret_form->user, LIMIT_JSON_BODY_BYTES);
    buffer_init(&ret_form->avatar, avatar_limit);
    body_parse(request, ret_form);
    /* The parts are copies: the image is not held twice for longer than that takes. */
    request_drop_body(request);
    if (!ret_form->fault)
        return true;
    request_reply_error(request, ret_form->status ? ret_form->status : 400, "%s",
                        ret_form->fault);
    return false;
}

void form_deinit(struct form *form)
{
    buffer_deinit(&form->user);
    buffer_deinit(&form->avatar);
}
