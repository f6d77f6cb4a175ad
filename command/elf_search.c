/* SPDX-License-Identifier: MIT
 *
 * elf_search.c - see elf_search.h. $LIB and $PLATFORM are not known here.
 */
#include "elf_search.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bytes.h"

struct search {
    const char *origin_of, *name;
    bool (*try)(void *context, const char *path);
    void *context;
};

/* One folder, in which $ORIGIN is where the file is that asks. */
static bool try_folder(const struct search *s, const char *folder, size_t length)
{
    char path[PATH_MAX];
    static const char *const words[] = {"$ORIGIN", "${ORIGIN}"};
    for (size_t i = 0; i < 2; i++) {
        size_t skip = strlen(words[i]);
        if (length < skip || strncmp(folder, words[i], skip) != 0)
            continue;
        const char *end = strrchr(s->origin_of, '/');
        int own = end ? (int)(end - s->origin_of) : 1;
        snprintf(path, sizeof path, "%.*s%.*s/%s", own, end ? s->origin_of : ".",
                 (int)(length - skip), folder + skip, s->name);
        return s->try(s->context, path);
    }
    snprintf(path, sizeof path, "%.*s/%s", (int)length, length ? folder : ".", s->name);
    return s->try(s->context, path);
}

static bool try_folders(const struct search *s, const char *list)
{
    while (list && *list) {
        size_t length = strcspn(list, ":;");
        if (length < PATH_MAX / 2 && try_folder(s, list, length))
            return true;
        list += length + (list[length] != '\0');
    }
    return false;
}

static const char *string_of(const struct elf_view *view, int64_t tag)
{
    uint64_t at;
    return elf_view_tag(view, tag, &at) && at < view->strings_size ? view->strings + at : NULL;
}

/* glibc, sysdeps/generic/dl-cache.h: 48 bytes, the last of them unused, then entries of 24: flags,
 * the name, the path; the rest says for which processors. Before that an older form may stand,
 * which ldconfig wrote, too, until glibc 2.32. Offsets count from where this one begins. */
static bool try_entries(const struct search *s, const struct bytes *cache)
{
    uint32_t count = bytes_u32(cache, 20);
    for (uint64_t i = 0; i < count && bytes_has(cache, 48 + i * 24, 24); i++) {
        const char *name = bytes_name(cache, bytes_u32(cache, 48 + i * 24 + 4));
        if (!name || strcmp(name, s->name) != 0)
            continue;
        const char *path = bytes_name(cache, bytes_u32(cache, 48 + i * 24 + 8));
        if (path && s->try(s->context, path))
            return true;
    }
    return false;
}

static struct bytes map_cache(int fd)
{
    struct stat info;
    if (fstat(fd, &info) < 0 || info.st_size <= 48)
        return (struct bytes){NULL, 0, false};
    size_t size = (size_t)info.st_size;
    unsigned char *data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0), *start = NULL;
    if (data != MAP_FAILED)
        start = memmem(data, size, "glibc-ld.so.cache1.1", 20);
    return (struct bytes){start, start ? size - (size_t)(start - data) : 0, false};
}

static const struct bytes *open_cache(void)
{
    static struct bytes cache;
    int fd = cache.data ? -1 : open("/etc/ld.so.cache", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return &cache;
    cache = map_cache(fd);
    close(fd);
    return &cache;
}

/* RPATH is ignored where there is RUNPATH; else it serves for all that is loaded because of it. */
static bool try_rpaths(struct search s, const struct elf_seeker *from)
{
    if (string_of(from->view, DT_RUNPATH))
        return false;
    for (; from; from = from->loader) {
        s.origin_of = from->path;
        if (!string_of(from->view, DT_RUNPATH) && try_folders(&s, string_of(from->view, DT_RPATH)))
            return true;
    }
    return false;
}

void elf_search(const struct elf_seeker *from, const char *name,
                bool (*try)(void *context, const char *path), void *context)
{
    struct search s = {from->path, name, try, context};
    if (strchr(name, '/')) {
        try(context, name);
        return;
    }
    if (try_rpaths(s, from) || try_folders(&s, getenv("LD_LIBRARY_PATH")) ||
        try_folders(&s, string_of(from->view, DT_RUNPATH)) || try_entries(&s, open_cache()))
        return;
    try_folders(&s, "/lib/x86_64-linux-gnu:/usr/lib/x86_64-linux-gnu:/lib64:/usr/lib64:/lib:"
                    "/usr/lib");
}
