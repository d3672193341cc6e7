#include "files/s3/redirect.h"

#include <stdio.h>
#include <string.h>

/* "" if nobody told. */
static const char *region_of(const struct s3_transfer *transfer, const struct s3_error *error)
{
    struct curl_header *header = NULL;
    return curl_easy_header(transfer->easy, "x-amz-bucket-region", 0, CURLH_HEADER, -1,
                            &header) == CURLHE_OK
               ? header->value
               : error->region;
}

static void region_tell(struct files_answer *answer, const char *region)
{
    char text[FILES_TEXT_SIZE];
    snprintf(text, sizeof text, "the bucket is in region %.64s: set region= to it", region);
    files_answer_set(answer, answer->status, answer->code, text);
}

void s3_redirect_read(struct files_answer *answer, const struct s3_transfer *transfer,
                      int status)
{
    struct s3_error error = {0};
    const struct buffer *body = &transfer->received;
    s3_xml_read(body->bytes, body->length, &error, NULL, NULL);
    char text[FILES_TEXT_SIZE] = "the store points to another address: set endpoint=";
    if (error.endpoint[0])
        snprintf(text, sizeof text, "the bucket is at %.100s: set endpoint= to it",
                 error.endpoint);
    files_answer_set(answer, status, FILES_CODE_REDIRECT, text);
    const char *region = region_of(transfer, &error);
    if (*region)
        region_tell(answer, region);
}

/*
 * Amazon, MinIO and Garage say that a signature was made for another region with this code, and
 * with it also that a signature is malformed in other ways; only their words tell the two
 * apart.
 */
void s3_redirect_explain(struct files_answer *answer, const struct s3_transfer *transfer,
                         const struct s3_error *error)
{
    const char *region = region_of(transfer, error);
    bool is_about_it = strcmp(error->code, "AuthorizationHeaderMalformed") == 0 &&
                       (strstr(error->message, "region") || strstr(error->message, "scope"));
    if (*region &&
        (is_about_it || strcmp(error->code, "IllegalLocationConstraintException") == 0))
        region_tell(answer, region);
}
