/* SPDX-License-Identifier: MIT
 *
 * trace_images.c - images by their addresses, in time. Names of functions come from the files, so
 * that they are known when the image has gone.
 */
#include "trace_images.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent.h"
#include "demangle.h"
#include "regular.h"

enum { NEEDED_MOST = 1000 };

static int no_debug_data(Dwfl_Module *module, void **data, const char *name, Dwarf_Addr base,
                         const char *file, const char *link, GElf_Word crc, char **ret)
{
    (void)module, (void)data, (void)name, (void)base, (void)file, (void)link, (void)crc, (void)ret;
    return -1;
}

static int no_file(Dwfl_Module *module, void **data, const char *name, Dwarf_Addr base,
                   char **file, Elf **elf)
{
    (void)module, (void)data, (void)name, (void)base, (void)file, (void)elf;
    return -1;
}

static const Dwfl_Callbacks callbacks = {.find_elf = no_file, .find_debuginfo = no_debug_data,
                                         .section_address = dwfl_offline_section_address};

/* A copy of the string at *at, which moves behind it. */
static char *next_string(const char **at, const char *end)
{
    size_t length = strnlen(*at, (size_t)(end - *at));
    char *copy = strndup(*at, length);
    *at += length < (size_t)(end - *at) ? length + 1 : length;
    return copy;
}

/* No more than can be: the text may be of zero bytes. */
static char **strings(const char *at, const char *end)
{
    size_t count = 0, most = 1;
    for (const char *c = at; c < end && most < NEEDED_MOST; c++)
        most += *c == '\0';
    char **list = calloc(most + 1, sizeof *list);
    while (list && at < end && count < most)
        list[count++] = next_string(&at, end);
    return list;
}

static const char *place_of(const struct loaded *image)
{
    return image->file ? image->file : image->path;
}

/* By the folder that the program is in now: it may have gone there from ours. */
static void find_file(struct loaded *image, pid_t process)
{
    char link[40], folder[PATH_MAX];
    snprintf(link, sizeof link, "/proc/%d/cwd", process);
    ssize_t length = image->path[0] != '/' && strchr(image->path, '/') ?
                     readlink(link, folder, sizeof folder - 1) : -1;
    folder[length > 0 ? length : 0] = '\0';
    if (length > 0 && asprintf(&image->file, "%s/%s", folder, image->path) < 0)
        image->file = NULL;
}

const char *images_file(const struct loaded *image)
{
    struct stat now;
    bool same = stat(place_of(image), &now) == 0 && S_ISREG(now.st_mode) &&
                now.st_ino == image->inode && agent_changed(&now) == image->changed;
    return same ? place_of(image) : "";
}

int images_add(struct images *images, const struct loaded *image, pid_t process, const char *text,
               size_t length)
{
    const char *at = text, *end = text + length;
    if (images->count == images->room) {
        size_t room = images->room ? images->room * 2 : 64;
        struct loaded *list = realloc(images->list, room * sizeof *list);
        images->list = list ? list : images->list;
        int *live = realloc(images->live, room * sizeof *live);
        images->live = live ? live : images->live;
        if (!list || !live)
            return -1;
        images->room = room;
    }
    struct loaded *new = &images->list[images->count];
    *new = *image;
    new->path = next_string(&at, end);
    new->soname = next_string(&at, end);
    new->needed = strings(at, end);
    if (!new->path || !new->soname || !new->needed)
        return -1;
    find_file(new, process);
    images->live[images->live_count++] = (int)images->count;
    return (int)images->count++;
}

void images_gone(struct images *images, int image, uint64_t when)
{
    size_t kept = 0;
    images->list[image].until = when;
    for (size_t i = 0; i < images->live_count; i++)
        if (images->live[i] != image)
            images->live[kept++] = images->live[i];
    images->live_count = kept;
}

static bool holds(const struct loaded *image, uint64_t address)
{
    return address - image->begin < image->end - image->begin;
}

int images_at(const struct images *images, uint64_t address)
{
    for (size_t i = images->live_count; i-- > 0;)
        if (holds(&images->list[images->live[i]], address))
            return images->live[i];
    return -1;
}

int images_gone_at(const struct images *images, uint64_t address)
{
    if (images_at(images, address) >= 0)
        return -1;
    for (size_t i = images->count; i-- > images->first;)
        if (images->list[i].until && holds(&images->list[i], address))
            return (int)i;
    return -1;
}

int images_of_map(const struct images *images, uint64_t map)
{
    for (size_t i = images->live_count; i-- > 0;)
        if (images->list[images->live[i]].map == map)
            return images->live[i];
    return -1;
}

const char *images_short(const struct loaded *image)
{
    const char *end = strrchr(image->path, '/');
    return end && end[1] ? end + 1 : image->path;
}

static bool is_named(const struct loaded *image, const char *name)
{
    if (strcmp(image->path, name) == 0 || strcmp(image->soname, name) == 0)
        return true;
    return !strchr(name, '/') && strcmp(images_short(image), name) == 0;
}

/* The program may have another current folder, so a path that is not whole is compared as it is. */
int images_named(const struct images *images, const char *name)
{
    char real[PATH_MAX], own[PATH_MAX];
    if (!*name)
        return images->count > images->first ? (int)images->first : -1;
    for (size_t i = images->live_count; i-- > 0;)
        if (is_named(&images->list[images->live[i]], name))
            return images->live[i];
    if (*name != '/' || !realpath(name, real))
        return -1;
    for (size_t i = images->live_count; i-- > 0;)
        if (realpath(place_of(&images->list[images->live[i]]), own) && strcmp(own, real) == 0)
            return images->live[i];
    return -1;
}

bool images_needs(const struct loaded *who, const struct loaded *what)
{
    for (char **name = who->needed; *name; name++)
        if (strcmp(*name, what->soname) == 0 || strcmp(*name, images_short(what)) == 0)
            return true;
    return false;
}

static void free_image(struct loaded *image)
{
    for (char **name = image->needed; *name; name++)
        free(*name);
    free(image->needed);
    free(image->path);
    free(image->soname);
    free(image->file);
    if (image->symbols)
        dwfl_end(image->symbols);
}

void images_free(struct images *images)
{
    for (size_t i = 0; i < images->count; i++)
        free_image(&images->list[i]);
    free(images->list);
    free(images->live);
}

struct place images_place(const struct images *images, uint64_t address)
{
    int image = images_at(images, address);
    return (struct place){image >= 0 ? image : images_gone_at(images, address), address};
}

static void open_symbols(struct loaded *image)
{
    const char *file = images_file(image);
    image->symbols = dwfl_begin(&callbacks);
    if (!image->symbols)
        return;
    int fd = *file ? regular_open(file) : -1;
    dwfl_report_begin(image->symbols);
    if (fd >= 0 &&
        !dwfl_report_elf(image->symbols, image->path, file, fd, image->begin, false))
        close(fd);
    dwfl_report_end(image->symbols, NULL, NULL);
}

/* Its file laid out from where an image began: of all loads of a file one has it open. */
static struct loaded *with_symbols(struct images *images, struct loaded *image)
{
    for (struct loaded *other = image; other >= images->list; other--)
        if (other->symbols && other->inode == image->inode && other->changed == image->changed &&
            strcmp(place_of(other), place_of(image)) == 0)
            return other;
    open_symbols(image);
    return image;
}

static const char *symbol_at(struct images *images, struct loaded *image, uint64_t address)
{
    struct loaded *source = with_symbols(images, image);
    uint64_t there = address - image->begin + source->begin;
    Dwfl_Module *module = source->symbols ? dwfl_addrmodule(source->symbols, there) : NULL;
    GElf_Off offset;
    GElf_Sym symbol;
    return module ? dwfl_module_addrinfo(module, there, &offset, &symbol, NULL, NULL, NULL) :
           NULL;
}

void images_name(struct images *images, struct place place, char *ret, size_t size)
{
    char plain[256];
    struct loaded *image = place.image >= 0 ? &images->list[place.image] : NULL;
    const char *symbol = image ? symbol_at(images, image, place.address) : NULL;
    if (!image) {
        snprintf(ret, size, "%#llx", (unsigned long long)place.address);
        return;
    }
    if (!symbol) {
        snprintf(ret, size, "%s+%#llx", images_short(image),
                 (unsigned long long)(place.address - image->begin));
        return;
    }
    demangle(symbol, plain, sizeof plain);
    snprintf(ret, size, "%s of %s", plain, images_short(image));
}
