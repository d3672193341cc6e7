/*
 * check: cmocka, with what its header wants before it, and what most tests need.
 */
#ifndef SUPPORT_CHECK_H
#define SUPPORT_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/* A test that needs nothing before it and leaves nothing behind. */
#define CHECK(function) cmocka_unit_test(function)

#endif
