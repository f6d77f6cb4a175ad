/* SPDX-License-Identifier: MIT
 *
 * Keepsakes on the real loader: who finds them, and for how long.
 *
 * Leaves to others: errors and limits (tests/unit), many threads at once (stress.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "filter.h"
#include "harness.h"
#include "host.h"

static struct image image, other;

static void put(const struct image *by, const char *name, const char *text)
{
    require_eq(by->m->keep_put(name, text, strlen(text) + 1), FINI_OK);
}

/* The text, or "-" where there is none. */
static const char *got(const struct image *by, const char *name)
{
    static char text[64];
    size_t size = sizeof text;
    int error = by->m->keep_get(name, text, &size);
    require(error == FINI_OK || error == FINI_ENOENT);
    return error == FINI_OK ? text : "-";
}

#define require_got(by, name, expected) require(strcmp(got(by, name), expected) == 0)

/* ---- who finds them -------------------------------------------------------------------------- */

CASE(survive_a_reload)
{
    open_image(&image, "member.so");
    require_got(&image, "name", "-");
    put(&image, "name", "data");
    close_image(&image);
    require_gone(&image, FINI_UNLOAD, 0);
    open_image(&image, "member.so");
    require_got(&image, "name", "data");
    put(&image, "name", "new data");
    close_image(&image);
    open_image(&image, "member.so");
    require_got(&image, "name", "new data");
}

CASE(found_by_another_image)
{
    open_image(&image, "member.so");
    put(&image, "name", "data");
    close_image(&image);
    open_image(&other, "other.so");
    require_got(&other, "name", "data");
    require_eq(other.m->keep_put("name", NULL, 0), FINI_OK);
    open_image(&image, "member.so");
    require_got(&image, "name", "-");
}

/* Built from a libfini with another version, other structs and other code. */
CASE(found_by_another_version)
{
    open_image(&image, "member.so");
    put(&image, "name", "data");
    close_image(&image);
    open_image(&other, "newer.so");
    require(strcmp(other.m->error_text(FINI_OK), "success of the newer") == 0);
    require_got(&other, "name", "data");
    put(&other, "back", "from the newer");
    close_image(&other);
    open_image(&image, "member.so");
    require_got(&image, "back", "from the newer");
    require_eq(image.m->generation(), GENERATION(3));
}

/* Also when the namespace, with its libc, has gone. */
CASE(found_in_every_namespace)
{
    open_image(&image, "member.so");
    put(&image, "name", "data");
    open_image_in_namespace(&other, "member.so");
    require_got(&other, "name", "data");
    require_eq(other.m->generation(), 2);
    put(&other, "name", "from a namespace");
    close_image(&other);
    require_eq(other.ending->count, 1);
    require_got(&image, "name", "from a namespace");
}

CASE(put_in_a_namespace_alone)
{
    open_image_in_namespace(&other, "member.so");
    put(&other, "name", "data");
    close_image(&other);
    require_gone(&other, FINI_UNLOAD, 0);
    open_image(&image, "member.so");
    require_got(&image, "name", "data");
}

static const struct image *putting;

static void put_in_hook(void)
{
    put(putting, "last words", "bye");
}

CASE(put_in_a_hook, .unloads = true)
{
    putting = &image;
    open_image(&image, "member.so");
    image.m->in_hook(put_in_hook);
    close_image(&image);
    require_gone(&image, FINI_UNLOAD, 0);
    open_image(&image, "member.so");
    require_got(&image, "last words", "bye");
}

CASE(put_in_a_destructor, .unloads = true)
{
    putting = &image;
    open_image(&image, "fini-last.so");
    image.m->in_destructor(put_in_hook);
    close_image(&image);
    require_gone(&image, FINI_UNLOAD, 0);
    open_image(&image, "member.so");
    require_got(&image, "last words", "bye");
}

/* ---- fork and exec --------------------------------------------------------------------------- */

static void change_in_child(void *arg)
{
    (void)arg;
    require_got(&image, "name", "data");
    put(&image, "name", "child's");
    put(&image, "new", "child's");
    require_eq(image.m->keep_put("other", NULL, 0), FINI_OK);
    require_got(&image, "name", "child's");
    close_image(&image);
    open_image(&image, "member.so");
    require_got(&image, "name", "child's");
}

CASE(a_child_has_a_copy)
{
    open_image(&image, "member.so");
    put(&image, "name", "data");
    put(&image, "other", "data");
    in_sound_child(change_in_child, NULL);
    require_got(&image, "name", "data");
    require_got(&image, "new", "-");
    require_got(&image, "other", "data");
}

static void look_late(void *arg)
{
    atomic_int *changed = arg;
    while (!atomic_load(changed))
        nap(1000);
    require_got(&image, "name", "data");
}

CASE(a_child_does_not_see_later_changes)
{
    atomic_int *changed = shared_memory(sizeof *changed);
    open_image(&image, "member.so");
    put(&image, "name", "data");
    pid_t child = fork();
    if (child == 0) {
        look_late(changed);
        _exit(0);
    }
    put(&image, "name", "parent's");
    atomic_store(changed, 1);
    require_eq(wait_for_child(child), 0);
}

static atomic_int stop;

static void *put_for_ever(void *arg)
{
    static char many[3000];
    for (unsigned n = 0; !atomic_load(&stop); n++) {
        memset(many, 'a' + (int)(n % 26), sizeof many);
        require_eq(image.m->keep_put("busy", many, 1 + n % sizeof many), FINI_OK);
        if (n % 3 == 0)
            require_eq(image.m->keep_put("busy", NULL, 0), FINI_OK);
    }
    return arg;
}

/* All of one letter: not a mixture. */
static void require_one_letter(void)
{
    char many[3000];
    size_t size = sizeof many;
    if (image.m->keep_get("busy", many, &size) != FINI_OK)
        return;
    for (size_t n = 0; n < size; n++)
        require_eq(many[n], many[0]);
}

static void use_in_child(void)
{
    alarm(5); /* a lock that nobody drops */
    require_one_letter();
    put(&image, "mine", "x");
    require_got(&image, "mine", "x");
    require_got(&image, "before", "data");
    put(&image, "busy", "x");
    require_got(&image, "busy", "x");
    _exit(0);
}

CASE(fork_while_another_thread_puts, .slow = true, .timeout = 30)
{
    pthread_t thread;
    open_image(&image, "member.so");
    put(&image, "before", "data");
    require_eq(pthread_create(&thread, NULL, put_for_ever, NULL), 0);
    for (int n = 0; n < 300; n++) {
        pid_t child = fork();
        if (child == 0)
            use_in_child();
        require_one_letter();
        require_eq(wait_for_child(child), 0);
    }
    atomic_store(&stop, 1);
    pthread_join(thread, NULL);
}

/* The child counts for itself: whatever its parent was doing, there is room for exactly as many. */
static void fill_in_child(void)
{
    char name[16];
    int room = 0;
    alarm(5);
    for (int error = FINI_OK; error == FINI_OK; room += error == FINI_OK) {
        snprintf(name, sizeof name, "more %d", room);
        error = image.m->keep_put(name, "x", 1);
        require(error == FINI_OK || error == FINI_EAGAIN);
    }
    size_t size = 0;
    bool busy = image.m->keep_get("busy", NULL, &size) == FINI_ERANGE;
    require_eq(room + busy, 1024 - 1);
    _exit(0);
}

CASE(bound_in_a_child, .slow = true, .timeout = 30)
{
    pthread_t thread;
    open_image(&image, "member.so");
    put(&image, "before", "data");
    require_eq(pthread_create(&thread, NULL, put_for_ever, NULL), 0);
    for (int n = 0; n < 40; n++) {
        pid_t child = fork();
        if (child == 0)
            fill_in_child();
        require_eq(wait_for_child(child), 0);
    }
    atomic_store(&stop, 1);
    pthread_join(thread, NULL);
}

static void become_reader(void *arg)
{
    char program[PATH_MAX], library[PATH_MAX];
    (void)arg;
    open_image(&image, "member.so");
    put(&image, "name", "data");
    setenv("LD_PRELOAD", harness_path(library, "member.so"), 1);
    execl(harness_path(program, "preload-host"), "preload-host", "--case", "no_keepsake",
          (char *)NULL);
    _exit(127);
}

CASE(gone_after_exec, .expect = "done\n")
{
    in_sound_child(become_reader, NULL);
}

/* ---- nothing but memory ---------------------------------------------------------------------- */

#define KILL_AT(call) FILTER_CALL(call, FILTER_KILL_PROCESS)

#ifndef SYS_openat2 /* Linux 5.6 */
#define SYS_openat2 437
#endif

/* Whatever opens, makes or names a file, or shares memory with other processes. */
static int forbid_files(void)
{
    struct filter_step steps[] = {
        FILTER_BEGIN,
#ifdef SYS_open /* newer processors have only those with "at" */
        KILL_AT(SYS_open), KILL_AT(SYS_creat), KILL_AT(SYS_mknod), KILL_AT(SYS_link),
        KILL_AT(SYS_rename), KILL_AT(SYS_symlink), KILL_AT(SYS_mkdir), KILL_AT(SYS_stat),
        KILL_AT(SYS_readlink), KILL_AT(SYS_access),
#endif
        KILL_AT(SYS_openat), KILL_AT(SYS_openat2), KILL_AT(SYS_memfd_create), KILL_AT(SYS_mknodat),
        KILL_AT(SYS_linkat), KILL_AT(SYS_symlinkat), KILL_AT(SYS_mkdirat), KILL_AT(SYS_shmget),
        KILL_AT(SYS_shmat), KILL_AT(SYS_mq_open), KILL_AT(SYS_socket), KILL_AT(SYS_readlinkat),
        KILL_AT(SYS_faccessat), KILL_AT(SYS_pipe2), KILL_AT(SYS_eventfd2),
        FILTER_END,
    };
    return filter_calls(steps, sizeof steps / sizeof *steps);
}

enum { CANNOT_FILTER = 3 };

/* The other image stays open, the first is closed before: the second copy of it is open already,
 * from another path. */
static void keep_without_files(void *opens)
{
    open_image(&image, "member.so");
    open_image(&other, "other.so");
    if (forbid_files() != 0)
        _exit(CANNOT_FILTER);
    put(&image, "name", "data");
    close_image(&image);
    require_got(&other, "name", "data");
    put(&other, "name", "new data");
    require_got(&other, "name", "new data");
    require_eq(other.m->generation(), 1);
    require_eq(other.m->keep_put("name", NULL, 0), FINI_OK);
    if (opens)
        open("/dev/null", O_RDONLY);
    _exit(0);
}

CASE(no_file_is_opened)
{
    char opens[] = "the control";
    int status = in_child(keep_without_files, NULL, 8);
    if (WIFEXITED(status) && WEXITSTATUS(status) == CANNOT_FILTER)
        skip("system calls cannot be filtered here");
    require_eq(status, 0);
    status = in_child(keep_without_files, opens, 8);
    require(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}

static void keep_at_the_limit(void *arg)
{
    static char much[FINI_KEEP_SIZE_MOST];
    const struct rlimit least = {.rlim_cur = 4096, .rlim_max = RLIM_INFINITY};
    const struct rlimit most = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
    (void)arg;
    open_image(&image, "member.so");
    put(&image, "name", "data");
    require_eq(setrlimit(RLIMIT_AS, &least), 0);
    require_eq(image.m->keep_put("name", much, sizeof much), FINI_ENOMEM);
    require_eq(image.m->keep_put("name", "x", 1), FINI_ENOMEM);
    require_eq(image.m->keep_put("new", "x", 1), FINI_ENOMEM);
    require_got(&image, "name", "data");
    require_got(&image, "new", "-");
    require_eq(setrlimit(RLIMIT_AS, &most), 0);
    require_eq(image.m->keep_put("name", much, sizeof much), FINI_OK);
    require_got(&image, "new", "-");
}

CASE(put_without_memory)
{
    in_sound_child(keep_at_the_limit, NULL);
}

/* ---- generations ----------------------------------------------------------------------------- */

static void require_generation(const char *path, unsigned expected)
{
    open_image_at(&image, path);
    require_eq(image.m->generation(), expected);
    require_eq(image.constructed->generation, expected);
    close_image(&image);
    require_gone(&image, FINI_UNLOAD, 0);
}

static char member_path[PATH_MAX], path[PATH_MAX];

CASE(generations_of_reloads)
{
    harness_path(member_path, "member.so");
    for (unsigned n = 1; n <= 10; n++)
        require_generation(member_path, GENERATION(n));
}

CASE(generations_of_overlapped_reloads)
{
    struct image old;
    char name[32];
    open_image_at(&image, copy_to_stage(path, "member.so", "v0.so"));
    for (unsigned n = 1; n <= 5; n++) {
        require_eq(image.m->generation(), n);
        old = image;
        snprintf(name, sizeof name, "v%u.so", n);
        open_image_at(&image, copy_to_stage(path, "member.so", name));
        require_eq(old.m->generation(), n);
        close_image(&old);
    }
    require_eq(image.m->generation(), 6);
}

/* Opened again while it is there: no load. */
CASE(generation_of_one_load)
{
    struct image same;
    open_image(&image, "member.so");
    open_image(&same, "member.so");
    require_eq(same.m->generation(), 1);
}

CASE(generations_of_another_build)
{
    require_generation(harness_path(member_path, "member.so"), 1);
    require_generation(harness_path(path, "newer.so"), 2);
    require_generation(member_path, GENERATION(3));
}

CASE(generations_of_two_libraries)
{
    for (unsigned n = 1; n <= 3; n++) {
        require_generation(harness_path(path, "member.so"), GENERATION(n));
        require_generation(harness_path(path, "other.so"), GENERATION(n));
    }
}

/* It says who it is: neither soname nor file count. */
CASE(generations_of_a_named_library)
{
    require_generation(harness_path(path, "named.so"), 1);
    require_generation(harness_path(path, "named-too.so"), 2);
    require_generation(copy_to_stage(path, "named.so", "member.so"), 3);
    require_generation(harness_path(path, "member.so"), 1);
}

/* Without a soname it is its base name, wherever it lies. */
CASE(generations_without_a_soname)
{
    require_generation(harness_path(path, "plain.so"), 1);
    require_generation(copy_to_stage(path, "plain.so", "plain.so"), 2);
    require_generation(copy_to_stage(path, "plain.so", "renamed.so"), 1);
    require_generation(copy_to_stage(path, "member.so", "plain.so"), 1);
}

static void load_in_child(void *arg)
{
    (void)arg;
    require_generation(member_path, GENERATION(2));
    require_generation(member_path, GENERATION(3));
}

CASE(generations_of_a_child)
{
    require_generation(harness_path(member_path, "member.so"), 1);
    in_sound_child(load_in_child, NULL);
    require_generation(member_path, GENERATION(2));
}
