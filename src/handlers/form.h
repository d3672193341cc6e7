/*
 * form: a body of multipart/form-data (RFC 7578) with the parts "user" and "avatar".
 */
#ifndef HANDLERS_FORM_H
#define HANDLERS_FORM_H

#include "base/buffer.h"
#include "http/request.h"

struct form {
    struct buffer user;   /* JSON */
    struct buffer avatar; /* an image; empty: there was no such part */
    bool has_user, has_avatar;
    const char *fault; /* what is wrong with the form; NULL: nothing */
    int status;        /* of the reply that says so, if it is not 400; 0: it is */
};

/* True if the request says that its body is a form. */
bool form_is_sent(const struct request *request);

/* Reads the body; false, with a reply, if it is no such form. Free it with form_deinit anyway.
 */
bool form_read(struct request *request, size_t avatar_limit, struct form *ret_form);
void form_deinit(struct form *form);

#endif
