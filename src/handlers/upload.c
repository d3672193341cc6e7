#include "handlers/upload.h"

#include "config/limits.h"
#include "handlers/fields.h"
#include "images/image.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

int upload_digest(const void *bytes, size_t length, char text[static SHA256_TEXT_SIZE])
{
    unsigned char digest[32];
    if (EVP_Digest(bytes, length, digest, NULL, EVP_sha256(), NULL) != 1)
        return -1;
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    return 0;
}

/* Replies with what is wrong with an image that is not taken. */
static void image_refuse(struct request *request, enum image_verdict verdict,
                         const struct image *image)
{
    switch (verdict) {
    case IMAGE_UNKNOWN:
        request_reply_error(request, 415, "this is no image: send a PNG, JPEG, WebP or GIF");
        return;
    case IMAGE_TOO_LARGE:
        request_reply_error(request, 413,
                            "the image (%s) %s: at most %d in all, %d a side, %d frames, %d "
                            "scans",
                            image->content_type, image->fault, LIMIT_IMAGE_PIXELS,
                            LIMIT_IMAGE_SIDE, LIMIT_IMAGE_FRAMES, LIMIT_IMAGE_SCANS);
        return;
    case IMAGE_DAMAGED:
        request_reply_error(request, 422, "the image (%s) %s", image->content_type,
                            image->fault);
        return;
    default:
        request_reply_unavailable(request, "out of memory; try again");
    }
}

static bool avatar_describe(struct request *request, const unsigned char *bytes, size_t length,
                            const struct image *image, struct avatar *avatar)
{
    struct service *service = request_context(request);
    struct runtime_status status;
    char id[UUID_TEXT_SIZE];
    runtime_status_get(service->runtime, &status);
    if (!status.takes_uploads) {
        request_reply_unavailable(request, "images cannot be stored now; try again");
        return false;
    }
    uuid_generate(id);
    snprintf(avatar->key, sizeof avatar->key, FILES_AVATAR_PREFIX "%s", id);
    snprintf(avatar->content_type, sizeof avatar->content_type, "%s", image->content_type);
    memcpy(avatar->store_id, status.store_id, UUID_TEXT_SIZE);
    avatar->bytes = (int64_t)length;
    if (upload_digest(bytes, length, avatar->sha256) == 0)
        return true;
    request_reply_error(request, 500, "the image cannot be hashed");
    return false;
}

bool upload_clean(struct request *request, unsigned char *bytes, size_t length,
                  struct avatar *avatar, char ret_sent[SHA256_TEXT_SIZE])
{
    struct image image;
    if (ret_sent && upload_digest(bytes, length, ret_sent) < 0) {
        request_reply_error(request, 500, "the image cannot be hashed");
        return false;
    }
    enum image_verdict verdict = image_clean(bytes, &length, &image);
    if (verdict == IMAGE_CLEAN)
        return avatar_describe(request, bytes, length, &image, avatar);
    image_refuse(request, verdict, &image);
    return false;
}

int upload_add_fault(unsigned char *bytes, size_t length, json_t *faults)
{
    struct image image;
    switch (image_clean(bytes, &length, &image)) {
    case IMAGE_CLEAN:
        return 0;
    case IMAGE_UNKNOWN:
        return fields_add_fault(faults, "avatar", "must be ", "a PNG, JPEG, WebP or GIF");
    case IMAGE_NO_MEMORY:
        return -1;
    default:
        return fields_add_fault(faults, "avatar", "the image ", image.fault);
    }
}
