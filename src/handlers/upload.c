#include "handlers/upload.h"

#include "config/limits.h"
#include "users/image.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

bool upload_enter(struct request *request)
{
    struct service *service = request_context(request);
    if (atomic_fetch_add(&service->images, 1) < LIMIT_IMAGES)
        return true;
    upload_leave(service);
    request_reply_unavailable(request, "too many images are under way; try again");
    return false;
}

void upload_leave(struct service *service)
{
    atomic_fetch_sub(&service->images, 1);
}

static int sha256_format(const unsigned char *bytes, size_t length,
                         char text[static SHA256_TEXT_SIZE])
{
    unsigned char digest[32];
    if (EVP_Digest(bytes, length, digest, NULL, EVP_sha256(), NULL) != 1)
        return -1;
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    return 0;
}

/* Whether the bytes are an image that is taken; a reply if not. */
static bool image_admit(struct request *request, const unsigned char *bytes, size_t length,
                        const char **ret_content_type)
{
    switch (image_inspect(bytes, length, ret_content_type)) {
    case IMAGE_GOOD:
        return true;
    case IMAGE_UNKNOWN:
        request_reply_error(request, 415, "this is no image: send a PNG, JPEG, WebP or GIF");
        return false;
    case IMAGE_DAMAGED:
        break;
    }
    request_reply_error(request, 422, "the image (%s) is damaged or cut short",
                        *ret_content_type);
    return false;
}

bool upload_describe(struct request *request, const unsigned char *bytes, size_t length,
                     struct avatar *avatar)
{
    struct service *service = request_context(request);
    struct runtime_status status;
    const char *content_type = "";
    char id[UUID_TEXT_SIZE];
    if (!image_admit(request, bytes, length, &content_type))
        return false;
    runtime_status_get(service->runtime, &status);
    if (!status.takes_uploads) {
        request_reply_unavailable(request, "images cannot be stored now; try again");
        return false;
    }
    uuid_generate(id);
    snprintf(avatar->key, sizeof avatar->key, FILES_AVATAR_PREFIX "%s", id);
    snprintf(avatar->content_type, sizeof avatar->content_type, "%s", content_type);
    memcpy(avatar->store_id, status.store_id, UUID_TEXT_SIZE);
    avatar->bytes = (int64_t)length;
    if (sha256_format(bytes, length, avatar->sha256) == 0)
        return true;
    request_reply_error(request, 500, "the image cannot be hashed");
    return false;
}
