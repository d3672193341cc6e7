/*
 * spec: the text that says what goes wrong (see faulty.h).
 */
#ifndef FILES_FAULTY_SPEC_H
#define FILES_FAULTY_SPEC_H

#include "files/files.h"

enum faulty_verb { FAULTY_PUT, FAULTY_GET, FAULTY_DELETE, FAULTY_IDENTITY, FAULTY_VERBS };

/* What can happen to an operation of one verb. Probabilities from 0 to 1. */
struct faulty_rule {
    int64_t latency_ms;
    double fail, hang, lost;
    int status; /* of a failure */
    char code[FILES_CODE_SIZE];
};

struct faulty_spec {
    struct faulty_rule rules[FAULTY_VERBS];
    uint64_t seed;
};

/* Returns 0, or -1 with ERROR_USAGE. */
int faulty_spec_parse(const char *text, struct faulty_spec *ret_spec, struct error *error);

#endif
