/*
 * limits: every bound of users-service that is not an option, named in one place.
 */
#ifndef CONFIG_LIMITS_H
#define CONFIG_LIMITS_H

/* HTTP. Bytes, but for counts and times. */
#define LIMIT_HEAD_BYTES          (36 * 1024) /* request line and headers, and the reply's */
#define LIMIT_JSON_BODY_BYTES     (64 * 1024)
#define LIMIT_CONNECTIONS         2048
#define LIMIT_FILES               (2 * LIMIT_CONNECTIONS + 1024) /* open at once, if allowed */
#define LIMIT_WATCHER_TIMEOUT_MS  20000 /* patience with clients of the job's own listener */
#define LIMIT_CLIENT_BYTES_S      (32 * 1024) /* the slowest that a client may send or take */
#define LIMIT_REPLY_BYTES         (64L * 1024 * 1024)
#define LIMIT_PAGE_ITEMS          1000
#define LIMIT_PAGE_ITEMS_PRESET   100
#define LIMIT_JSON_DEPTH          32
#define LIMIT_AVATAR_OPTION_BYTES (64L * 1024 * 1024)

/* What a scrape of all metrics can come to: see metrics/table.c. */
#define LIMIT_METRICS_BYTES (1024 * 1024)

/* Operations that wait for a thread; one more is answered 503. */
#define LIMIT_STORE_MAILBOX   1024
#define LIMIT_LOOKUPS_MAILBOX 1024
#define LIMIT_FILES_MAILBOX   1024
#define LIMIT_ENGINE_MAILBOX  8192

/*
 * Images in memory at once, on their way in and out: what would need more is answered 503, and
 * a body is then not read. With them the service stays below LIMIT_MEMORY_BYTES while 1,000
 * clients are connected, whatever they send and however slowly.
 */
#define LIMIT_UPLOAD_BYTES   (128L * 1024 * 1024)
#define LIMIT_DOWNLOAD_BYTES LIMIT_AVATAR_OPTION_BYTES
#define LIMIT_MEMORY_BYTES   (320L * 1024 * 1024)

/* Answers longer than a page of a hundred users, on their way to whoever asked, all together.
 */
#define LIMIT_LONG_REPLY_BYTES   (64 * 1024)
#define LIMIT_LONG_REPLIES_BYTES (32L * 1024 * 1024)

/* For so long after a refusal for want of room, and so patient then with who holds some. */
#define LIMIT_CROWDED_MS          10000
#define LIMIT_CROWDED_PATIENCE_MS 5000

/* What an image may ask of whoever shows it. Beyond, it is refused. */
#define LIMIT_IMAGE_PIXELS        25000000 /* width times height */
#define LIMIT_IMAGE_SIDE          10000
#define LIMIT_IMAGE_FRAMES        1000
#define LIMIT_IMAGE_SCANS         100
#define LIMIT_IMAGE_PROFILE_BYTES 65519 /* a longer colour profile is dropped */

/* The sweep's bounds: see the contract. */
#define LIMIT_SWEEP_ITEMS             10000
#define LIMIT_SWEEP_ITEMS_PRESET      1000
#define LIMIT_SWEEP_TIMEOUT_MS        300000
#define LIMIT_SWEEP_TIMEOUT_LEAST_MS  1000
#define LIMIT_SWEEP_TIMEOUT_PRESET_MS 25000

/*
 * Between two looks for what other replicas have finished, while somebody waits for it: where
 * only they finish anything, and where the one that waits mostly does it itself.
 */
#define LIMIT_WATCH_API_MS    20
#define LIMIT_WATCH_SHARED_MS 200

/* A token file: longer is no token. */
#define LIMIT_TOKEN_BYTES 4096

#endif
