/*
 * The failpoints of whatever asks curl: the S3 driver, with the files that its credentials are
 * in, and the HTTP client.
 */
#ifndef FAILPOINTS_CALLS_CURL_H
#define FAILPOINTS_CALLS_CURL_H

#include "failpoints/failpoints.h"

#include <curl/curl.h>
#include <stdio.h>

/* curl has some of these as macros that count their arguments. */
#undef curl_easy_perform

#define curl_easy_cleanup(...) FAILPOINT_VOID(curl_easy_cleanup, __VA_ARGS__)
#define curl_global_init(...)                                                                  \
    FAILPOINT_MAKE(curl_global_init, CURLE_FAILED_INIT, 0, __VA_ARGS__)
#define curl_multi_add_handle(...)                                                             \
    FAILPOINT_MAKE(curl_multi_add_handle, CURLM_OUT_OF_MEMORY, 0, __VA_ARGS__)
#define curl_multi_cleanup(...)   FAILPOINT_DO(curl_multi_cleanup, __VA_ARGS__)
#define curl_multi_info_read(...) FAILPOINT_DO(curl_multi_info_read, __VA_ARGS__)
#define curl_multi_perform(...)                                                                \
    FAILPOINT_CALL(curl_multi_perform, CURLM_INTERNAL_ERROR, 0, __VA_ARGS__)
#define curl_multi_poll(...)                                                                   \
    FAILPOINT_CALL(curl_multi_poll, CURLM_OUT_OF_MEMORY, 0, __VA_ARGS__)
#define curl_multi_remove_handle(...) FAILPOINT_DO(curl_multi_remove_handle, __VA_ARGS__)
#define fclose(...)                   FAILPOINT_DO(fclose, __VA_ARGS__)
#define fgets(...)                    FAILPOINT_CALL(fgets, NULL, EIO, __VA_ARGS__)
#define fopen(...)                    FAILPOINT_MAKE(fopen, NULL, EMFILE, __VA_ARGS__)
#define fread(...)                    FAILPOINT_CALL(fread, 0, EIO, __VA_ARGS__)

#endif
