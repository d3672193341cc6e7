#include "digest.h"

#include <openssl/evp.h>

static const EVP_MD *md5, *sha256;

bool digest_init(void)
{
    /* Held until the process ends: looking them up for each request costs more than they do. */
    md5 = EVP_MD_fetch(NULL, "MD5", NULL);
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    return md5 && sha256;
}

static void hex_write(const unsigned char *digest, unsigned length, char *text)
{
    static const char digits[] = "0123456789abcdef";
    for (unsigned i = 0; i < length; i++) {
        *text++ = digits[digest[i] >> 4];
        *text++ = digits[digest[i] & 15];
    }
    *text = '\0';
}

static bool hex_make(const EVP_MD *algorithm, const void *bytes, size_t length, char *ret_text)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    if (EVP_Digest(bytes, length, digest, &size, algorithm, NULL) != 1)
        return false;
    hex_write(digest, size, ret_text);
    return true;
}

bool digest_md5_hex(const void *bytes, size_t length, char ret_text[static MD5_HEX_SIZE])
{
    return hex_make(md5, bytes, length, ret_text);
}

bool digest_sha256_hex(const void *bytes, size_t length, char ret_text[static SHA256_HEX_SIZE])
{
    return hex_make(sha256, bytes, length, ret_text);
}

bool digest_md5_base64(const void *bytes, size_t length, char ret_text[static MD5_BASE64_SIZE])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    if (EVP_Digest(bytes, length, digest, &size, md5, NULL) != 1)
        return false;
    EVP_EncodeBlock((unsigned char *)ret_text, digest, (int)size);
    return true;
}
