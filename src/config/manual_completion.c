#include "config/manual.h"

#include <string.h>

/* "users-service" as a function's name: _users_service. */
static void function_name_print(const struct manual *manual, FILE *out)
{
    fputc('_', out);
    for (const char *at = manual->program; *at; at++)
        fputc(*at == '-' ? '_' : *at, out);
}

static bool value_is_file(const struct option *option)
{
    return option->value &&
           (strcmp(option->value, "FILE") == 0 || strcmp(option->value, "PATH") == 0 ||
            strcmp(option->value, "PROGRAM") == 0);
}

/* True if a table before this one has an option of this name: it is completed like that one. */
static bool option_is_known(const struct manual *manual, size_t word, const char *name)
{
    for (size_t i = 0; i < word; i++) {
        const struct option_table *table = manual->words[i].table;
        for (size_t j = 0; j < table->count; j++) {
            if (strcmp(table->options[j].name, name) == 0)
                return true;
        }
    }
    return false;
}

static void choices_print(const char *choices, FILE *out)
{
    for (const char *at = choices; *at; at++)
        fputc(*at == '|' ? ' ' : *at, out);
}

/* What may follow an option. */
static void value_print(const struct option *option, FILE *out)
{
    const char *choices = option->type == OPTION_SWITCH ? "on|off" : option->choices;
    if (option->type == OPTION_FLAG)
        return;
    fprintf(out, "    --%s)\n", option->name);
    if (choices) {
        fputs("        mapfile -t COMPREPLY < <(compgen -W '", out);
        choices_print(choices, out);
        fputs("' -- \"$current\")\n", out);
    } else if (value_is_file(option)) {
        fputs("        mapfile -t COMPREPLY < <(compgen -f -- \"$current\")\n"
              "        compopt -o filenames 2>/dev/null\n",
              out);
    }
    fputs("        return 0\n        ;;\n", out);
}

static void values_print(const struct manual *manual, FILE *out)
{
    fputs("    case $option in\n", out);
    for (size_t i = 0; i < manual->count; i++) {
        const struct option_table *table = manual->words[i].table;
        for (size_t j = 0; j < table->count; j++) {
            if (!option_is_known(manual, i, table->options[j].name))
                value_print(&table->options[j], out);
        }
    }
    fputs("    esac\n", out);
}

static void names_print(const struct option_table *table, FILE *out)
{
    for (size_t i = 0; table && i < table->count; i++)
        fprintf(out, "--%s ", table->options[i].name);
}

/* The options of each word; those of the program itself are for all else. */
static void options_print(const struct manual *manual, FILE *out)
{
    fputs("    case $words in\n", out);
    for (size_t i = manual->count; i-- > 0;) {
        const struct manual_word *word = &manual->words[i];
        if (i)
            fprintf(out, "    '%s '*)", word->words);
        else
            fputs("    *)", out);
        fputs(" options='", out);
        names_print(word->table, out);
        names_print(word->also, out);
        fputs("--help' ;;\n", out);
    }
    fputs("    esac\n", out);
}

/* The next word of each whose words so far are those on the line. */
static void next_words_print(const struct manual *manual, FILE *out)
{
    fputs("    for name in", out);
    for (size_t i = 1; i < manual->count; i++)
        fprintf(out, " '%s'", manual->words[i].words);
    fputs("; do\n"
          "        if [[ $name == \"$words\"* ]]; then\n"
          "            name=${name#\"$words\"}\n"
          "            name=${name%% *}\n"
          "            [[ \" $options \" == *\" $name \"* ]] || options+=\" $name\"\n"
          "        fi\n"
          "    done\n",
          out);
}

void manual_print_completion(const struct manual *manual, FILE *out)
{
    fprintf(out, "# Completion of %s in bash, made from its table of options.\n",
            manual->program);
    function_name_print(manual, out);
    fputs("()\n"
          "{\n"
          "    local current=${COMP_WORDS[COMP_CWORD]} option='' words='' options='' name\n"
          "    local before=(\"${COMP_WORDS[@]:1:COMP_CWORD-1}\")\n"
          "    COMPREPLY=()\n"
          "    ((!${#before[@]})) || option=${before[-1]}\n"
          "    # --name=value is three words here.\n"
          "    if [[ $current == '=' ]]; then\n"
          "        current=''\n"
          "    elif [[ $option == '=' && ${#before[@]} -gt 1 ]]; then\n"
          "        option=${before[-2]}\n"
          "    fi\n"
          "    for name in \"${before[@]}\"; do\n"
          "        # No word comes after an option.\n"
          "        if [[ $name == -* ]]; then\n"
          "            words+=' '\n"
          "            break\n"
          "        fi\n"
          "        words+=\"$name \"\n"
          "    done\n",
          out);
    values_print(manual, out);
    options_print(manual, out);
    next_words_print(manual, out);
    fputs("    mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$current\")\n"
          "}\n"
          "complete -F ",
          out);
    function_name_print(manual, out);
    fprintf(out, " %s\n", manual->program);
}
