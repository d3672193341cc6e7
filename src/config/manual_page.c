#include "config/manual.h"

#include <ctype.h>
#include <string.h>

/* Of a line of the source; mandoc wants no longer ones. */
#define COLUMNS 78

/* How a character stands for itself: a hyphen that can be copied, no quote that is turned.
 * NULL: as it is. */
static const char *escape_of(char c)
{
    static const char plain[] = "\\-'`^~";
    static const char *const escapes[] = {"\\e", "\\-", "\\(aq", "\\(ga", "\\(ha", "\\(ti"};
    const char *found = c ? strchr(plain, c) : NULL;
    return found ? escapes[found - plain] : NULL;
}

static void character_print(char c, FILE *out)
{
    const char *escape = escape_of(c);
    if (escape)
        fputs(escape, out);
    else
        fputc(c, out);
}

static void words_print(const char *text, size_t length, FILE *out)
{
    /* A full stop at the beginning would be a request to the formatter. */
    if (length && *text == '.')
        fputs("\\&", out);
    for (size_t i = 0; i < length; i++)
        character_print(text[i], out);
}

static void bold_print(const char *text, FILE *out)
{
    fputs("\\fB", out);
    words_print(text, strlen(text), out);
    fputs("\\fR", out);
}

/* How many bytes a word is as it is written. */
static size_t words_width(const char *text, size_t length)
{
    size_t width = 0;
    for (size_t i = 0; i < length; i++) {
        const char *escape = escape_of(text[i]);
        width += escape ? strlen(escape) : 1;
    }
    return width;
}

/* Prose is filled by whoever shows it; here a sentence begins a line, and no line is long. */
static void prose_print(const char *text, size_t length, FILE *out)
{
    size_t column = 0;
    bool ended = false;
    for (size_t at = strspn(text, " \n"); at < length; at += strspn(text + at, " \n")) {
        size_t word = strcspn(text + at, " \n");
        word = word < length - at ? word : length - at;
        size_t width = words_width(text + at, word);
        if (column && (ended || column + 1 + width > COLUMNS)) {
            fputc('\n', out);
            column = 0;
        } else if (column) {
            fputc(' ', out);
            column++;
        }
        words_print(text + at, word, out);
        column += width;
        ended = text[at + word - 1] == '.' || text[at + word - 1] == '?';
        at += word;
    }
    fputc('\n', out);
}

/* Lines that stay as they are. */
static void lines_print(const char *text, size_t length, FILE *out)
{
    fputs(".nf\n", out);
    for (size_t at = 0; at < length;) {
        size_t line = strcspn(text + at, "\n");
        line = line < length - at ? line : length - at;
        words_print(text + at, line, out);
        fputc('\n', out);
        at += line + 1;
    }
    fputs(".fi\n", out);
}

/* Paragraphs lie between empty lines; one with a line that is set in is a table. */
static void paragraphs_print(const char *text, FILE *out)
{
    for (bool first = true; *text; first = false) {
        const char *end = strstr(text, "\n\n"), *inset = strstr(text, "\n  ");
        size_t length = end ? (size_t)(end - text) : strlen(text);
        if (!first)
            fputs(".PP\n", out);
        if (inset && inset < text + length)
            lines_print(text, length, out);
        else
            prose_print(text, length, out);
        text += length;
        text += strspn(text, "\n");
    }
}

static void synopsis_print(const struct option_table *table, FILE *out)
{
    const char *line = table->synopsis;
    bool first = true;
    fputs(".nf\n", out);
    while (*line) {
        size_t length = strcspn(line, "\n"), name = strlen(table->program);
        bool named = !first && strncmp(line, table->program, name) == 0;
        bold_print(table->program, out);
        fputc(' ', out);
        size_t from = named ? name + 1 : 0;
        words_print(line + from, length - from, out);
        fputc('\n', out);
        line += length;
        line += strspn(line, "\n ");
        first = false;
    }
    fputs(".fi\n", out);
}

static void option_print(const struct option_table *table, const struct option *option,
                         FILE *out)
{
    char least[OPTION_BOUND_SIZE], most[OPTION_BOUND_SIZE], variable[OPTION_VARIABLE_SIZE];
    fputs(".TP\n\\fB\\-\\-", out);
    words_print(option->name, strlen(option->name), out);
    fputs("\\fR", out);
    if (option->type != OPTION_FLAG) {
        fputs(" \\fI", out);
        words_print(option->value, strlen(option->value), out);
        fputs("\\fR", out);
    }
    fputc('\n', out);
    prose_print(option->prose, strlen(option->prose), out);
    if (option_format_bounds(option, least, most))
        fprintf(out, "From %s to %s.\n", least, most);
    if (option->preset) {
        fputs("Default: ", out);
        words_print(option->preset, strlen(option->preset), out);
        fputs(".\n", out);
    }
    if (option_format_variable(table, option, variable))
        fprintf(out, "Environment: %s.\n", variable);
}

static void options_print(const struct option_table *table, FILE *out)
{
    for (size_t i = 0; i < table->count; i++)
        option_print(table, &table->options[i], out);
    fputs(".TP\n\\fB\\-\\-help\\fR\nPrints all of this in short.\n", out);
}

static void word_print(const struct manual *manual, const struct manual_word *word, FILE *out)
{
    fputs(".SS ", out);
    words_print(manual->program, strlen(manual->program), out);
    fputc(' ', out);
    words_print(word->words, strlen(word->words), out);
    fputc('\n', out);
    synopsis_print(word->table, out);
    fputs(".PP\n", out);
    prose_print(word->table->summary, strlen(word->table->summary), out);
    options_print(word->table, out);
    if (word->table->epilogue) {
        fputs(".PP\n", out);
        paragraphs_print(word->table->epilogue, out);
    }
}

static void title_print(const struct manual *manual, const char *date, FILE *out)
{
    fputs(".TH ", out);
    for (const char *at = manual->program; *at; at++)
        character_print((char)toupper((unsigned char)*at), out);
    fprintf(out, " 8 %s \"%s %s\" \"System Administration\"\n", date, manual->program,
            manual->version);
    fputs(".SH NAME\n", out);
    words_print(manual->program, strlen(manual->program), out);
    fputs(" \\- ", out);
    words_print(manual->purpose, strlen(manual->purpose), out);
    fputs("\n.SH SYNOPSIS\n", out);
}

/* Words that only name what the program does without one have no text of their own. */
static bool word_is_new(const struct manual *manual, const struct manual_word *word)
{
    return word->table != manual->words[0].table;
}

void manual_print_page(const struct manual *manual, const char *date, FILE *out)
{
    const struct option_table *whole = manual->words[0].table;
    title_print(manual, date, out);
    synopsis_print(whole, out);
    fputs(".SH DESCRIPTION\n", out);
    prose_print(whole->summary, strlen(whole->summary), out);
    fputs(".SH OPTIONS\n", out);
    fputs("A flag wins over its environment variable, which wins over the default.\n", out);
    options_print(whole, out);
    fputs(".SH COMMANDS\n", out);
    for (size_t i = 1; i < manual->count; i++) {
        if (word_is_new(manual, &manual->words[i]))
            word_print(manual, &manual->words[i], out);
    }
    if (whole->epilogue) {
        fputs(".SH EXIT STATUS\n", out);
        paragraphs_print(whole->epilogue, out);
    }
    fputs(".SH SEE ALSO\n", out);
    words_print(manual->see_also, strlen(manual->see_also), out);
    fputc('\n', out);
}
