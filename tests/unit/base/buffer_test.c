#include "base/buffer.h"
#include "support/check.h"

#include <stdlib.h>
#include <string.h>

static void buffer__is_empty_at_first_and_after_it_was_freed(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 10);
    assert_null(buffer.bytes);
    assert_int_equal(buffer_append_text(&buffer, "abc"), 0);
    buffer_deinit(&buffer);
    assert_null(buffer.bytes);
    assert_int_equal(buffer.length, 0);
    assert_int_equal(buffer_append_text(&buffer, "0123456789"), 0);
    assert_int_equal(buffer_append_text(&buffer, "x"), -1);
    buffer_deinit(&buffer);
}

static void buffer__ends_in_a_nul_that_does_not_count(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 1000);
    assert_int_equal(buffer_append(&buffer, "a\0b", 3), 0);
    assert_int_equal(buffer.length, 3);
    assert_memory_equal(buffer.bytes, "a\0b", 4);
    assert_int_equal(buffer_append(&buffer, NULL, 0), 0);
    assert_int_equal(buffer.length, 3);
    assert_int_equal(buffer_printf(&buffer, "%d-%s", 7, "x"), 0);
    assert_memory_equal(buffer.bytes, "a\0b7-x", 7);
    buffer_deinit(&buffer);
}

static void buffer__with_nothing_appended_is_an_empty_text(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 0);
    assert_int_equal(buffer_append_text(&buffer, ""), 0);
    assert_string_equal(buffer.bytes, "");
    assert_int_equal(buffer_append_text(&buffer, "x"), -1);
    assert_int_equal(buffer_printf(&buffer, "%s", ""), 0);
    buffer_deinit(&buffer);
}

static void buffer__grows_up_to_its_limit_byte_by_byte(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 1000);
    for (int i = 0; i < 1000; i++) {
        char byte = (char)('a' + i % 26);
        assert_int_equal(buffer_append(&buffer, &byte, 1), 0);
        assert_int_equal(buffer.bytes[i + 1], '\0');
        assert_true(buffer.capacity > buffer.length && buffer.capacity <= 1001);
    }
    assert_int_equal(buffer_append(&buffer, "x", 1), -1);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(buffer.bytes[i], 'a' + i % 26);
    buffer_deinit(&buffer);
}

/* Each way to append, with one byte more than there is room for. */
static int overflow_append(struct buffer *buffer)
{
    return buffer_append(buffer, "12345678", 8);
}

static int overflow_text(struct buffer *buffer)
{
    return buffer_append_text(buffer, "12345678");
}

static int overflow_printf(struct buffer *buffer)
{
    return buffer_printf(buffer, "%d", 12345678);
}

static int overflow_json(struct buffer *buffer)
{
    return buffer_append_json_text(buffer, "123456");
}

static int overflow_escape(struct buffer *buffer)
{
    return buffer_append_json_text(buffer, "\x01");
}

static int overflow_reserve(struct buffer *buffer)
{
    return buffer_reserve(buffer, 11);
}

static void buffer__is_as_it_was_when_a_call_fails(void **state)
{
    (void)state;
    static int (*const overflows[])(struct buffer *) = {overflow_append, overflow_text,
                                                        overflow_printf, overflow_json,
                                                        overflow_escape, overflow_reserve};
    for (size_t i = 0; i < COUNT_OF(overflows); i++) {
        struct buffer buffer;
        buffer_init(&buffer, 10);
        assert_int_equal(buffer_append_text(&buffer, "abc"), 0);
        assert_int_equal(overflows[i](&buffer), -1);
        assert_int_equal(buffer.length, 3);
        assert_string_equal(buffer.bytes, "abc");
        assert_int_equal(buffer_append_text(&buffer, "1234567"), 0);
        assert_string_equal(buffer.bytes, "abc1234567");
        buffer_deinit(&buffer);
    }
}

static void buffer__does_not_overflow_on_huge_lengths(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 10);
    assert_int_equal(buffer_append_text(&buffer, "abc"), 0);
    assert_int_equal(buffer_append(&buffer, "x", SIZE_MAX), -1);
    assert_int_equal(buffer_append(&buffer, "x", SIZE_MAX - 2), -1);
    assert_int_equal(buffer_reserve(&buffer, SIZE_MAX), -1);
    assert_string_equal(buffer.bytes, "abc");
    buffer_deinit(&buffer);
}

static void buffer__reserved_room_does_not_move(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 5000);
    assert_int_equal(buffer_reserve(&buffer, 4000), 0);
    const char *place = buffer.bytes;
    for (int i = 0; i < 4000; i++)
        assert_int_equal(buffer_append(&buffer, "x", 1), 0);
    assert_ptr_equal(buffer.bytes, place);
    buffer_deinit(&buffer);
}

static void buffer__json_texts_are_escaped(void **state)
{
    (void)state;
    static const struct {
        const char *text, *json;
    } rows[] = {
        {"", "\"\""},
        {"plain", "\"plain\""},
        {"a\"b", "\"a\\\"b\""},
        {"a\\b", "\"a\\\\b\""},
        {"a\nb", "\"a\\nb\""},
        {"a\tb\r", "\"a\\u0009b\\u000d\""},
        {"\x01\x1f", "\"\\u0001\\u001f\""},
        {"\x7f", "\"\x7f\""},
        {"Zo\xc3\xab", "\"Zo\xc3\xab\""},
        {"</script>", "\"</script>\""},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct buffer buffer;
        buffer_init(&buffer, 100);
        assert_int_equal(buffer_append_json_text(&buffer, rows[i].text), 0);
        assert_string_equal(buffer.bytes, rows[i].json);
        buffer_deinit(&buffer);
    }
}

static void buffer__gives_its_bytes_away(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 10);
    assert_null(buffer_take(&buffer));
    assert_int_equal(buffer_append_text(&buffer, "abc"), 0);
    char *bytes = buffer_take(&buffer);
    assert_string_equal(bytes, "abc");
    assert_null(buffer.bytes);
    assert_int_equal(buffer_append_text(&buffer, "0123456789"), 0);
    assert_string_equal(bytes, "abc");
    free(bytes);
    buffer_deinit(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CHECK(buffer__is_empty_at_first_and_after_it_was_freed),
        CHECK(buffer__ends_in_a_nul_that_does_not_count),
        CHECK(buffer__with_nothing_appended_is_an_empty_text),
        CHECK(buffer__grows_up_to_its_limit_byte_by_byte),
        CHECK(buffer__is_as_it_was_when_a_call_fails),
        CHECK(buffer__does_not_overflow_on_huge_lengths),
        CHECK(buffer__reserved_room_does_not_move),
        CHECK(buffer__json_texts_are_escaped),
        CHECK(buffer__gives_its_bytes_away),
    };
    return cmocka_run_group_tests_name("base: buffer", tests, NULL, NULL);
}
