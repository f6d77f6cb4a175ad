/* SPDX-License-Identifier: MIT
 *
 * The steps of host.h.
 */
#include "host.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "harness.h"

void (*report)(void *value, fini_reason why) = say_value;

static const char *const reasons[] = {"running", "unload", "unload at exit", "exit", "thread exit"};

void say_value(void *value, fini_reason why)
{
    say("%s: %s", (const char *)value, reasons[why]);
}

static void pass_on(void *value, fini_reason why)
{
    report(value, why);
}

void open_image(struct image *image, const char *name)
{
    image->handle = dlopen(harness_path(image->path, name), RTLD_NOW | RTLD_LOCAL);
    if (image->handle == NULL)
        say("%s", dlerror());
    require(image->handle != NULL);
    image->p = dlsym(image->handle, "plugin");
    require(image->p != NULL);
    image->p->report_to(pass_on);
}

bool is_mapped(const struct image *image)
{
    char line[PATH_MAX + 128];
    bool found = false;
    FILE *maps = fopen("/proc/self/maps", "re");
    require(maps != NULL);
    while (fgets(line, sizeof line, maps) != NULL)
        found |= strstr(line, image->path) != NULL;
    fclose(maps);
    return found;
}

void close_image(struct image *image)
{
    require_eq(dlclose(image->handle), 0);
    require_eq(is_mapped(image), WHERE_UNLOADED(false, true));
}

static void *be_guest(void *arg)
{
    struct guest *guest = arg;
    guest->first(guest->arg);
    sem_post(&guest->ready);
    while (sem_wait(&guest->leave) != 0)
        ;
    if (guest->last)
        guest->last(guest->arg);
    return NULL;
}

void guest_starts(struct guest *guest)
{
    sem_init(&guest->ready, 0, 0);
    sem_init(&guest->leave, 0, 0);
    require_eq(pthread_create(&guest->thread, NULL, be_guest, guest), 0);
    while (sem_wait(&guest->ready) != 0)
        ;
}

void guest_ends(struct guest *guest)
{
    sem_post(&guest->leave);
    require_eq(pthread_join(guest->thread, NULL), 0);
}

void in_thread(void (*fn)(void *arg), void *arg)
{
    struct guest guest = {.first = fn, .arg = arg};
    guest_starts(&guest);
    guest_ends(&guest);
}
