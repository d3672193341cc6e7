/*
 * renewal: asks for credentials that are given for a time, and asks again before it is over.
 *
 * It runs on the driver's own curl multi handle, so nobody waits for it but requests that have
 * no credentials at all yet. While a renewal fails the old credentials stay in use, expired or
 * not: the store has the last word on them.
 */
#ifndef FILES_S3_RENEWAL_H
#define FILES_S3_RENEWAL_H

#include "files/files.h"
#include "files/s3/source.h"

#include <curl/curl.h>

/* Asked again this long before the end, or at half time if that is later. */
#define S3_RENEWAL_AHEAD_MS ((int64_t)15 * 60 * 1000)

/* After a failure: doubled each time up to the second. Also the least time between two. */
#define S3_RENEWAL_PAUSE_MS     1000
#define S3_RENEWAL_PAUSE_MS_MAX 60000

/* Of one call; the machine's service answers at once or is not there. */
#define S3_RENEWAL_TIMEOUT_MS         5000
#define S3_RENEWAL_CONNECT_MS         2000
#define S3_RENEWAL_METADATA_WITHIN_MS 1000

/* Longest answer that is read, in bytes: Ceph's and Amazon's have 2 to 5 thousand. */
#define S3_RENEWAL_ANSWER_BYTES_MAX ((size_t)64 << 10)

/* Our code for "there is nobody who would give credentials". */
#define S3_CODE_NO_CREDENTIALS "no-credentials"

enum s3_renewal_state {
    S3_RENEWAL_READY,  /* there are credentials */
    S3_RENEWAL_ASKING, /* there are none yet: wait */
    S3_RENEWAL_FAILED, /* there are none, and `why` says why */
};

struct s3_renewal;

/*
 * Finds the source and fills `credentials`, at once or when they are given; both `credentials`
 * and `multi` outlive it. `trusted`: a file of certificates, or NULL.
 */
int s3_renewal_open(CURLM *multi, const char *region, const char *trusted,
                    struct s3_credentials *credentials, struct s3_renewal **ret_renewal,
                    struct error *error);

/* NULL is allowed. */
void s3_renewal_close(struct s3_renewal *renewal);

/* Asks if it is time to. `now`: boot-time clock. */
void s3_renewal_advance(struct s3_renewal *renewal, int64_t now);

/* When it wants to be advanced next; INT64_MAX: never, or curl will say. */
int64_t s3_renewal_due(const struct s3_renewal *renewal);

/* Takes a transfer that ended; false if it is not one of its own. */
bool s3_renewal_take(struct s3_renewal *renewal, CURL *easy, CURLcode result);

/* The store refused the credentials themselves: they are asked for, or read, anew soon. */
void s3_renewal_hasten(struct s3_renewal *renewal, int64_t now);

/* True if `answer` refuses the credentials themselves. */
bool s3_renewal_concerns(const struct files_answer *answer);

/* For S3_RENEWAL_FAILED, `*ret_why` is what to answer. */
enum s3_renewal_state s3_renewal_state(const struct s3_renewal *renewal,
                                       struct files_answer *ret_why);

#endif
