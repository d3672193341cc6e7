#include "handlers/trend.h"

int trend_init(struct trend *trend)
{
    trend->first = trend->count = 0;
    return pthread_mutex_init(&trend->lock, NULL) == 0 ? 0 : -1;
}

void trend_deinit(struct trend *trend)
{
    pthread_mutex_destroy(&trend->lock);
}

void trend_add(struct trend *trend, const struct trend_point *point)
{
    pthread_mutex_lock(&trend->lock);
    if (trend->count < TREND_POINTS) {
        trend->points[trend->count++] = *point;
    } else {
        trend->points[trend->first] = *point;
        trend->first = (trend->first + 1) % TREND_POINTS;
    }
    pthread_mutex_unlock(&trend->lock);
}

static const struct trend_point *point_at(const struct trend *trend, size_t place)
{
    return &trend->points[(trend->first + place) % TREND_POINTS];
}

size_t trend_copy(struct trend *trend, struct trend_point *ret_points)
{
    pthread_mutex_lock(&trend->lock);
    size_t count = trend->count;
    for (size_t i = 0; i < count; i++)
        ret_points[i] = *point_at(trend, i);
    pthread_mutex_unlock(&trend->lock);
    return count;
}

int64_t trend_rate(struct trend *trend, const struct trend_point *now)
{
    int64_t rate = 0;
    pthread_mutex_lock(&trend->lock);
    for (size_t i = trend->count; i > 0; i--) {
        const struct trend_point *then = point_at(trend, i - 1);
        int64_t passed_ms = now->boot_ms - then->boot_ms;
        if (passed_ms > 0)
            rate = (now->done - then->done) * 1000 * 1000000 / passed_ms;
        if (passed_ms >= TREND_RATE_MS)
            break;
    }
    pthread_mutex_unlock(&trend->lock);
    return rate;
}

int64_t trend_time_to_clean(int64_t pending, int64_t rate)
{
    if (pending == 0)
        return 0;
    return rate > 0 ? pending * 1000 * 1000000 / rate : -1;
}
