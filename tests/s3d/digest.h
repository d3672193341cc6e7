/*
 * digest: the checksums that S3 requests carry.
 */
#ifndef S3D_DIGEST_H
#define S3D_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

#define MD5_HEX_SIZE    33
#define MD5_BASE64_SIZE 25
#define SHA256_HEX_SIZE 65

/* Looks the algorithms up once, before any thread asks; false if the library has none. */
bool digest_init(void);

bool digest_md5_hex(const void *bytes, size_t length, char ret_text[static MD5_HEX_SIZE]);
bool digest_md5_base64(const void *bytes, size_t length, char ret_text[static MD5_BASE64_SIZE]);
bool digest_sha256_hex(const void *bytes, size_t length, char ret_text[static SHA256_HEX_SIZE]);

#endif
