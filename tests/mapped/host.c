/* SPDX-License-Identifier: MIT
 *
 * The steps of host.h.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness.h"
#include "host.h"

/* ---- images ---------------------------------------------------------------------------------- */

static void look_inside(struct image *image)
{
    if (image->handle == NULL)
        say("%s", dlerror());
    require(image->handle != NULL);
    image->m = dlsym(image->handle, "member");
    image->constructed = dlsym(image->handle, "constructed");
    require(image->m != NULL && image->constructed != NULL);
    image->ending = shared_memory(sizeof *image->ending);
    image->m->tell(image->ending);
}

void open_image_at(struct image *image, const char *path)
{
    *image = (struct image){.handle = dlopen(path, RTLD_NOW | RTLD_LOCAL)};
    snprintf(image->path, sizeof image->path, "%s", path);
    look_inside(image);
}

void open_image(struct image *image, const char *name)
{
    char path[PATH_MAX];
    open_image_at(image, harness_path(path, name));
}

void open_image_in_namespace(struct image *image, const char *name)
{
    *image = (struct image){.handle = NULL};
    harness_path(image->path, name);
#ifdef LM_ID_NEWLM
    image->handle = dlmopen(LM_ID_NEWLM, image->path, RTLD_NOW | RTLD_LOCAL);
#else
    skip("there is no dlmopen here");
#endif
    look_inside(image);
}

void close_image(struct image *image)
{
    require_eq(dlclose(image->handle), 0);
}

/* Opened early, because there may be no /proc later; anew in a child, whose map is another. By an
 * unusual name: for the usual one qemu-user makes up a file that stays as it is. */
static FILE *open_maps(void)
{
    static FILE *maps;
    static pid_t owner;
    if (owner != getpid())
        maps = fopen("/proc//self/maps", "re");
    owner = getpid();
    if (maps != NULL)
        rewind(maps);
    return maps;
}

bool is_mapped(const struct image *image)
{
    static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
    char line[PATH_MAX + 128];
    const char *name = image->path[0] == '.' ? image->path + 1 : image->path;
    bool found = false;
    pthread_mutex_lock(&one_at_a_time);
    FILE *maps = open_maps();
    require(maps != NULL);
    while (fgets(line, sizeof line, maps) != NULL)
        found |= strstr(line, name) != NULL;
    pthread_mutex_unlock(&one_at_a_time);
    return found;
}

void require_unmapped(const struct image *image)
{
    require_eq(is_mapped(image), WHERE_UNLOADED(false, true));
}

void require_gone(const struct image *image, fini_reason why, int thread)
{
    require_unmapped(image);
    if (WHERE_UNLOADED(false, true)) {
        require_stays(image);
        return;
    }
    require_eq(image->ending->count, 1);
    require_eq(image->ending->why, why);
    if (thread != 0)
        require_eq(image->ending->thread, thread);
}

void require_stays(const struct image *image)
{
    require(is_mapped(image));
    require_eq(image->ending->count, 0);
    require(image->m->error_text(FINI_OK)[0] == 's');
}

/* ---- threads --------------------------------------------------------------------------------- */

void in_thread(void *(*fn)(void *), void *arg)
{
    pthread_t thread;
    require_eq(pthread_create(&thread, NULL, fn, arg), 0);
    require_eq(pthread_join(thread, NULL), 0);
}

int thread_number(void)
{
    return (int)syscall(SYS_gettid);
}

/* ---- files ----------------------------------------------------------------------------------- */

static char stage_path[PATH_MAX / 2];
static pid_t stage_owner;

static void remove_stage(void)
{
    char command[PATH_MAX];
    snprintf(command, sizeof command, "rm -rf '%s'", stage_path);
    if (stage_owner == getpid() && system(command) != 0)
        perror("rm");
}

const char *stage(void)
{
    const char *dir = getenv("TMPDIR");
    if (stage_path[0] == '\0') {
        snprintf(stage_path, sizeof stage_path, "%s/fini-XXXXXX", dir != NULL ? dir : P_tmpdir);
        require(mkdtemp(stage_path) != NULL);
        stage_owner = getpid();
        atexit(remove_stage);
    }
    return stage_path;
}

char *copy_to_stage(char path[PATH_MAX], const char *name, const char *as)
{
    char from[PATH_MAX], command[3 * PATH_MAX];
    require(snprintf(path, PATH_MAX, "%s/%s", stage(), as) < PATH_MAX);
    unlink(path); /* the same file may still be mapped */
    snprintf(command, sizeof command, "cp '%s' '%s'", harness_path(from, name), path);
    require_eq(system(command), 0);
    return path;
}
