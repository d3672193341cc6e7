#include "config/options.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const struct option *option_find(const struct option_table *table, const char *name,
                                        size_t length)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct option *option = &table->options[i];
        if (strlen(option->name) == length && strncmp(option->name, name, length) == 0)
            return option;
    }
    return NULL;
}

static bool choice_holds(const char *choices, const char *value)
{
    size_t length = strcspn(value, "|");
    if (value[length])
        return false;
    for (const char *at = choices; at; at = strchr(at, '|')) {
        if (*at == '|')
            at++;
        if (length && strncmp(at, value, length) == 0 && (at[length] == '|' || !at[length]))
            return true;
    }
    return false;
}

/* Prints a bound in the unit that the option is typed in. */
static void bound_format(const struct option *option, int64_t bound, char *text, size_t size)
{
    if (option->type == OPTION_DURATION && bound % 1000 == 0)
        snprintf(text, size, "%llds", (long long)(bound / 1000));
    else
        snprintf(text, size, "%lld%s", (long long)bound,
                 option->type == OPTION_DURATION ? "ms" : "");
}

bool option_format_bounds(const struct option *option, char ret_least[static OPTION_BOUND_SIZE],
                          char ret_most[static OPTION_BOUND_SIZE])
{
    if (option->type != OPTION_DURATION && option->type != OPTION_BYTES &&
        option->type != OPTION_INTEGER)
        return false;
    bound_format(option, option->least, ret_least, OPTION_BOUND_SIZE);
    bound_format(option, option->most, ret_most, OPTION_BOUND_SIZE);
    return true;
}

static int number_set(const struct option *option, const char *value, int64_t *ret_number,
                      struct error *error)
{
    static const char *const forms[] = {[OPTION_DURATION] =
                                            "a duration such as 250ms, 90s, 15m or 1h30m",
                                        [OPTION_BYTES] = "a size such as 512, 64KiB or 5MiB",
                                        [OPTION_INTEGER] = "a whole number"};
    int64_t number;
    int failed = option->type == OPTION_DURATION ? duration_parse(value, &number)
                 : option->type == OPTION_BYTES  ? bytes_parse(value, &number)
                                                 : number_parse(value, &number);
    if (failed)
        return error_set(error, ERROR_USAGE, "--%s: \"%s\" is not %s", option->name, value,
                         forms[option->type]);
    if (number < option->least || number > option->most) {
        char least[OPTION_BOUND_SIZE], most[OPTION_BOUND_SIZE];
        option_format_bounds(option, least, most);
        return error_set(error, ERROR_USAGE, "--%s: %s is out of range: give %s to %s",
                         option->name, value, least, most);
    }
    *ret_number = number;
    return 0;
}

static int text_set(const struct option *option, const char *value, const char **ret_text,
                    struct error *error)
{
    if (option->choices && !choice_holds(option->choices, value))
        return error_set(error, ERROR_USAGE, "--%s: \"%s\" is not one of %s", option->name,
                         value, option->choices);
    *ret_text = value;
    return 0;
}

static int texts_add(const struct option *option, const char *value, struct option_texts *texts,
                     struct error *error)
{
    if (texts->count == OPTION_TEXTS_MAX)
        return error_set(error, ERROR_USAGE, "--%s: given more than %d times", option->name,
                         OPTION_TEXTS_MAX);
    texts->items[texts->count++] = value;
    return 0;
}

static int switch_set(const struct option *option, const char *value, bool *ret_on,
                      struct error *error)
{
    bool on = strcmp(value, "on") == 0;
    if (!on && strcmp(value, "off") != 0)
        return error_set(error, ERROR_USAGE, "--%s: \"%s\" is neither on nor off", option->name,
                         value);
    *ret_on = on;
    return 0;
}

static int option_set(const struct option *option, const char *value, void *target,
                      struct error *error)
{
    void *member = (char *)target + option->offset;
    switch (option->type) {
    case OPTION_TEXT:
        return text_set(option, value, member, error);
    case OPTION_TEXTS:
        return texts_add(option, value, member, error);
    case OPTION_DURATION:
    case OPTION_BYTES:
    case OPTION_INTEGER:
        return number_set(option, value, member, error);
    case OPTION_SWITCH:
    case OPTION_FLAG:
        return switch_set(option, value, member, error);
    }
    return error_set(error, ERROR_INTERNAL, "--%s: unknown type", option->name);
}

/* The prefix and the name in capitals, '-' as '_'. */
bool option_format_variable(const struct option_table *table, const struct option *option,
                            char ret_text[static OPTION_VARIABLE_SIZE])
{
    if (!table->environment || option->type == OPTION_FLAG)
        return false;
    snprintf(ret_text, OPTION_VARIABLE_SIZE, "%s%s", table->environment, option->name);
    for (char *at = ret_text + strlen(table->environment); *at; at++)
        *at = *at == '-' ? '_' : (char)toupper((unsigned char)*at);
    return true;
}

static int presets_apply(const struct option_table *table, void *target, struct error *error)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct option *option = &table->options[i];
        char variable[OPTION_VARIABLE_SIZE];
        const char *value = NULL;
        if (option->preset && option_set(option, option->preset, target, error) < 0)
            return -1;
        if (!option_format_variable(table, option, variable))
            continue;
        value = getenv(variable);
        if (value && option_set(option, value, target, error) < 0)
            return error_wrap(error, "environment variable %s", variable);
    }
    return 0;
}

static int flag_read(const struct option_table *table, int argc, char **argv, int *at,
                     void *target, struct error *error)
{
    const char *argument = argv[*at];
    if (strncmp(argument, "--", 2) != 0)
        return error_set(error, ERROR_USAGE, "unexpected argument \"%s\": see %s --help",
                         argument, table->program);
    const char *equals = strchr(argument, '=');
    size_t length = equals ? (size_t)(equals - argument - 2) : strlen(argument) - 2;
    const struct option *option = option_find(table, argument + 2, length);
    if (!option)
        return error_set(error, ERROR_USAGE, "unknown option \"%.*s\": see %s --help",
                         (int)length + 2, argument, table->program);
    if (option->type == OPTION_FLAG) {
        if (equals)
            return error_set(error, ERROR_USAGE, "--%s takes no value", option->name);
        return option_set(option, "on", target, error);
    }
    if (!equals && *at + 1 >= argc)
        return error_set(error, ERROR_USAGE, "--%s needs a value: %s", option->name,
                         option->value);
    return option_set(option, equals ? equals + 1 : argv[++*at], target, error);
}

int options_read(const struct option_table *table, int argc, char **argv, void *target,
                 bool *ret_help, struct error *error)
{
    *ret_help = false;
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            *ret_help = true;
            return 0;
        }
    }
    if (presets_apply(table, target, error) < 0)
        return -1;
    for (int i = 0; i < argc; i++) {
        if (flag_read(table, argc, argv, &i, target, error) < 0)
            return -1;
    }
    return 0;
}

/* Prints `prose` in lines of at most 76 columns behind six blanks. */
static void prose_print(const char *prose, FILE *out)
{
    size_t column = 0;
    for (const char *at = prose; *at;) {
        size_t length = strcspn(at, " ");
        if (column && column + 1 + length > 70) {
            fputc('\n', out);
            column = 0;
        }
        fprintf(out, "%s%.*s", column ? " " : "      ", (int)length, at);
        column += length + (column ? 1 : 0);
        at += length;
        at += strspn(at, " ");
    }
    fputc('\n', out);
}

static void option_print_help(const struct option_table *table, const struct option *option,
                              FILE *out)
{
    char least[OPTION_BOUND_SIZE], most[OPTION_BOUND_SIZE], variable[OPTION_VARIABLE_SIZE];
    fprintf(out, "  --%s", option->name);
    if (option->type != OPTION_FLAG)
        fprintf(out, " %s", option->value);
    if (option->preset)
        fprintf(out, "   (default: %s)", option->preset);
    fputc('\n', out);
    prose_print(option->prose, out);
    if (option_format_bounds(option, least, most))
        fprintf(out, "      From %s to %s.\n", least, most);
    if (option_format_variable(table, option, variable))
        fprintf(out, "      Environment: %s\n", variable);
}

void options_print_help(const struct option_table *table, FILE *out)
{
    fprintf(out, "usage: %s %s\n\n%s\n\nOptions:\n", table->program, table->synopsis,
            table->summary);
    for (size_t i = 0; i < table->count; i++)
        option_print_help(table, &table->options[i], out);
    fputs("  --help\n      Prints this text.\n", out);
    if (table->epilogue)
        fprintf(out, "\n%s\n", table->epilogue);
}
