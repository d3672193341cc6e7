/*
 * page_files: the files of the status page, as web/embed.py wrote them at build time.
 */
#ifndef HANDLERS_PAGE_FILES_H
#define HANDLERS_PAGE_FILES_H

#include <stddef.h>

struct page_file {
    const char *name;
    const char *type;
    const char *tag; /* an entity tag, of the content */
    const unsigned char *bytes;
    size_t length;
};

extern const struct page_file page_files[];
extern const size_t page_file_count;

#endif
