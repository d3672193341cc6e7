/*
 * build: whether sanitizers are in this build. They open files, ask for memory and stop threads
 * in ways that the programs themselves never do.
 */
#ifndef SANDBOX_BUILD_H
#define SANDBOX_BUILD_H

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANDBOX_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANDBOX_SANITIZED 1
#endif
#endif

#ifndef SANDBOX_SANITIZED
#define SANDBOX_SANITIZED 0
#endif

#endif
