/*
 * erasing: takes one key out of a bucket that keeps versions (P5).
 *
 * A DELETE there only hides the object under a marker. So the key's versions are listed and
 * deleted by their ids, the objects first and the markers last, so that what may not be deleted
 * stays hidden if it was. The key is done when a listing names nothing of it any more, and for
 * no other reason. Of what stays, the answer says how much, why and until when.
 *
 * A machine without I/O: it says what to send next, and is told what came of it.
 */
#ifndef FILES_S3_ERASING_H
#define FILES_S3_ERASING_H

#include "files/driver.h"
#include "files/s3/transfer.h"
#include "files/s3/versions.h"
#include "files/s3/xml.h"

/* Rounds of listing and deleting in one try: past these, somebody writes faster. */
#define S3_ERASING_ROUNDS_MAX 16

/* Versions that stay of which it is asked why, in one try. */
#define S3_ERASING_ASKED_MAX 16

/* Parameters of a call. */
#define S3_ERASING_PARAMETERS 5

/* When the last version that a lock holds is let go, as S3 writes it: "2030-01-01T00:00:00Z".
 */
#define S3_UNTIL_SIZE 40

enum s3_erasing_stage { S3_ERASING_LISTING, S3_ERASING_DELETING, S3_ERASING_ASKING };

struct s3_erasing {
    const char *prefix, *key; /* of the store; of the operation: borrowed */
    bool mfa;                 /* the bucket asks for a device's code */
    enum s3_erasing_stage stage;
    unsigned rounds;
    struct s3_versions found;
    const char *asked; /* the version that is asked about, in `found` */
    unsigned asked_count;
    bool refused;      /* a version was not deleted: `answer` says why */
    bool seen_markers; /* on an earlier page of this listing */
    bool markers_only; /* a whole listing named no object */
    size_t held;       /* versions under a legal hold */
    char until[S3_UNTIL_SIZE], mode[S3_UNTIL_SIZE]; /* "": no lock was seen */
    char full_key[S3_XML_KEY_SIZE];
    char key_marker[S3_DOCUMENT_TEXT_SIZE], version_marker[S3_VERSION_SIZE], page[8];
    struct files_answer answer; /* what is to be said of the key, at the end */
};

void s3_erasing_init(struct s3_erasing *erasing, const char *prefix, bool mfa);
void s3_erasing_deinit(struct s3_erasing *erasing);

/* Begins with `key`, whatever was before. */
void s3_erasing_begin(struct s3_erasing *erasing, const char *key);

/*
 * Fills the next call; `parameters` has room for S3_ERASING_PARAMETERS, `sent` takes a body of
 * ours. -1 without memory.
 */
int s3_erasing_call(struct s3_erasing *erasing, struct s3_call *call, struct buffer *sent);

/* The call ended with `result`. True if there is another one to send, else `answer` stands. */
bool s3_erasing_answered(struct s3_erasing *erasing, struct s3_transfer *transfer,
                         CURLcode result);

/* The call could not be sent: `answer` stands, of these words or of what is known already. */
void s3_erasing_give_up(struct s3_erasing *erasing, const char *code, const char *text);

#endif
