/* SPDX-License-Identifier: MIT
 *
 * exit() notes by sigfillset, in memory of the plugin, that an early handler is over. Before glibc
 * 2.32 sigfillset fills 128 bytes, by several stores and from no end to the other: a thread that is
 * held between two of them must not find the plugin unmapped. It is stepped there from another
 * process, while a second thread unloads the plugin.
 */
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "plugin.h"

/* What both processes see. */
static struct view {
    atomic_bool ready, may_exit, held, closed;
    uintptr_t from, to; /* the plugin's memory */
    uintptr_t fill;     /* sigfillset */
} *view;

/* ---- the host -------------------------------------------------------------------------------- */

static const struct plugin *plugin;
static void *handle;
static struct tally tally;
static struct fini_hook hook;

static int measure(struct dl_phdr_info *object, size_t size, void *base)
{
    (void)size;
    if (object->dlpi_addr != *(const ElfW(Addr) *)base)
        return 0;
    view->from = view->to = object->dlpi_addr;
    for (int n = 0; n < object->dlpi_phnum; n++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[n];
        uintptr_t end = object->dlpi_addr + segment->p_vaddr + segment->p_memsz;
        if (segment->p_type == PT_LOAD && end > view->to)
            view->to = end;
    }
    return 1;
}

static void *unload(void *unused)
{
    while (!atomic_load(&view->held))
        nap(1000);
    close_plugin(handle);
    atomic_store(&view->closed, true);
    return unused;
}

__attribute__((noreturn)) static void be_host(void)
{
    const struct rlimit no_core = {0, 0};
    struct link_map *map;
    pthread_t thread;
    setrlimit(RLIMIT_CORE, &no_core);
    alarm(20);
    handle = open_plugin("plugin.so", &plugin);
    require_eq(dlinfo(handle, RTLD_DI_LINKMAP, &map), 0);
    require_eq(dl_iterate_phdr(measure, &map->l_addr), 1);
    view->fill = (uintptr_t)dlsym(RTLD_DEFAULT, "sigfillset");
    hook = (struct fini_hook){.fn = plugin->count, .arg = &tally, .when = FINI_ON_EXIT_BEGIN};
    require_eq(plugin->add(&hook), FINI_OK);
    require_eq(pthread_create(&thread, NULL, unload, NULL), 0);
    atomic_store(&view->ready, true);
    while (!atomic_load(&view->may_exit))
        ;
    exit(0);
}

/* ---- the one who holds it -------------------------------------------------------------------- */

static pid_t start_host(void)
{
    view = shared_memory(sizeof *view);
    pid_t host = fork();
    require(host >= 0);
    if (host == 0)
        be_host();
    while (!atomic_load(&view->ready))
        nap(1000);
    if (ptrace(PTRACE_SEIZE, host, NULL, NULL) != 0 ||
        ptrace(PTRACE_INTERRUPT, host, NULL, NULL) != 0) {
        kill(host, SIGKILL);
        skip("no ptrace here: %s", strerror(errno));
    }
    require_eq(waitpid(host, NULL, 0), host);
    return host;
}

static bool has_begun_to_fill(pid_t host)
{
    struct user_regs_struct regs;
    require_eq(ptrace(PTRACE_GETREGS, host, NULL, &regs), 0);
    return regs.rip - view->fill < 64 && regs.rdi >= view->from && regs.rdi < view->to &&
           (ptrace(PTRACE_PEEKDATA, host, regs.rdi, NULL) & 0xff) != 0;
}

CASE(while_exit_notes_that_a_handler_is_over, .timeout = 60)
{
    int status;
    pid_t host = start_host();
    atomic_store(&view->may_exit, true);
    do {
        require_eq(ptrace(PTRACE_SINGLESTEP, host, NULL, NULL), 0);
        require_eq(waitpid(host, &status, 0), host);
        require(WIFSTOPPED(status));
    } while (!has_begun_to_fill(host));
    atomic_store(&view->held, true);
    for (int n = 0; n < 300 && !atomic_load(&view->closed); n++)
        nap(1000);
    require_eq(ptrace(PTRACE_DETACH, host, NULL, NULL), 0);
    require_eq(wait_for_child(host), 0);
}
