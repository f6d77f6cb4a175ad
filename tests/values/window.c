/* SPDX-License-Identifier: MIT
 *
 * The window that no instruction of the plugin's can close: a thread that ends is held in libc,
 * which has read the address of the destructor and not called it, or at the last instruction of
 * the destructor, while main unloads the plugin. The thread is stepped there, from another process.
 *
 * With a thread key of the plugin's, deleted at unload or not, the thread goes on in unmapped code.
 * With libfini the unload waits for it.
 */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "children.h"
#include "harness.h"
#include "host.h"

/* What both processes see. */
static struct view {
    atomic_int thread;       /* that is about to end */
    atomic_bool may_end, held, closed;
    atomic_int destroyed;
    uintptr_t from, to;      /* the plugin's code */
} *view;

/* ---- the host -------------------------------------------------------------------------------- */

static struct image image;

static void count(void *value, fini_reason why)
{
    (void)value, (void)why;
    atomic_fetch_add(&view->destroyed, 1);
}

static void *set_and_end(void *unused)
{
    require_eq(image.p->set(0, view), 0);
    atomic_store(&view->thread, (int)syscall(SYS_gettid));
    while (!atomic_load(&view->may_end))
        ;
    return unused;
}

static void find_code(void)
{
    char line[PATH_MAX + 128];
    FILE *maps = fopen("/proc/self/maps", "re");
    require(maps != NULL);
    while (fgets(line, sizeof line, maps) != NULL)
        if (strstr(line, image.path) && strstr(line, " r-xp "))
            require_eq(sscanf(line, "%lx-%lx", &view->from, &view->to), 2);
    fclose(maps);
    require(view->from != 0);
}

__attribute__((noreturn)) static void be_host(const char *plugin)
{
    const struct rlimit no_core = {0, 0};
    pthread_t thread;
    setrlimit(RLIMIT_CORE, &no_core);
    alarm(20);
    report = count;
    open_image(&image, plugin);
    require_eq(image.p->init(0), 0);
    find_code();
    require_eq(pthread_create(&thread, NULL, set_and_end, NULL), 0);
    while (!atomic_load(&view->held))
        nap(1000);
    close_image(&image);
    atomic_store(&view->closed, true);
    pthread_join(thread, NULL);
    _exit(0);
}

/* ---- the one who holds the thread ------------------------------------------------------------ */

static pid_t host;

__attribute__((noreturn)) static void give_up(const char *what)
{
    int error = errno;
    kill(host, SIGKILL);
    waitpid(host, NULL, 0);
    skip("%s: %s", what, strerror(error));
}

static void step(pid_t thread, struct user_regs_struct *regs)
{
    int status;
    require_eq(ptrace(PTRACE_SINGLESTEP, thread, NULL, NULL), 0);
    require_eq(waitpid(thread, &status, __WALL), thread);
    require(WIFSTOPPED(status));
    require_eq(ptrace(PTRACE_GETREGS, thread, NULL, regs), 0);
}

static bool is_inside(const struct user_regs_struct *regs)
{
    return regs->rip >= view->from && regs->rip < view->to;
}

/* Until libc has called the destructor: what the call has done is undone. */
static void step_to_the_call(pid_t thread, struct user_regs_struct *regs)
{
    struct user_regs_struct before;
    require_eq(ptrace(PTRACE_GETREGS, thread, NULL, regs), 0);
    do {
        before = *regs;
        step(thread, regs);
    } while (!is_inside(regs));
    require_eq(regs->rsp, before.rsp - 8);
    *regs = before;
}

/* The destructor returns by an instruction of its own, or jumps to a function that does. */
static void step_to_its_end(pid_t thread, struct user_regs_struct *regs)
{
    struct user_regs_struct before;
    uintptr_t frame = regs->rsp - 8;
    step(thread, regs);
    do {
        before = *regs;
        step(thread, regs);
    } while (is_inside(regs) || regs->rsp < frame);
    require(is_inside(&before));
    *regs = before;
}

static pid_t start_host(const char *plugin)
{
    view = shared_memory(sizeof *view);
    host = fork();
    require(host >= 0);
    if (host == 0)
        be_host(plugin);
    while (atomic_load(&view->thread) == 0)
        nap(1000);
    return atomic_load(&view->thread);
}

static pid_t hold_thread(const char *plugin, bool at_end)
{
    struct user_regs_struct regs;
    pid_t thread = start_host(plugin);
    if (ptrace(PTRACE_SEIZE, thread, NULL, NULL) != 0 ||
        ptrace(PTRACE_INTERRUPT, thread, NULL, NULL) != 0)
        give_up("no ptrace here");
    require_eq(waitpid(thread, NULL, __WALL), thread);
    atomic_store(&view->may_end, true);
    step_to_the_call(thread, &regs);
    if (at_end)
        step_to_its_end(thread, &regs);
    require_eq(ptrace(PTRACE_SETREGS, thread, NULL, &regs), 0);
    atomic_store(&view->held, true);
    return thread;
}

static int host_ends(pid_t thread)
{
    require_eq(ptrace(PTRACE_DETACH, thread, NULL, NULL), 0);
    return wait_for_child(host);
}

static void require_crash(const char *plugin, bool at_end)
{
    pid_t thread = hold_thread(plugin, at_end);
    while (!atomic_load(&view->closed))
        nap(1000);
    int status = host_ends(thread);
    require(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    say("%s crashes", plugin);
}

static void require_survival(bool at_end)
{
    pid_t thread = hold_thread("values-plugin.so", at_end);
    nap(300 * 1000);
    require(!atomic_load(&view->closed));
    require_eq(host_ends(thread), 0);
    require(atomic_load(&view->closed));
    require_eq(view->destroyed, 1);
}

CASE(between_the_address_and_the_call, .unloads = true, .timeout = 60,
     .expect = "values-naive.so crashes\nvalues-naive-deletes.so crashes\n")
{
    require_crash("values-naive.so", false);
    require_crash("values-naive-deletes.so", false);
    require_survival(false);
}

CASE(before_its_last_instruction, .unloads = true, .timeout = 60,
     .expect = "values-naive-deletes.so crashes\n")
{
    require_crash("values-naive-deletes.so", true);
    require_survival(true);
}
