/* SPDX-License-Identifier: MIT
 *
 * why_host.c - a process for `fini why` to look at: brings itself into the state that its arguments
 * name, says `ready`, waits for the end of standard input, and says `unharmed` if nothing has
 * disturbed it meanwhile.
 *
 * open PATH, global PATH, nodelete PATH, space PATH (dlmopen): load it; close PATH: once;
 * destructor PATH: a thread that waits, with one pending in that library; inside PATH: a thread
 * that waits in its function `rests`; remove PATH; vfork SECONDS: a thread that waits in vfork;
 * leave, as the last: the first thread ends, another one waits.
 */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static pthread_barrier_t barrier;
static int disturbed;
static int pipe_of_rest[2];

static void *load(const char *path, int how)
{
    void *handle = dlopen(path, RTLD_NOW | how);
    if (!handle) {
        fprintf(stderr, "%s\n", dlerror());
        exit(3);
    }
    return handle;
}

static void *find(const char *path, const char *name)
{
    void *handle = load(path, RTLD_NOLOAD), *found = dlsym(handle, name);
    dlclose(handle);
    if (!found)
        exit(3);
    return found;
}

static void unload(const char *path)
{
    void *handle = load(path, RTLD_NOLOAD);
    dlclose(handle);
    dlclose(handle);
}

/* Until the other end of the pipe is closed. */
static void rest(void)
{
    char byte;
    if (read(pipe_of_rest[0], &byte, 1) != 0)
        disturbed = 1;
}

static void *keep_destructor(void *path)
{
    void (*add)(void);
    *(void **)&add = find(path, "adds_destructor");
    add();
    pthread_barrier_wait(&barrier);
    rest();
    return NULL;
}

static void meet(void)
{
    pthread_barrier_wait(&barrier);
}

static void *be_inside(void *path)
{
    void (*rests)(void (*)(void), void (*)(void));
    *(void **)&rests = find(path, "rests");
    pthread_setname_np(pthread_self(), "insider");
    rests(meet, rest);
    return NULL;
}

/* The child of vfork has the memory until it ends: the thread waits in the kernel, and no signal
 * but a deadly one wakes it. */
static void *wait_in_vfork(void *seconds)
{
    static const char *argument;
    int status;
    argument = seconds;
    pid_t child = vfork();
    if (child == 0) {
        sleep((unsigned)strtoul(argument, NULL, 10));
        _exit(0);
    }
    if (waitpid(child, &status, 0) != child || status != 0)
        disturbed = 1;
    return NULL;
}

static void start(void *(*run)(void *), void *argument, pthread_t *ret)
{
    if (pthread_create(ret, NULL, run, argument) != 0)
        exit(3);
}

enum { THREADS_MOST = 16 };
static pthread_t threads[THREADS_MOST];
static int thread_count;

static void start_and_meet(void *(*run)(void *), void *argument)
{
    start(run, argument, &threads[thread_count++]);
    pthread_barrier_wait(&barrier);
}

static void do_one(const char *what, char *path)
{
    if (strcmp(what, "open") == 0)
        load(path, 0);
    else if (strcmp(what, "global") == 0)
        load(path, RTLD_GLOBAL);
    else if (strcmp(what, "nodelete") == 0)
        load(path, RTLD_NODELETE);
    else if (strcmp(what, "space") == 0 && !dlmopen(LM_ID_NEWLM, path, RTLD_NOW))
        exit(3);
    else if (strcmp(what, "close") == 0)
        unload(path);
    else if (strcmp(what, "remove") == 0)
        unlink(path);
    else if (strcmp(what, "destructor") == 0)
        start_and_meet(keep_destructor, path);
    else if (strcmp(what, "inside") == 0)
        start_and_meet(be_inside, path);
    else if (strcmp(what, "vfork") == 0)
        start(wait_in_vfork, path, &threads[thread_count++]);
}

static void *wait_and_end(void *unused)
{
    char byte;
    (void)unused;
    puts("ready");
    fflush(stdout);
    if (read(STDIN_FILENO, &byte, 1) != 0)
        disturbed = 1;
    close(pipe_of_rest[1]);
    for (int i = 0; i < thread_count; i++)
        pthread_join(threads[i], NULL);
    puts(disturbed ? "disturbed" : "unharmed");
    exit(disturbed);
}

int main(int argc, char **argv)
{
    pthread_t last;
    pthread_barrier_init(&barrier, NULL, 2);
    if (pipe(pipe_of_rest) != 0)
        return 3;
    for (int i = 1; i + 1 < argc && thread_count < THREADS_MOST; i += 2)
        do_one(argv[i], argv[i + 1]);
    if (argc % 2 == 1)
        wait_and_end(NULL);
    start(wait_and_end, NULL, &last);
    pthread_exit(NULL);
}
