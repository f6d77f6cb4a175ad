/* SPDX-License-Identifier: MIT
 *
 * system_posix.c - system.h on POSIX. What only some of these systems have is looked up by name
 * at run time, so that one source is built everywhere.
 */
#ifndef _WIN32
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#ifdef __APPLE__
#define _DARWIN_C_SOURCE
#endif
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "answer.h"
#include "system.h"

#ifdef __APPLE__
#define SUFFIX ".dylib"
#else
#define SUFFIX ".so"
#endif

static char self[PATH_SIZE];
static pthread_t first_thread;

/* ---- libraries ----------------------------------------------------------------------------- */

void sys_path(char path[PATH_SIZE], const char *name)
{
    const char *slash = strrchr(self, '/');
    int length = slash != NULL ? (int)(slash - self) : 0;
    int used = snprintf(path, PATH_SIZE, "%.*s/fc-%s%s", slash != NULL ? length : 1,
                        slash != NULL ? self : ".", name, SUFFIX);
    if (used < 0 || used >= PATH_SIZE)
        cannot("make a path");
}

static int flags_of(enum sys_how how)
{
    switch (how) {
    case SYS_GLOBAL:
        return RTLD_GLOBAL;
#ifdef RTLD_NODELETE
    case SYS_NODELETE:
        return RTLD_NODELETE;
    case SYS_PIN:
        return RTLD_NODELETE | RTLD_NOLOAD;
#endif
#ifdef RTLD_NOLOAD
    case SYS_PRESENT:
        return RTLD_NOLOAD;
#endif
    case SYS_PLAIN:
        return 0;
    default:
        not_here();
    }
}

void *sys_open(const char *name, enum sys_how how)
{
    char path[PATH_SIZE];
    sys_path(path, name);
    return dlopen(path, RTLD_NOW | flags_of(how));
}

void sys_close(void *library)
{
    if (dlclose(library) != 0)
        cannot("close a library");
}

void *sys_symbol(void *library, const char *name)
{
    return dlsym(library, name);
}

void *sys_anywhere(const char *name)
{
    return dlsym(RTLD_DEFAULT, name);
}

void sys_find(const void *address)
{
    Dl_info info;
    dladdr((void *)(uintptr_t)address, &info);
}

static int look_at_image(void *info, size_t size, void *unused)
{
    (void)info;
    (void)size;
    (void)unused;
    return 0;
}

void sys_iterate(void)
{
    static int (*iterate)(int (*)(void *, size_t, void *), void *);
    if (iterate == NULL)
        *(void **)&iterate = sys_anywhere("dl_iterate_phdr");
    if (iterate == NULL)
        not_here();
    iterate(look_at_image, NULL);
}

bool sys_mapped(const void *address)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    void *start = (void *)((uintptr_t)address & ~(page - 1));
    return msync(start, page, MS_ASYNC) == 0 || errno != ENOMEM;
}

void sys_environment(const char *name, const char *text)
{
    if (setenv(name, text, 1) != 0)
        cannot("set the environment");
}

/* ---- threads and processes ----------------------------------------------------------------- */

struct sys_thread {
    pthread_t thread;
    void (*body)(void *);
    void *arg;
};

static void *run_thread(void *data)
{
    struct sys_thread *thread = data;
    thread->body(thread->arg);
    return NULL;
}

struct sys_thread *sys_start(void (*body)(void *), void *arg)
{
    struct sys_thread *thread = malloc(sizeof *thread);
    if (thread == NULL)
        cannot("allocate");
    thread->body = body;
    thread->arg = arg;
    return pthread_create(&thread->thread, NULL, run_thread, thread) == 0 ? thread : NULL;
}

void sys_join(struct sys_thread *thread)
{
    pthread_join(thread->thread, NULL);
    free(thread);
}

bool sys_is_first_thread(void)
{
    return pthread_equal(pthread_self(), first_thread);
}

void sys_thread_end(void)
{
    pthread_exit(NULL);
}

void sys_sleep(int milliseconds)
{
    struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000L};
    while (nanosleep(&time, &time) != 0 && errno == EINTR)
        continue;
}

unsigned long sys_key_create(sys_key_fn *destroy)
{
    pthread_key_t key;
    if (pthread_key_create(&key, destroy) != 0)
        cannot("create a key");
    return (unsigned long)key;
}

void sys_key_set(unsigned long key)
{
    pthread_setspecific((pthread_key_t)key, self);
}

void sys_key_delete(unsigned long key)
{
    pthread_key_delete((pthread_key_t)key);
}

void sys_fork(void (*in_child)(void))
{
    pid_t child = fork();
    if (child < 0)
        cannot("fork");
    if (child == 0) {
        in_child();
        _exit(0);
    }
    waitpid(child, NULL, 0);
}

void sys_quit(void)
{
    _exit(0);
}

void sys_kill_self(void)
{
    kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

void sys_quick_exit(void)
{
    void (*leave)(int);
    *(void **)&leave = sys_anywhere("quick_exit");
    if (leave == NULL)
        not_here();
    leave(0);
    cannot("leave");
}

/* ---- names --------------------------------------------------------------------------------- */

/* musl tells its version only to who runs its loader. */
static bool ask_musl(char *version, size_t size)
{
    Dl_info info;
    char line[PATH_SIZE] = "";
    FILE *pipe;
    void *of_libc = sys_anywhere("sigfillset");
    if (of_libc == NULL || dladdr(of_libc, &info) == 0 || strstr(info.dli_fname, "musl") == NULL)
        return false;
    snprintf(line, sizeof line, "%s 2>&1", info.dli_fname);
    pipe = popen(line, "r");
    while (pipe != NULL && fgets(line, sizeof line, pipe) != NULL)
        if (strncmp(line, "Version ", 8) == 0)
            snprintf(version, size, "musl-%.*s", (int)strcspn(line + 8, "\n"), line + 8);
    if (pipe != NULL)
        pclose(pipe);
    return version[0] != '\0';
}

void sys_name(char *text, size_t size)
{
    char version[64] = "";
    const char *(*of_glibc)(void);
    struct utsname about;
    uname(&about);
    *(void **)&of_glibc = sys_anywhere("gnu_get_libc_version");
    if (of_glibc != NULL)
        snprintf(text, size, "glibc-%s-%s", of_glibc(), about.machine);
    else if (ask_musl(version, sizeof version))
        snprintf(text, size, "%s-%s", version, about.machine);
    else
        snprintf(text, size, "%s-%s-%s", about.sysname, about.release, about.machine);
}

void sys_kernel(char *text, size_t size)
{
    struct utsname about;
    uname(&about);
    snprintf(text, size, "%s %.*s", about.sysname, (int)strspn(about.release, "0123456789."),
             about.release);
}

/* ---- of the judge -------------------------------------------------------------------------- */

void sys_prepare(const char *program)
{
    snprintf(self, sizeof self, "%s", program);
    first_thread = pthread_self();
}

void sys_write(const char *text, size_t length)
{
    if (write(STDOUT_FILENO, text, length) < 0)
        _exit(1);
}

/* The command runs the program, qemu-aarch64 say; NULL: none. */
static void exec_through(const char *command, const char *id)
{
    static char words[PATH_SIZE];
    char *arguments[16];
    size_t count = 0;
    snprintf(words, sizeof words, "%s", command != NULL ? command : "");
    for (char *word = strtok(words, " "); word != NULL && count < 12; word = strtok(NULL, " "))
        arguments[count++] = word;
    arguments[count++] = self;
    arguments[count++] = (char[]){"--ask"};
    arguments[count++] = (char *)(uintptr_t)id;
    arguments[count] = NULL;
    execvp(arguments[0], arguments);
}

NORETURN static void become(const char *id, const char *startup, int out)
{
    struct rlimit none = {0, 0};
    char plugin[PATH_SIZE];
    int null = open("/dev/null", O_RDWR);
    setrlimit(RLIMIT_CORE, &none);
    setpgid(0, 0);
    sys_path(plugin, "plugin");
    sys_environment(LIBRARY_STARTUP, startup);
    sys_environment(LIBRARY_PLUGIN, plugin);
    dup2(null, STDIN_FILENO);
    dup2(null, STDERR_FILENO);
    dup2(out, STDOUT_FILENO);
    exec_through(getenv("FC_THROUGH"), id);
    _exit(127);
}

void sys_child_start(struct sys_child *child, const char *id, const char *startup)
{
    int ends[2];
    pid_t pid;
    if (pipe(ends) != 0)
        cannot("make a pipe");
    fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    pid = fork();
    if (pid < 0)
        cannot("fork");
    if (pid == 0)
        become(id, startup, ends[1]);
    close(ends[1]);
    child->end = SYS_RUNS;
    child->waited = 0;
    child->process = pid;
    child->pipe = ends[0];
}

void sys_child_look(struct sys_child *child)
{
    int status;
    if (waitpid((pid_t)child->process, &status, WNOHANG) <= 0)
        return;
    kill((pid_t)-child->process, SIGKILL);
    child->end = SYS_ENDED;
    child->status = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    if (WIFSIGNALED(status))
        child->end = WTERMSIG(status) == SIGABRT ? SYS_ABORTED : SYS_CRASHED;
}

void sys_child_kill(struct sys_child *child)
{
    kill((pid_t)-child->process, SIGKILL);
    kill((pid_t)child->process, SIGKILL);
    waitpid((pid_t)child->process, NULL, 0);
    child->end = SYS_HUNG;
}

size_t sys_child_read(struct sys_child *child, char *text, size_t size)
{
    ssize_t got;
    size_t length = 0;
    while (length < size && (got = read((int)child->pipe, text + length, size - length)) > 0)
        length += (size_t)got;
    close((int)child->pipe);
    return length;
}

#else
typedef int not_posix; /* a file is not to be empty */
#endif
