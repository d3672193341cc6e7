#include "failpoints/failpoints.h"

#include "failpoints/rules.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

/* All that is below the lock: rules count, and a file of rules may change between two passes.
 */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct failpoint_rules rules;
static const char *shared; /* FAILPOINTS_FILE; NULL: none */
static char seen[FAILPOINT_FILE_SIZE];

static void end(const char *words)
{
    dprintf(STDERR_FILENO, "failpoints: %s\n", words);
    _exit(EX_USAGE);
}

static void file_open(const char *path)
{
    struct stat status;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || fstat(file, &status) < 0 || status.st_size < FAILPOINT_FILE_SIZE)
        end("FAILPOINTS_FILE cannot be read, or is too short");
    shared = mmap(NULL, FAILPOINT_FILE_SIZE, PROT_READ, MAP_SHARED, file, 0);
    if (shared == MAP_FAILED)
        end("FAILPOINTS_FILE cannot be mapped");
    close(file);
}

/* Takes what the file says now; one that is being written is read again at the next pass. */
static int file_take(struct error *error)
{
    struct failpoint_rules read;
    if (memcmp(seen, shared, sizeof seen) == 0)
        return 0;
    memcpy(seen, shared, sizeof seen);
    char text[sizeof seen];
    memcpy(text, seen, sizeof text);
    text[sizeof text - 1] = '\0';
    if (failpoint_rules_parse(text, &read, error) < 0)
        return -1;
    rules = read;
    return 0;
}

/* "files/local/object.object_store.fsync"; the compiler is run beside the sources. */
static size_t name_write(const struct failpoint *point, char name[static FAILPOINT_NAME_SIZE])
{
    const char *file = strstr(point->file, "src/");
    file = file ? file + strlen("src/") : point->file;
    return (size_t)snprintf(name, FAILPOINT_NAME_SIZE, "%.*s.%s.%s",
                            (int)(strrchr(file, '.') ? strrchr(file, '.') - file : 0), file,
                            point->caller, point->callee);
}

/* What the linker makes of the section that the points are in. */
extern struct failpoint first_point[] __asm__("__start_failpoints");
extern struct failpoint last_point[] __asm__("__stop_failpoints");

static void points_list(void)
{
    for (const struct failpoint *point = first_point; point < last_point; point++) {
        char name[FAILPOINT_NAME_SIZE];
        if (point->file && name_write(point, name))
            puts(name);
    }
    fflush(stdout);
    _exit(EX_OK);
}

/* Before main: a program gives up the right to open files early on. */
__attribute__((constructor)) static void failpoints_start(void)
{
    struct error error = {0};
    const char *text = getenv("FAILPOINTS"), *path = getenv("FAILPOINTS_FILE");
    rules.random.state = 1;
    if (text && strcmp(text, "list") == 0)
        points_list();
    if (text && failpoint_rules_parse(text, &rules, &error) < 0)
        end(error.text);
    if (path)
        file_open(path);
    if (path && file_take(&error) < 0)
        end(error.text);
}

bool failpoint_pass(const struct failpoint *point, enum failpoint_side side)
{
    char name[FAILPOINT_NAME_SIZE];
    int code = errno;
    pthread_mutex_lock(&lock);
    if (shared)
        file_take(NULL);
    struct failpoint_effect effect = {0};
    if (rules.count) {
        size_t length = name_write(point, name);
        if (length < sizeof name)
            snprintf(name + length, sizeof name - length,
                     side == FAILPOINT_BEFORE ? ".before" : ".after");
        effect = failpoint_rules_pass(&rules, name);
    }
    pthread_mutex_unlock(&lock);
    if (effect.traces)
        dprintf(STDERR_FILENO, "failpoint %s\n", name);
    if (effect.delay_ms)
        nanosleep(&(struct timespec){.tv_sec = effect.delay_ms / 1000,
                                     .tv_nsec = effect.delay_ms % 1000 * 1000000},
                  NULL);
    if (effect.aborts) {
        dprintf(STDERR_FILENO, "failpoint %s killed\n", name);
        raise(SIGKILL);
    }
    errno = code;
    return effect.returns > 0;
}
