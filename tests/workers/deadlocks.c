/* SPDX-License-Identifier: MIT
 *
 * A worker that wants the loader's lock while its image is being unloaded: what hangs, what does
 * not, and the ways round that fini.h names.
 *
 * A worker waits until it is asked to stop, so that the unload has the lock, and then does one
 * thing. What hangs is shown in a child, with a naive plugin whose finalizer joins its thread and
 * with libfini: neither can do otherwise.
 */
#include <dlfcn.h>
#include <execinfo.h>
#include <iconv.h>
#include <link.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "host.h"

static struct image image;
static atomic_int begun;

/* ---- what a worker does ---------------------------------------------------------------------- */

static void use_dlopen(void)
{
    require(dlopen(NULL, RTLD_NOW) != NULL);
}

/* Of a handle that who opened it has no use for any more. */
static void *handle;

static void use_dlclose(void)
{
    require_eq(dlclose(handle), 0);
}

static void use_dlsym(void)
{
    require(dlsym(RTLD_DEFAULT, "malloc") != NULL);
}

static void use_dladdr(void)
{
    Dl_info info;
    require(dladdr((void *)(uintptr_t)&begun, &info) != 0);
}

/* What a compiler makes of the first use of an object that has a destructor. */
extern int __cxa_thread_atexit_impl(void (*fn)(void *), void *arg, void *image);

static void nothing(void *arg)
{
    (void)arg;
}

static void use_thread_local_object(void)
{
    static char own;
    require_eq(__cxa_thread_atexit_impl(nothing, NULL, &own), 0);
}

/* Unwinds, for which it loads libgcc_s. */
static void use_pthread_exit(void)
{
    pthread_exit(NULL);
}

static void use_backtrace(void)
{
    void *frame[4];
    require(backtrace(frame, 4) > 0);
}

/* Conversions are libraries. */
static void use_iconv_open(void)
{
    iconv_t conversion = iconv_open("KOI8-R", "UTF-8");
    require(conversion != (iconv_t)-1);
    iconv_close(conversion);
}

/* Unwinds, too. */
static void use_cancellation(void)
{
    pthread_cancel(pthread_self());
    pthread_testcancel();
}

/* The loader finalizes all images under its lock. */
static void use_exit(void)
{
    exit(0);
}

static void *be_thread(void *arg)
{
    return arg;
}

static void use_threads(void)
{
    pthread_t thread;
    require_eq(pthread_create(&thread, NULL, be_thread, NULL), 0);
    require_eq(pthread_join(thread, NULL), 0);
}

static int see_object(struct dl_phdr_info *info, size_t size, void *arg)
{
    (void)info, (void)size, (void)arg;
    return 0;
}

static void use_dl_iterate_phdr(void)
{
    require_eq(dl_iterate_phdr(see_object, NULL), 0);
}

static void use_memory_and_thread_local_data(void)
{
    static _Thread_local char *volatile block;
    block = malloc(1 << 20);
    require(block != NULL);
    free(block);
}

extern void use_exceptions(void); /* throws.cpp */

static void use_values(void)
{
    require_eq(image.p->set(0, "value"), FINI_OK);
    require(image.p->get(0) != NULL);
    require_eq(image.p->set(0, NULL), FINI_OK);
}

/* Too late, which it is told without the loader's lock. */
static void use_holding(void)
{
    require_eq(image.p->hold_for_thread(), FINI_EFINALIZING);
    require_eq(image.p->start(1, NULL), FINI_EINVAL);
    require_eq(image.p->init(1), FINI_EFINALIZING);
}

static void use_waiting(void)
{
    require_eq(image.p->wait(0, -1), FINI_OK);
    require(image.p->stopping(0));
    require_eq(image.p->stop(0), FINI_EDEADLK);
}

static void open_plugin(const char *name)
{
    open_image(&image, name);
    handle = dlopen(NULL, RTLD_NOW);
}

/* ---- a worker that does it while its image goes ---------------------------------------------- */

static void (*use)(void);

static void use_it_late(int n)
{
    begun++;
    while (image.p->wait(n, 1000000000) != FINI_OK)
        ;
    use();
    say("used");
}

static void unload(void (*what)(void), const char *plugin)
{
    use = what;
    open_plugin(plugin);
    image.p->init(0);
    require_eq(image.p->start(0, use_it_late), FINI_OK);
    while (begun == 0)
        usleep(1000);
    close_image(&image);
}

struct use {
    const char *name;
    void (*fn)(void);
};

static const struct use hangs[] = {
    {"dlopen", use_dlopen},
    {"dlclose", use_dlclose},
    {"dlsym", use_dlsym},
    {"dladdr", use_dladdr},
    {"a_first_thread_local_object", use_thread_local_object},
    {"a_first_backtrace", use_backtrace},
    {"a_first_iconv_open", use_iconv_open},
};

static const struct use ends_and_hangs[] = {
    {"a_first_pthread_exit", use_pthread_exit},
    {"a_first_cancellation", use_cancellation},
    {"exit", use_exit},
};

static const struct use goes_on[] = {
    {"threads", use_threads},
    {"dl_iterate_phdr", use_dl_iterate_phdr},
    {"exceptions", use_exceptions},
    {"memory_and_thread_local_data", use_memory_and_thread_local_data},
    {"values", use_values},
    {"holding", use_holding},
    {"waiting", use_waiting},
};

static void does_not_hang(const void *data)
{
    unload(((const struct use *)data)->fn, "workers-plugin.so");
}

/* ---- hangs ----------------------------------------------------------------------------------- */

enum { SECONDS_TO_HANG = 2 };

/* What the child has said on standard error up to then. */
static void hang_in_child(const struct use *use_of, const char *plugin, char *said, size_t size)
{
    int ends[2], status;
    require_eq(pipe(ends), 0);
    pid_t child = fork();
    require(child >= 0);
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        alarm(SECONDS_TO_HANG);
        unload(use_of->fn, plugin);
        _exit(0);
    }
    close(ends[1]);
    ssize_t length = read(ends[0], said, size - 1);
    said[length > 0 ? length : 0] = '\0';
    close(ends[0]);
    require_eq(waitpid(child, &status, 0), child);
    require(WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM);
}

static void hangs_with_both(const void *data)
{
    char said[256];
    setenv("FINI_TRACE", "1", 1);
    hang_in_child(data, "workers-naive-joins.so", said, sizeof said);
    say("naive: hangs%s", said);
    hang_in_child(data, "workers-plugin.so", said, sizeof said);
    require(strstr(said, "waits for its worker, thread ") != NULL);
    say("libfini: hangs, and says for whom");
}

/* ---- the ways round -------------------------------------------------------------------------- */

static void stopped_before(const void *data)
{
    use = ((const struct use *)data)->fn;
    open_plugin("workers-plugin.so");
    require_eq(image.p->start(0, use_it_late), FINI_OK);
    require_eq(image.p->stop(0), FINI_OK);
    close_image(&image);
}

static atomic_bool closed;

static void hold_and_use_it(int n)
{
    (void)n;
    require_eq(image.p->hold_for_thread(), FINI_OK);
    begun++;
    while (!closed)
        usleep(1000);
    use();
    say("used");
}

static void held_for_the_thread(const void *data)
{
    use = ((const struct use *)data)->fn;
    open_plugin("workers-plugin.so");
    require_eq(image.p->start(0, hold_and_use_it), FINI_OK);
    while (begun == 0)
        usleep(1000);
    require_eq(dlclose(image.handle), 0);
    require(is_mapped(&image));
    closed = true;
    while (is_mapped(&image))
        usleep(1000);
}

/* ---- cases ----------------------------------------------------------------------------------- */

static void add(const char *form, const struct use *use_of, void (*run)(const void *data),
                const char *expect)
{
    char name[80];
    snprintf(name, sizeof name, form, use_of->name);
    harness_add(&(struct test_case){.name = name, .run = run, .data = use_of, .expect = expect,
                                    .slow = run == hangs_with_both, .timeout = 20});
}

void harness_setup(void)
{
    const char *both_hang = "naive: hangs\nlibfini: hangs, and says for whom\n";
    for (size_t n = 0; n < sizeof hangs / sizeof *hangs; n++) {
        add("%s_hangs", &hangs[n], hangs_with_both, both_hang);
        add("%s_by_one_stopped_before", &hangs[n], stopped_before, "used\n");
        add("%s_by_one_that_holds_the_image", &hangs[n], held_for_the_thread, "used\n");
    }
    for (size_t n = 0; n < sizeof ends_and_hangs / sizeof *ends_and_hangs; n++)
        add("%s_hangs", &ends_and_hangs[n], hangs_with_both, both_hang);
    for (size_t n = 0; n < sizeof goes_on / sizeof *goes_on; n++)
        add("%s_does_not_hang", &goes_on[n], does_not_hang, "used\n");
}
