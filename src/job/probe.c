#include "job/probe.h"

#include <stdio.h>

bool probe_judge(const struct http_response *response, char ret_text[static ERROR_TEXT_SIZE])
{
    ret_text[0] = '\0';
    if (response->outcome != HTTP_ANSWERED)
        snprintf(ret_text, ERROR_TEXT_SIZE, "%s", response->text);
    else if (response->status / 100 != 2)
        snprintf(ret_text, ERROR_TEXT_SIZE, "it answered with status %d", response->status);
    return !ret_text[0];
}
