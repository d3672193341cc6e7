#include "metrics/exposition.h"

#include <stdio.h>
#include <string.h>

int exposition_head(struct buffer *text, const char *name, enum exposition_kind kind,
                    const char *help)
{
    static const char *const types[] = {[EXPOSITION_COUNTER] = "counter",
                                        [EXPOSITION_GAUGE] = "gauge",
                                        [EXPOSITION_HISTOGRAM] = "histogram"};
    return buffer_printf(text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, types[kind]);
}

void exposition_number(int64_t value, int64_t divisor,
                       char ret_text[static EXPOSITION_NUMBER_SIZE])
{
    if (value == EXPOSITION_UNKNOWN) {
        memcpy(ret_text, "NaN", sizeof "NaN");
        return;
    }
    int digits = 0;
    for (int64_t rest = divisor; rest > 1; rest /= 10)
        digits++;
    int64_t whole = value / divisor, part = value % divisor;
    if (part == 0) {
        snprintf(ret_text, EXPOSITION_NUMBER_SIZE, "%lld", (long long)whole);
        return;
    }
    int length = snprintf(ret_text, EXPOSITION_NUMBER_SIZE, "%s%lld.%0*lld",
                          value < 0 && whole == 0 ? "-" : "", (long long)whole, digits,
                          (long long)(part < 0 ? -part : part));
    while (ret_text[length - 1] == '0')
        ret_text[--length] = '\0';
}

static int value_append(struct buffer *text, const char *value)
{
    for (; *value; value++) {
        const char *escaped = *value == '\\'   ? "\\\\"
                              : *value == '"'  ? "\\\""
                              : *value == '\n' ? "\\n"
                                               : NULL;
        if (escaped ? buffer_append_text(text, escaped) < 0 : buffer_append(text, value, 1) < 0)
            return -1;
    }
    return 0;
}

static int labels_append(struct buffer *text, const struct exposition_label *labels,
                         size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (buffer_printf(text, "%s%s=\"", i ? "," : "{", labels[i].name) < 0 ||
            value_append(text, labels[i].value) < 0 || buffer_append(text, "\"", 1) < 0)
            return -1;
    }
    return count ? buffer_append(text, "}", 1) : 0;
}

int exposition_sample(struct buffer *text, const char *name, const char *suffix,
                      const struct exposition_label *labels, size_t count, int64_t value,
                      int64_t divisor)
{
    char number[EXPOSITION_NUMBER_SIZE];
    exposition_number(value, divisor, number);
    if (buffer_append_text(text, name) < 0 || buffer_append_text(text, suffix) < 0 ||
        labels_append(text, labels, count) < 0)
        return -1;
    return buffer_printf(text, " %s\n", number);
}
