#include "programs/whole_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

int whole_file_open(struct whole_file *file, const char *path, struct error *error)
{
    if (snprintf(file->path, sizeof file->path, "%s", path) >= (int)sizeof file->path ||
        snprintf(file->partial, sizeof file->partial, "%s.part-%ld", path, (long)getpid()) >=
            (int)sizeof file->partial)
        return error_set(error, ERROR_CONFIG, "the path of the file is too long");
    int handle = open(file->partial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    file->out = handle < 0 ? NULL : fdopen(handle, "w");
    if (file->out)
        return 0;
    error_set_errno(error, ERROR_CONFIG, errno, "cannot make %s", file->partial);
    if (handle >= 0) {
        close(handle);
        unlink(file->partial);
    }
    return -1;
}

static int folder_sync(const char *path)
{
    char copy[PATH_MAX];
    memccpy(copy, path, '\0', sizeof copy);
    int folder = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return -1;
    int result = fsync(folder);
    close(folder);
    return result;
}

int whole_file_keep(struct whole_file *file, struct error *error)
{
    bool written = fflush(file->out) == 0 && fsync(fileno(file->out)) == 0;
    written = fclose(file->out) == 0 && written;
    file->out = NULL;
    if (written && rename(file->partial, file->path) == 0 && folder_sync(file->path) == 0)
        return 0;
    error_set_errno(error, ERROR_IO, errno, "cannot write %s", file->path);
    unlink(file->partial);
    return -1;
}

void whole_file_drop(struct whole_file *file)
{
    fclose(file->out);
    file->out = NULL;
    unlink(file->partial);
}
