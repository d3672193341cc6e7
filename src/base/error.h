/*
 * error: what went wrong, carried from where it happened to the one place that logs or answers
 * it.
 *
 * A function that can fail returns 0, or -1 with the error filled in. The text is one line that
 * says what is wrong and what to do; a caller adds its own context in front with error_wrap.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

enum error_class {
    ERROR_NONE = 0,
    ERROR_USAGE,       /* the command line is wrong: exit 64 */
    ERROR_CONFIG,      /* what was configured cannot work: exit 78 */
    ERROR_UNAVAILABLE, /* something needed does not answer now: exit 69, HTTP 503 */
    ERROR_INVALID,     /* the input is wrong and will stay wrong */
    ERROR_NO_MEMORY,
    ERROR_IO,       /* a read, write or sync failed */
    ERROR_INTERNAL, /* a promise that the code makes to itself was broken */
};

/* Longest text of an error, in bytes, with its end; longer ones are cut. */
#define ERROR_TEXT_SIZE 320

struct error {
    enum error_class class;
    char text[ERROR_TEXT_SIZE];
};

/* Fills `error` (NULL is allowed) from a printf format; returns -1, so that it can be returned.
 */
int error_set(struct error *error, enum error_class class, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "context: " in front of the text of `error`; returns -1. */
int error_wrap(struct error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* error_set for a failed system call: appends ": " and the words for the errno value `code`. */
int error_set_errno(struct error *error, enum error_class class, int code, const char *format,
                    ...) __attribute__((format(printf, 4, 5)));

/*
 * The class of a failed system call: ERROR_UNAVAILABLE for what passes without anybody's doing
 * (a lack of memory, files, space; a disk that failed once), ERROR_CONFIG for what a person has
 * to change.
 */
enum error_class error_class_of(int code);

/* The exit code (sysexits) of a program that ends with `error`. */
int error_exit_code(const struct error *error);

#endif
