#include "base/random.h"
#include "support/check.h"

static void random__repeats_itself_from_its_seed(void **state)
{
    (void)state;
    struct random one = {.state = 7}, same = {.state = 7}, other = {.state = 8};
    int differing = 0;
    for (int i = 0; i < 100; i++) {
        uint64_t drawn = random_next(&one);
        assert_true(drawn == random_next(&same));
        differing += drawn != random_next(&other);
    }
    assert_int_equal(differing, 100);
}

/* The first values of SplitMix64 from 0, as its authors' reference gives them. */
static void random__is_splitmix64(void **state)
{
    (void)state;
    struct random random = {0};
    assert_true(random_next(&random) == UINT64_C(0xe220a8397b1dcdaf));
    assert_true(random_next(&random) == UINT64_C(0x6e789e6aa1b965f4));
    assert_true(random_next(&random) == UINT64_C(0x06c45d188009454f));
}

static void random__below_a_bound_stays_below_it(void **state)
{
    (void)state;
    static const uint64_t bounds[] = {
        1, 2, 3, 7, 1000, UINT64_C(1) << 32, (UINT64_C(1) << 63) + 1, UINT64_MAX};
    struct random random = {.state = 1};
    assert_true(random_below(&random, 0) == 0);
    for (size_t i = 0; i < COUNT_OF(bounds); i++) {
        for (int draw = 0; draw < 1000; draw++)
            assert_true(random_below(&random, bounds[i]) < bounds[i]);
    }
}

static void random__below_a_bound_is_even(void **state)
{
    (void)state;
    struct random random = {.state = 42};
    int counts[6] = {0};
    for (int draw = 0; draw < 60000; draw++)
        counts[random_below(&random, 6)]++;
    for (int face = 0; face < 6; face++)
        assert_in_range(counts[face], 9500, 10500);
    /* Of 3/4 of the whole range: taking the remainder alone would draw the low third twice. */
    uint64_t bound = UINT64_C(3) << 62;
    int low = 0;
    for (int draw = 0; draw < 30000; draw++)
        low += random_below(&random, bound) < bound / 3;
    assert_in_range(low, 9500, 10500);
}

static void random__fills_every_byte_and_no_other(void **state)
{
    (void)state;
    unsigned char bytes[66] = {0}, seen[64] = {0};
    for (int i = 0; i < 20; i++) {
        random_fill(bytes + 1, 64);
        for (int at = 0; at < 64; at++)
            seen[at] |= bytes[at + 1];
    }
    for (int at = 0; at < 64; at++)
        assert_int_not_equal(seen[at], 0);
    assert_int_equal(bytes[0] | bytes[65], 0);
    random_fill(bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CHECK(random__repeats_itself_from_its_seed),  CHECK(random__is_splitmix64),
        CHECK(random__below_a_bound_stays_below_it),  CHECK(random__below_a_bound_is_even),
        CHECK(random__fills_every_byte_and_no_other),
    };
    return cmocka_run_group_tests_name("base: random", tests, NULL, NULL);
}
