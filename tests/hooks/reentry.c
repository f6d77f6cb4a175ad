/* SPDX-License-Identifier: MIT
 *
 * What a hook may do while it runs, on the real loader: add and remove hooks, load and unload
 * libraries, call exit(), fork.
 *
 * Decides: that nothing hangs, crashes or runs a hook twice, and what runs after what. The hooks
 * are functions of the host, so that a case reads from top to bottom.
 * Leaves to others: several threads (races.c), FINI_ON_EXIT_BEGIN (begin.c).
 */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "plugin.h"

static const struct plugin *plugin;
static void *handle;
static struct fini_hook hooks[4];

static void set(int n, fini_fn *fn, const char *arg, unsigned when)
{
    hooks[n] = (struct fini_hook){.fn = fn, .arg = (void *)(size_t)arg, .when = when};
    require_eq(plugin->add(&hooks[n]), FINI_OK);
}

/* hooks[0] "old", hooks[1] `fn` and hooks[2] "new" are there; they run in the order 2, 1, 0. */
static void prepare(fini_fn *fn)
{
    handle = open_plugin("plugin.so", &plugin);
    set(0, plugin->speak, "old", FINI_ALWAYS);
    set(1, fn, "middle", FINI_ALWAYS);
    set(2, plugin->speak, "new", FINI_ALWAYS);
}

static void unload_with(fini_fn *fn)
{
    prepare(fn);
    close_plugin(handle);
    say("closed");
}

/* ---- adding and removing -------------------------------------------------------------------- */

static void adds(void *arg, fini_reason why)
{
    (void)arg;
    say("adds: %s", reason(why));
    set(3, plugin->speak, "added", FINI_ALWAYS);
}

CASE(adds_at_unload, .unloads = true,
     .expect = "new: unload\nadds: unload\nadded: unload\nold: unload\nclosed\n")
{
    unload_with(adds);
}

CASE(adds_at_exit, .after = "new: exit\nadds: exit\nadded: exit\nold: exit\n")
{
    prepare(adds);
}

static void adds_for_exit(void *arg, fini_reason why)
{
    static struct fini_hook never;
    (void)arg;
    (void)why;
    never = (struct fini_hook)SPEAKER(plugin, "never", FINI_ON_EXIT);
    say("%s", plugin->add(&never) == FINI_EFINALIZING ? "refused" : "taken");
}

CASE(adds_what_could_never_run, .unloads = true,
     .expect = "new: unload\nrefused\nold: unload\nclosed\n")
{
    unload_with(adds_for_exit);
}

static void adds_itself(void *arg, fini_reason why)
{
    (void)arg;
    (void)why;
    say("%s", plugin->add(&hooks[1]) == FINI_EBUSY ? "busy" : "added");
}

CASE(adds_itself_at_unload, .unloads = true, .expect = "new: unload\nbusy\nold: unload\nclosed\n")
{
    unload_with(adds_itself);
}

static void adds_the_next(void *arg, fini_reason why)
{
    (void)arg;
    (void)why;
    say("%s", plugin->add(&hooks[0]) == FINI_EBUSY ? "busy" : "added");
}

CASE(adds_one_that_is_added,
     .expect = WHERE_UNLOADED("new: unload\nbusy\nold: unload\nclosed\n", "closed\n"),
     .after = WHERE_UNLOADED(NULL, "new: exit\nbusy\nold: exit\n"))
{
    unload_with(adds_the_next);
}

static void removes_itself(void *arg, fini_reason why)
{
    (void)arg;
    (void)why;
    say("%d", plugin->remove(&hooks[1]));
}

CASE(removes_itself_at_unload, .unloads = true, .expect = "new: unload\n0\nold: unload\nclosed\n")
{
    unload_with(removes_itself);
}

static void removes_all(void *arg, fini_reason why)
{
    (void)arg;
    (void)why;
    require_eq(plugin->remove(&hooks[2]), FINI_ENOENT);
    require_eq(plugin->remove(&hooks[0]), FINI_OK);
    require_eq(plugin->remove(&hooks[0]), FINI_ENOENT);
}

CASE(removes_the_next_at_unload, .unloads = true, .expect = "new: unload\nclosed\n")
{
    unload_with(removes_all);
}

CASE(removes_the_next_at_exit, .after = "new: exit\n")
{
    prepare(removes_all);
}

/* The memory of a hook is the caller's again as soon as it is removed or has begun to run. */
static void spoils(void *arg, fini_reason why)
{
    (void)why;
    say("spoils");
    plugin->remove(arg);
    memset(arg, 0xff, sizeof(struct fini_hook));
}

static void prepare_spoiling(struct fini_hook *victim)
{
    handle = open_plugin("plugin.so", &plugin);
    set(0, plugin->speak, "old", FINI_ALWAYS);
    set(1, plugin->speak, "next", FINI_ALWAYS);
    set(2, spoils, (const char *)victim, FINI_ALWAYS);
}

CASE(spoils_the_next_at_unload, .unloads = true, .expect = "spoils\nold: unload\nclosed\n")
{
    prepare_spoiling(&hooks[1]);
    close_plugin(handle);
    say("closed");
}

CASE(spoils_the_next_at_exit, .after = "spoils\nold: exit\n")
{
    prepare_spoiling(&hooks[1]);
}

CASE(spoils_itself_at_unload, .unloads = true,
     .expect = "spoils\nnext: unload\nold: unload\nclosed\n")
{
    prepare_spoiling(&hooks[2]);
    close_plugin(handle);
    say("closed");
}

CASE(spoils_itself_at_exit, .after = "spoils\nnext: exit\nold: exit\n")
{
    prepare_spoiling(&hooks[2]);
}

/* ---- own exit handlers ---------------------------------------------------------------------- */

static void own_handler(void)
{
    say("own handler");
}

static void prepare_with_handlers(void)
{
    handle = open_plugin("plugin.so", &plugin);
    require_eq(plugin->at_exit(own_handler), 0);
    set(0, plugin->speak, "hook", FINI_ALWAYS);
    require_eq(plugin->at_exit(own_handler), 0);
}

CASE(own_handlers_at_unload, .unloads = true,
     .expect = "hook: unload\nown handler\nown handler\nclosed\n")
{
    prepare_with_handlers();
    close_plugin(handle);
    say("closed");
}

CASE(own_handlers_at_exit, .after = "own handler\nown handler\nhook: exit\n")
{
    prepare_with_handlers();
}

/* ---- the next copy -------------------------------------------------------------------------- */

/* A hook in memory of the host that the unload was not for. */
CASE(hook_passed_over_serves_the_next_copy, .unloads = true, .after = "old: exit\n")
{
    handle = open_plugin("plugin.so", &plugin);
    set(0, plugin->speak, "old", FINI_ON_EXIT);
    close_plugin(handle);
    handle = open_plugin("plugin.so", &plugin);
    require_eq(plugin->remove(&hooks[0]), FINI_ENOENT);
    hooks[0].fn = plugin->speak;
    require_eq(plugin->add(&hooks[0]), FINI_OK);
}

/* ---- the loader ----------------------------------------------------------------------------- */

static void *other_handle;
static struct fini_hook other_hook;

static void open_other(void)
{
    const struct plugin *other;
    other_handle = open_plugin("other.so", &other);
    other_hook = (struct fini_hook)SPEAKER(other, "other", FINI_ALWAYS);
    require_eq(other->add(&other_hook), FINI_OK);
}

static void opens_and_closes(void *arg, fini_reason why)
{
    (void)arg;
    (void)why;
    open_other();
    close_plugin(other_handle);
    say("asked");
}

/* During an unload the loader only notes the inner dlclose, and does it at the end. */
CASE(opens_and_closes_at_unload, .unloads = true,
     .expect = "new: unload\nasked\nold: unload\nother: unload\nclosed\n")
{
    unload_with(opens_and_closes);
}

CASE(opens_and_closes_at_exit,
     .after = WHERE_UNLOADED("new: exit\nother: unload at exit\nasked\nold: exit\n",
                             "new: exit\nasked\nold: exit\nother: exit\n"))
{
    prepare(opens_and_closes);
}

static void closes_an_earlier_one(void *arg, fini_reason why)
{
    (void)arg;
    (void)why;
    close_plugin(other_handle);
    say("asked");
}

CASE(closes_an_earlier_one_at_unload, .unloads = true,
     .expect = "new: unload\nasked\nold: unload\nother: unload\nclosed\n")
{
    open_other();
    unload_with(closes_an_earlier_one);
}

/* While exit() finalizes, glibc keeps what it has not come to yet. */
CASE(closes_a_later_one_at_exit,
     .after = IN_ONE_LIST("other: exit\n", "") "new: exit\nasked\nold: exit\n"
              IN_ONE_LIST("", "other: exit\n"))
{
    prepare(closes_an_earlier_one);
    open_other();
}

static void opens_own(void *arg, fini_reason why)
{
    char path[PATH_MAX];
    void *own = dlopen(harness_path(path, arg), RTLD_NOW | RTLD_NOLOAD);
    say("own %s: %s", own != NULL ? "open" : "gone", reason(why));
    if (own != NULL)
        close_plugin(own);
}

static void add_opener(fini_fn *fn, char *name)
{
    handle = open_plugin(name, &plugin);
    set(0, plugin->speak, "old", FINI_ALWAYS);
    set(1, fn, name, FINI_ALWAYS);
}

CASE(opens_own_at_unload, .unloads = true, .expect = "own *: unload\nold: unload\nclosed\n")
{
    add_opener(opens_own, "plugin.so");
    close_plugin(handle);
    say("closed");
}

CASE(opens_own_at_exit, .after = "own *: exit\nold: exit\n")
{
    add_opener(opens_own, "plugin.so");
}

CASE(opens_own_with_file_hooks_at_unload, .unloads = true,
     .expect = "own *: unload\nold: unload\nfile: unload\nclosed\n")
{
    add_opener(opens_own, "filescope.so");
    close_plugin(handle);
    say("closed");
}

CASE(opens_own_with_file_hooks_at_exit, .after = "own *: exit\nold: exit\nfile: exit\n")
{
    add_opener(opens_own, "filescope.so");
}

/* With "filescope.so" the hooks at file scope are still to come; below they are the ones that do
 * it. */
static void from_file_hook(void *arg, fini_reason why)
{
    say("%s, from the file", (const char *)arg);
    opens_own(arg, why);
}

static void at_file_hook(fini_fn *fn)
{
    fini_fn **slot;
    handle = open_plugin("filescope.so", &plugin);
    slot = dlsym(handle, "at_file_hook");
    require(slot != NULL);
    *slot = fn;
}

CASE(opens_own_in_file_hook_at_unload, .unloads = true,
     .expect = "file: unload\nfilescope.so, from the file\nown *: unload\nclosed\n")
{
    at_file_hook(from_file_hook);
    close_plugin(handle);
    say("closed");
}

CASE(opens_own_in_file_hook_at_exit,
     .after = "file: exit\nfilescope.so, from the file\nown *: exit\n")
{
    at_file_hook(from_file_hook);
}

/* The loader runs the constructors of an image again when something that needs it is opened while
 * it is being finalized: its file-scope hooks must not run again. */
static void opens_dependent(void *arg, fini_reason why)
{
    (void)arg;
    (void)why;
    void *dependent = open_plugin("dependent.so", NULL);
    say("dependent open");
    close_plugin(dependent);
}

static void child_that_does_nothing(void *arg)
{
    (void)arg;
}

CASE(opens_dependent_at_unload, .unloads = true,
     .expect = "new: unload\ndependent open\nold: unload\nfile: unload\nclosed\n")
{
    handle = open_plugin("filescope.so", &plugin);
    set(0, plugin->speak, "old", FINI_ALWAYS);
    set(1, opens_dependent, "", FINI_ALWAYS);
    set(2, plugin->speak, "new", FINI_ALWAYS);
    close_plugin(handle);
    say("closed");
}

CASE(opens_dependent_at_exit,
     .after = "new: exit\ndependent open\nold: exit\nfile: exit\n")
{
    handle = open_plugin("filescope.so", &plugin);
    set(0, plugin->speak, "old", FINI_ALWAYS);
    set(1, opens_dependent, "", FINI_ALWAYS);
    set(2, plugin->speak, "new", FINI_ALWAYS);
}

/* What the constructors, run again, have left with libc must be gone with the image: libc calls
 * what it knows at a fork. */
CASE(opens_dependent_and_forks_later, .unloads = true,
     .expect = "file: unload\ndependent open\nclosed\n")
{
    char path[PATH_MAX];
    at_file_hook(opens_dependent);
    close_plugin(handle);
    require(dlopen(harness_path(path, "filescope.so"), RTLD_NOW | RTLD_NOLOAD) == NULL);
    say("closed");
    require_eq(in_child(child_that_does_nothing, NULL, 5), 0);
}

CASE(opens_dependent_in_file_hook_at_exit, .after = "file: exit\ndependent open\n")
{
    at_file_hook(opens_dependent);
}

/* ---- exit ----------------------------------------------------------------------------------- */

static void exits(void *arg, fini_reason why)
{
    (void)arg;
    say("exits: %s", reason(why));
    exit(3);
}

static void set_the_unneeded(void)
{
    static struct fini_hook unneeded;
    unneeded = (struct fini_hook)SPEAKER(plugin, "for unload only", FINI_ON_UNLOAD);
    require_eq(plugin->add(&unneeded), FINI_OK);
}

CASE(exits_at_unload, .unloads = true, .ends = true, .status = 3,
     .expect = "new: unload\nexits: unload\nold: exit\n")
{
    handle = open_plugin("plugin.so", &plugin);
    set_the_unneeded();
    set(0, plugin->speak, "old", FINI_ALWAYS);
    set(1, exits, "", FINI_ALWAYS);
    set(2, plugin->speak, "new", FINI_ALWAYS);
    close_plugin(handle);
    say("closed");
}

CASE(exits_at_exit, .nests_exit = true, .status = 3, .after = "new: exit\nexits: exit\nold: exit\n")
{
    prepare(exits);
}

/* Each of three hooks exits: the last word counts, and each has its turn. */
CASE(all_exit_at_unload, .unloads = true, .ends = true, .status = 3,
     .expect = "exits: unload\nexits: exit\nexits: exit\nold: exit\n")
{
    handle = open_plugin("plugin.so", &plugin);
    set(0, plugin->speak, "old", FINI_ALWAYS);
    set(1, exits, "", FINI_ALWAYS);
    set(2, exits, "", FINI_ALWAYS);
    set(3, exits, "", FINI_ALWAYS);
    close_plugin(handle);
}

static void say_handler(void)
{
    say("handler of the program");
}

CASE(exits_with_handlers_around, .nests_exit = true, .ends = true, .status = 3,
     .expect = WHERE_UNLOADED("new: unload\nexits: unload\nold: exit\n",
                              "done\nnew: exit\nexits: exit\nold: exit\n")
               "handler of the program\n")
{
    require_eq(atexit(say_handler), 0);
    prepare(exits);
    close_plugin(handle);
}

/* ---- fork ----------------------------------------------------------------------------------- */

/* The child ends by `end`, and the parent waits for it, so that the transcript is in order. */
static void forks(void (*end)(int))
{
    pid_t pid = fork();
    require(pid >= 0);
    if (pid == 0) {
        say("child");
        end(5);
    }
    int status = wait_for_child(pid);
    require(WIFEXITED(status));
    say("child ended with %d", WEXITSTATUS(status));
}

static void forks_and_quits(void *arg, fini_reason why)
{
    (void)arg;
    (void)why;
    forks(_exit);
}

static void forks_and_exits(void *arg, fini_reason why)
{
    (void)arg;
    (void)why;
    forks(exit);
}

CASE(forks_at_unload, .unloads = true,
     .expect = "new: unload\nchild\nchild ended with 5\nold: unload\nclosed\n")
{
    unload_with(forks_and_quits);
}

CASE(forks_at_exit, .after = "new: exit\nchild\nchild ended with 5\nold: exit\n")
{
    prepare(forks_and_quits);
}

/* The child's exit() goes on with the hooks that are left; the parent runs them in its turn. */
CASE(child_exits_at_unload, .unloads = true,
     .expect = "new: unload\nchild\nold: exit\nchild ended with 5\nold: unload\nclosed\n")
{
    unload_with(forks_and_exits);
}

CASE(child_exits_at_exit, .nests_exit = true,
     .after = "new: exit\nchild\nold: exit\nchild ended with 5\nold: exit\n")
{
    prepare(forks_and_exits);
}

static void child_returns(void *arg, fini_reason why)
{
    pid_t pid = fork();
    (void)arg;
    require(pid >= 0);
    if (pid == 0)
        return;
    int status = wait_for_child(pid);
    say("child ended with %d, %s", status, reason(why));
}

CASE(child_goes_on_at_exit,
     .after = "new: exit\nold: exit\nchild ended with 0, exit\nold: exit\n")
{
    prepare(child_returns);
}
