/* A form: its Content-Type in the first line, then its body. */
#include "exchange.h"

#include "handlers/form.h"

#include <stdio.h>

#define AVATAR_MAX 4096

static void form_handle(struct request *request)
{
    struct form form;
    if (!form_is_sent(request))
        return;
    bool read = form_read(request, AVATAR_MAX, &form);
    FUZZ_HOLDS(read == !form.fault);
    FUZZ_HOLDS(read != request->replied);
    FUZZ_HOLDS(!read || form.has_user);
    FUZZ_HOLDS(form.avatar.length <= AVATAR_MAX);
    form_deinit(&form);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    const uint8_t *end = memchr(bytes, '\n', length);
    size_t type = end ? (size_t)(end - bytes) : 0, body = end ? length - type - 1 : 0;
    if (!end || type > 512 || body > 65536 || memchr(bytes, '\r', type) ||
        memchr(bytes, '\0', type))
        return 0;
    char *request = malloc(length + 256);
    if (!request)
        abort();
    int head = snprintf(request, length + 256,
                        "POST /api/users HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n"
                        "Content-Type: %.*s\r\n\r\n",
                        body, (int)type, (const char *)bytes);
    FUZZ_HOLDS(head > 0 && (size_t)head < length + 256);
    memcpy(request + head, end + 1, body);
    exchange_run((const uint8_t *)request, (size_t)head + body, NULL, form_handle);
    free(request);
    return 0;
}
