#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

int error_set(struct error *error, enum error_class class, const char *format, ...)
{
    if (!error)
        return -1;
    va_list arguments;
    va_start(arguments, format);
    error->class = class;
    vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    return -1;
}

int error_wrap(struct error *error, const char *format, ...)
{
    if (!error)
        return -1;
    char context[ERROR_TEXT_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(context, sizeof context, format, arguments);
    va_end(arguments);

    char cause[ERROR_TEXT_SIZE];
    memcpy(cause, error->text, sizeof cause);
    cause[sizeof cause - 1] = '\0';
    int length = snprintf(error->text, sizeof error->text, "%s: ", context);
    size_t used = length < 0 ? 0 : (size_t)length;
    if (used < sizeof error->text)
        snprintf(error->text + used, sizeof error->text - used, "%.*s",
                 (int)(sizeof error->text - used - 1), cause);
    return -1;
}

int error_set_errno(struct error *error, enum error_class class, int code, const char *format,
                    ...)
{
    if (!error)
        return -1;
    va_list arguments;
    va_start(arguments, format);
    error->class = class;
    int length = vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    size_t used = length < 0 ? 0 : (size_t)length;
    char words[128];
    if (used < sizeof error->text)
        snprintf(error->text + used, sizeof error->text - used, ": %s",
                 strerror_r(code, words, sizeof words));
    return -1;
}

enum error_class error_class_of(int code)
{
    switch (code) {
    case EAGAIN:
    case EDQUOT:
    case EINTR:
    case EIO:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOSPC:
        return ERROR_UNAVAILABLE;
    default:
        return ERROR_CONFIG;
    }
}

int error_exit_code(const struct error *error)
{
    switch (error->class) {
    case ERROR_NONE:
        return EX_OK;
    case ERROR_USAGE:
        return EX_USAGE;
    case ERROR_UNAVAILABLE:
        return EX_UNAVAILABLE;
    case ERROR_CONFIG:
    case ERROR_INVALID:
        return EX_CONFIG;
    case ERROR_NO_MEMORY:
    case ERROR_IO:
        return EX_UNAVAILABLE;
    case ERROR_INTERNAL:
        break;
    }
    return EX_SOFTWARE;
}
