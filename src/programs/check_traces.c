#include "programs/check_traces.h"

#include "files/driver.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

void check_traces_note(struct check_traces *traces, const char *url)
{
    static const char scheme[] = "file://";
    static const char *const below[CHECK_TRACES] = {"/" FILES_AVATAR_PREFIX,
                                                    "/" FILES_TEMPORARY_PREFIX, "/"};
    char path[PATH_MAX];
    *traces = (struct check_traces){0};
    if (strncmp(url, scheme, sizeof scheme - 1) != 0 ||
        files_url_decode(url + sizeof scheme - 1, strlen(url + sizeof scheme - 1), path,
                         sizeof path) < 0)
        return;
    for (size_t i = 0; i < CHECK_TRACES; i++) {
        int length = snprintf(traces->paths[i], PATH_MAX, "%s%s", path, below[i]);
        if (length < 0 || length >= PATH_MAX)
            traces->paths[i][0] = '\0';
        traces->were_there[i] = access(traces->paths[i], F_OK) == 0;
    }
}

void check_traces_remove(const struct check_traces *traces)
{
    for (size_t i = 0; i < CHECK_TRACES; i++) {
        if (traces->paths[i][0] && !traces->were_there[i])
            rmdir(traces->paths[i]);
    }
}
