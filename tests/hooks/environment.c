/* SPDX-License-Identifier: MIT
 *
 * What the process around an image decides: FINI_TRACE, FINI_CLEAN_EXIT, set-uid, fork.
 *
 * Leaves to others: which reason it is, in all its ways (tests/matrix).
 */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "harness.h"
#include "plugin.h"

static const struct plugin *plugin;
static void *handle;
static struct fini_hook hooks[3];

static void open_with_hooks(void)
{
    handle = open_plugin("plugin.so", &plugin);
    hooks[0] = (struct fini_hook)SPEAKER(plugin, "on exit", FINI_ON_EXIT);
    hooks[1] = (struct fini_hook)SPEAKER(plugin, "on unload", FINI_ON_UNLOAD);
    hooks[2] = (struct fini_hook)SPEAKER(plugin, "always", FINI_ALWAYS);
    for (int i = 0; i < 3; i++)
        require_eq(plugin->add(&hooks[i]), FINI_OK);
}

/* ---- FINI_TRACE ----------------------------------------------------------------------------- */

struct heard {
    char text[4096];
    char expected[PATH_MAX + 256];
    int *thread; /* who finalized */
};

static void note_thread(struct heard *heard)
{
    *heard->thread = (int)syscall(SYS_gettid);
}

static void traced_unload(void *arg)
{
    note_thread(arg);
    open_with_hooks();
    close_plugin(handle);
}

static void traced_exit(void *arg)
{
    note_thread(arg);
    open_with_hooks();
}

/* Runs the body with what the environment says, and compares standard error with one line, or
 * with nothing. */
static void hear(void (*body)(void *arg), const char *line)
{
    struct heard heard = {.thread = shared_memory(sizeof(int))};
    char path[PATH_MAX];
    require_eq(in_child_heard(body, &heard, heard.text, sizeof heard.text), 0);
    if (line != NULL)
        snprintf(heard.expected, sizeof heard.expected, line, harness_path(path, "plugin.so"),
                 *heard.thread);
    if (strcmp(heard.text, heard.expected) != 0)
        say("expected %sgot %s", heard.expected, heard.text);
}

CASE(trace_unload, .unloads = true, .expect = "always: unload\non unload: unload\n")
{
    setenv("FINI_TRACE", "1", 1);
    hear(traced_unload, "fini: %s: unload, thread %d, hooks run 2\n");
}

CASE(trace_exit, .expect = "always: exit\non exit: exit\n")
{
    setenv("FINI_TRACE", "1", 1);
    hear(traced_exit, "fini: %s: exit, thread %d, hooks run 2\n");
}

static void *unload_in_thread(void *arg)
{
    note_thread(arg);
    close_plugin(handle);
    return NULL;
}

static void traced_thread(void *arg)
{
    pthread_t thread;
    open_with_hooks();
    require_eq(pthread_create(&thread, NULL, unload_in_thread, arg), 0);
    pthread_join(thread, NULL);
    require(*((struct heard *)arg)->thread != getpid());
}

CASE(trace_names_the_thread, .unloads = true, .expect = "always: unload\non unload: unload\n")
{
    setenv("FINI_TRACE", "1", 1);
    hear(traced_thread, "fini: %s: unload, thread %d, hooks run 2\n");
}

static const char on_close[] = WHERE_UNLOADED("always: unload\non unload: unload\n",
                                              "always: exit\non exit: exit\n");

CASE(trace_is_off, .expect = on_close)
{
    unsetenv("FINI_TRACE");
    hear(traced_unload, NULL);
}

CASE(trace_is_0, .expect = on_close)
{
    setenv("FINI_TRACE", "0", 1);
    hear(traced_unload, NULL);
}

/* ---- FINI_CLEAN_EXIT ------------------------------------------------------------------------ */

CASE(clean_exit, .after = "always: exit\non unload: exit\non exit: exit\n")
{
    setenv("FINI_CLEAN_EXIT", "1", 1);
    open_with_hooks();
}

CASE(clean_exit_is_off, .after = "always: exit\non exit: exit\n")
{
    unsetenv("FINI_CLEAN_EXIT");
    open_with_hooks();
}

CASE(clean_exit_and_unload, .unloads = true, .expect = "always: unload\non unload: unload\n")
{
    setenv("FINI_CLEAN_EXIT", "1", 1);
    open_with_hooks();
    close_plugin(handle);
}

CASE(clean_exit_counts_for_the_trace, .expect = "always: exit\non unload: exit\non exit: exit\n")
{
    setenv("FINI_TRACE", "1", 1);
    setenv("FINI_CLEAN_EXIT", "1", 1);
    hear(traced_exit, "fini: %s: exit, thread %d, hooks run 3\n");
}

/* ---- a set-uid process ---------------------------------------------------------------------- */

enum { NOBODY = 65534, SOMEBODY = 65533 };

static char stage[PATH_MAX]; /* a folder that everybody can enter */

static void copy_to_stage(const char *name, mode_t mode, char to[PATH_MAX])
{
    char from[PATH_MAX], command[3 * PATH_MAX];
    require(snprintf(to, PATH_MAX, "%.*s/%s", PATH_MAX / 2, stage, name) < PATH_MAX);
    snprintf(command, sizeof command, "cp '%s' '%s'", harness_path(from, name), to);
    require_eq(system(command), 0);
    require_eq(chown(to, SOMEBODY, SOMEBODY), 0);
    require_eq(chmod(to, mode), 0);
}

static void remove_stage(void)
{
    char command[PATH_MAX + 16];
    snprintf(command, sizeof command, "rm -r '%s'", stage);
    require_eq(system(command), 0);
}

static void make_stage(void)
{
    const char *dir = getenv("TMPDIR");
    struct statvfs fs;
    snprintf(stage, sizeof stage, "%s/fini-XXXXXX", dir != NULL ? dir : P_tmpdir);
    require(mkdtemp(stage) != NULL);
    require_eq(chmod(stage, 0755), 0);
    require_eq(statvfs(stage, &fs), 0);
    if (fs.f_flag & ST_NOSUID) {
        remove_stage();
        skip("temporary files cannot be set-uid here");
    }
}

struct command {
    char program[PATH_MAX], plugin[PATH_MAX];
};

static void become_nobody_and_run(void *arg)
{
    const struct command *command = arg;
    require_eq(setgid(NOBODY), 0);
    require_eq(setuid(NOBODY), 0);
    execl(command->program, command->program, command->plugin, (char *)NULL);
    _exit(127);
}

/* The kernel's, of which not every libc has the header. */
struct file_capability {
    uint32_t revision_and_flags, permitted, inheritable, permitted_too, inheritable_too;
};
enum { REVISION_2 = 0x02000000, EFFECTIVE = 1, NET_RAW = 13 };

/* What setcap writes: a program that gains a right is as little to be steered as a set-uid one. */
static void give_capability(const char *path)
{
    const struct file_capability right = {.revision_and_flags = REVISION_2 | EFFECTIVE,
                                          .permitted = 1 << NET_RAW};
    if (setxattr(path, "security.capability", &right, sizeof right, 0) == 0)
        return;
    int error = errno;
    remove_stage();
    skip("temporary files cannot have capabilities here: %s", strerror(error));
}

/* The mode or the capability of the program is all that differs between a run and its control. */
static void run_on_stage(mode_t mode, bool capable)
{
    struct command command;
    char text[4096];
    if (geteuid() != 0)
        skip("only root can make a set-uid program of somebody else, or give it a right");
    make_stage();
    copy_to_stage("secure", mode, command.program);
    copy_to_stage("filescope.so", 0755, command.plugin);
    if (capable)
        give_capability(command.program);
    setenv("FINI_TRACE", "1", 1);
    setenv("FINI_CLEAN_EXIT", "1", 1);
    int status = in_child_heard(become_nobody_and_run, &command, text, sizeof text);
    remove_stage();
    require_eq(status, 0);
    say("%s", text[0] == '\0' ? "no trace" : strstr(text, ": exit, ") ? "trace" : text);
}

CASE(believed_without_set_uid,
     .expect = "secure: 0\nhost: exit\nfile: exit\ntrace\n")
{
    run_on_stage(0755, false);
}

CASE(not_believed_in_set_uid,
     .expect = "secure: 1\nfile: exit\nno trace\n")
{
    run_on_stage(04755, false);
}

CASE(not_believed_with_capabilities,
     .expect = "secure: 1\nfile: exit\nno trace\n")
{
    run_on_stage(0755, true);
}

/* ---- fork ----------------------------------------------------------------------------------- */

static void set_for_fork(void)
{
    handle = open_plugin("plugin.so", &plugin);
    hooks[0] = (struct fini_hook)SPEAKER(plugin, "everywhere", FINI_ALWAYS);
    hooks[1] = (struct fini_hook)SPEAKER(plugin, "parent only", FINI_ALWAYS | FINI_NOT_IN_CHILD);
    require_eq(plugin->add(&hooks[0]), FINI_OK);
    require_eq(plugin->add(&hooks[1]), FINI_OK);
}

static void exit_in_child(void *arg)
{
    (void)arg;
    say("forked: %d", plugin->forked());
}

static void unload_in_child(void *arg)
{
    exit_in_child(arg);
    close_plugin(handle);
    say("closed");
}

CASE(child_exits, .expect = "forked: 1\neverywhere: exit\nforked: 0\n",
     .after = "parent only: exit\neverywhere: exit\n")
{
    set_for_fork();
    require_eq(in_child(exit_in_child, NULL, 5), 0);
    say("forked: %d", plugin->forked());
}

CASE(child_unloads,
     .expect = WHERE_UNLOADED("forked: 1\neverywhere: unload\nclosed\n",
                              "forked: 1\nclosed\neverywhere: exit\n"),
     .after = "parent only: exit\neverywhere: exit\n")
{
    set_for_fork();
    require_eq(in_child(unload_in_child, NULL, 5), 0);
}

static void load_in_child(void *arg)
{
    (void)arg;
    set_for_fork();
    say("forked: %d", plugin->forked());
}

/* A child that loads the image itself is not a child to the image. */
CASE(loaded_by_the_child, .expect = "forked: 0\nparent only: exit\neverywhere: exit\n")
{
    require_eq(in_child(load_in_child, NULL, 5), 0);
}

static void fork_in_child(void *arg)
{
    exit_in_child(arg);
    require_eq(in_child(exit_in_child, NULL, 5), 0);
}

CASE(grandchild_exits,
     .expect = "forked: 1\nforked: 1\neverywhere: exit\neverywhere: exit\n",
     .after = "parent only: exit\neverywhere: exit\n")
{
    set_for_fork();
    require_eq(in_child(fork_in_child, NULL, 8), 0);
}
