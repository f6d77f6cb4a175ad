#!/bin/sh
# SPDX-License-Identifier: MIT
#
# fini trace: what each cause looks like in a program that has it, and that programs are as before.
. "$FINI_SOURCE/tests/command/libraries.sh"
failures=$build/tests/failures

# program NAME [OPTION...]: from C on standard input, $work/NAME.
program() {
    name=$1
    shift
    {
        printf '#include <%s.h>\n' dlfcn fcntl pthread signal stdio stdlib string sys/wait unistd
        cat
    } >"$work/$name.c"
    cc -D_GNU_SOURCE -g -O1 -w "$work/$name.c" -pthread "$@" -o "$work/$name"
}

# trace STATUS ARGUMENT...: the report is in $work/said, the program's output in $work/out.
trace() {
    expected=$1
    shift
    status=0
    (cd "$work" && exec "$fini" trace -o "$work/said" --color=never "$@") \
        >"$work/out" 2>&1 || status=$?
    [ "$status" = "$expected" ] ||
        fail "status $status of trace $*: $(cat "$work/out" "$work/said")"
}

# opens PATH BODY: a program that opens it in its main as h, and then runs the body.
opens() {
    echo "int main(int argc, char **argv) { void *h = dlopen(\"./$1.so\", RTLD_NOW);
        void (*use)(void) = dlsym(h, \"use\"); $2 return 0; }" | program opener
}

plugin() {
    {
        printf '#include <%s.h>\n' pthread signal stdio stdlib time unistd
        cat
    } | library plugin "$@"
}

case_loads_and_unloads() # timeout=60
{
    echo 'void use(void) {}' | plugin
    opens plugin 'dlclose(h); return 3;'
    trace 3 ./opener
    said ' load   ./plugin.so  by main of opener'
    said ' unload ./plugin.so  by main of opener'
    said ' load   '"$work"'/opener  with the program'
    said ' exit   main has returned'
    said ' end    with status 3'
    not_said 'FINI-E'
    same output "$(cat "$work/out")" ''
}

# Those behind the agent are loaded after it and before the program. Another agent is such a one.
case_other_audit_libraries() # timeout=60
{
    echo 'void use(void) {}' | plugin
    echo 'unsigned la_version(unsigned version) { return version; }' | library auditor
    opens plugin 'puts(getenv("LD_AUDIT") ? getenv("LD_AUDIT") : "none"); return 3;'
    LD_AUDIT=$work/auditor.so
    export LD_AUDIT
    same_as_without ./opener
    unset LD_AUDIT
    said ' load   ./plugin.so  by main of opener'
    said ' exit   main has returned'
    trace 3 "$fini" run --leak-at-exit ./opener
    said ' load   ./plugin.so  by main of opener'
    said ' exit   main has returned'
    same 'what run has set' "$(cat "$work/out")" "${fini%/*}/libfini-agent.so"
}

case_report_on_standard_error() # timeout=60
{
    opens none 'puts("mine");'
    (cd "$work" && "$fini" trace ./opener >"$work/out" 2>"$work/said")
    same output "$(cat "$work/out")" mine
    said 'fini: '
    (cd "$work" && "$fini" trace -q ./opener >"$work/out" 2>"$work/said")
    same report "$(cat "$work/said")" ''
}

# libc loads something of its own next.
case_load_after_a_load_that_failed() # timeout=60
{
    echo '#include <iconv.h>
        int main(void) { dlopen("./none.so", RTLD_NOW); iconv_open("UTF-16", "KOI8-R");
        return 0; }' | program opener
    trace 0 ./opener
    said 'KOI8-R.so'
    not_said 'KOI8-R.so  by '
}

# dlclose never returns, and yet what comes is no unload.
case_exit_in_a_finalizer() # timeout=60
{
    echo 'void use(void) {} __attribute__((destructor)) static void end(void) { exit(5); }' | plugin
    opens plugin 'dlclose(h);'
    trace 5 ./opener
    said ' exit   end of plugin.so'
    said ' ended  '"$work"'/opener'
    not_said ' unload '
}

# libc calls exit() where nobody can stand before it.
case_exit_by_libc() # timeout=60
{
    echo '#include <err.h>
        static void *run(void *nothing) { return nothing; }
        int main(int argc, char **argv) { if (argc > 1) errx(4, "bye"); pthread_t t;
        pthread_create(&t, NULL, run, NULL); pthread_exit(NULL); }' | program opener
    trace 4 ./opener more
    said ' exit   from libc, or the last thread has ended'
    trace 0 ./opener
    said ' exit   from libc, or the last thread has ended'
}

# The files of images are where the program sees them.
case_another_folder() # timeout=60
{
    mkdir "$work/sub"
    echo 'static void handler(int number) {} void use(void) { signal(SIGUSR1, handler); }' | plugin
    mv "$work/plugin.so" "$work/sub"
    echo 'int main(void) { chdir("sub"); void *h = dlopen("./plugin.so", RTLD_NOW);
        ((void (*)(void))dlsym(h, "use"))(); dlclose(h); return 0; }' | program opener
    trace 0 ./opener
    said 'handler of SIGUSR1, handler of plugin.so; registered by use of plugin.so'
}

# Each load is an image of its own, but the file is open once.
case_loaded_again_and_again() # timeout=60
{
    echo 'static void handler(int number) {} void use(void) { signal(SIGUSR1, handler); }' | plugin
    echo 'int main(void) { for (int i = 0; i < 200; i++) { void *h = dlopen("./plugin.so", 1);
        ((void (*)(void))dlsym(h, "use"))(); dlclose(h); } return 0; }' | program opener
    limit=$(ulimit -n)
    ulimit -S -n 40
    trace 0 ./opener
    ulimit -S -n "$limit"
    said_times 'handler of SIGUSR1, handler of plugin.so; registered by use of plugin.so' 200
}

# A library that is built anew while it is loaded, or is no file any more: no names are better than
# wrong ones, and nothing waits for it.
case_file_is_another() # timeout=60
{
    echo 'static void padding(void) {} static void old(int number) {}
        void use(void) { signal(SIGUSR1, old); }' | plugin
    cp "$work/plugin.so" "$work/kept.so"
    echo 'static void wrong(int number) { *(volatile int *)8 = number; puts("1"); puts("2"); }
        void use(void) { signal(SIGUSR1, wrong); signal(SIGUSR2, wrong); }' | plugin
    mv "$work/plugin.so" "$work/new.so"
    for file in new fifo; do
        cp "$work/kept.so" "$work/plugin.so"
        mkfifo "$work/fifo.so"
        opens plugin "use(); rename(\"$file.so\", \"plugin.so\"); dlclose(h);"
        trace 0 ./opener
        said 'handler of SIGUSR1, plugin.so+0x'
        rm -f "$work/fifo.so"
    done
}

case_two_namespaces() # timeout=60
{
    echo 'void use(void) {}' | plugin
    echo 'int main(void) { dlclose(dlmopen(LM_ID_NEWLM, "./plugin.so", RTLD_NOW)); return 0; }' |
        program opener
    trace 0 ./opener
    said ' load   ./plugin.so  by main of opener'
    said ' unload ./plugin.so  by main of opener'
}

# What it leaves is named, with who made it.
case_left_behind() # timeout=60
{
    plugin <<'END'
#include <printf.h>
static int prints(FILE *file, const struct printf_info *info, const void *const *values) {}
static void destroy(void *value) {}
static void interrupted(int number) {}
static void forks(void) {}
static void ends(int status, void *argument) {}
static void expires(union sigval value) {}
static ssize_t reads(void *cookie, char *to, size_t size) { return 0; }
void use(void)
{
    pthread_key_t key;
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = expires};
    pthread_key_create(&key, destroy);
    signal(SIGUSR1, interrupted);
    on_exit(ends, NULL);
    timer_create(CLOCK_MONOTONIC, &event, &timer);
    fopencookie(NULL, "r", (cookie_io_functions_t){.read = reads});
    register_printf_specifier('Y', prints, NULL);
    pthread_atfork(forks, NULL, NULL);
}
END
    opens plugin 'use(); dlclose(h); _exit(0);'
    trace 0 ./opener
    for text in 'FINI-E201' \
        'thread key 0, whose destructor is destroy of plugin.so; created by use' \
        'FINI-E202' 'exit handler ends of plugin.so; registered by use of plugin.so' 'FINI-E204' \
        'handler of SIGUSR1, interrupted of plugin.so; registered by use of plugin.so' 'FINI-E206' \
        'callback of a printf letter, prints of plugin.so' \
        'callback of a timer, expires of plugin.so' 'callback of a stream, reads of plugin.so'; do
        said "$text"
    done
    # libc takes those back.
    not_said 'FINI-E203'
}

case_fork_handler_of_another_owner() # timeout=60
{
    plugin <<'END'
int __register_atfork(void (*)(void), void (*)(void), void (*)(void), void *);
static void forks(void) {}
void use(void) { __register_atfork(forks, NULL, NULL, NULL); }
END
    opens plugin 'use(); dlclose(h); _exit(0);'
    trace 0 ./opener
    said 'FINI-E203'
    said 'fork handler forks of plugin.so; registered by use of plugin.so'
}

# What is taken back in time is not told.
case_nothing_left() # timeout=60
{
    plugin <<'END'
static pthread_key_t key;
static timer_t timer;
static FILE *file;
static void destroy(void *value) {}
static void interrupted(int number) {}
static void ends(void) {}
static void expires(union sigval value) {}
static int closes(void *cookie) { return 0; }
void use(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = expires};
    pthread_key_create(&key, destroy);
    signal(SIGUSR1, interrupted);
    atexit(ends);
    timer_create(CLOCK_MONOTONIC, &event, &timer);
    file = fopencookie(NULL, "r", (cookie_io_functions_t){.close = closes});
}
__attribute__((destructor)) static void clean(void)
{
    pthread_key_delete(key);
    signal(SIGUSR1, SIG_DFL);
    timer_delete(timer);
    fclose(file);
}
END
    opens plugin 'use(); dlclose(h);'
    trace 0 --findings-status=9 ./opener
    said ' unload ./plugin.so'
    not_said 'FINI-E'
}

case_stays_by_mark() # timeout=60
{
    echo 'void use(void) {}' | plugin -Wl,-z,nodelete
    opens plugin 'dlclose(h);'
    trace 0 ./opener
    said ' stays  ./plugin.so  by main of opener'
    said 'FINI-E001'
    opens plugin 'dlclose(dlopen("libc.so.6", RTLD_NOW));'
    trace 0 ./opener
    said 'FINI-E210'
    echo 'void use(void) {}' | plugin
    opens plugin 'dlclose(h); h = dlopen("./plugin.so", RTLD_NOW | RTLD_NODELETE); dlclose(h);'
    trace 0 ./opener
    said 'FINI-E001'
    said ' unload '
}

case_stays_by_reference() # timeout=60
{
    echo 'void use(void) {}' | plugin
    opens plugin 'dlopen("./plugin.so", RTLD_NOW); dlclose(h); dlclose(h);'
    trace 0 ./opener
    said 'FINI-E208'
    said 'opened 2 times, closed 1; opened last by main of opener'
    said ' unload ./plugin.so'
}

case_stays_by_dependent() # timeout=60
{
    echo 'void use(void) {}' | plugin -Wl,-soname,plugin.so
    echo 'void use(void); void more(void) { use(); }' |
        library dependent "$work/plugin.so" -Wl,-rpath,"$work"
    opens plugin 'void *d = dlopen("./dependent.so", RTLD_NOW); dlclose(h); dlclose(d);'
    trace 0 ./opener
    said 'FINI-E209'
    said './dependent.so'
    said ' unload '
}

case_stays_by_unique_symbol() # timeout=60
{
    printf '%s\n' 'template <class T> struct box { static int value; };' \
        'template <class T> int box<T>::value = 1;' \
        'extern "C" void use() { ++box<long>::value; }' | library_cxx plugin
    opens plugin 'dlclose(h);'
    trace 0 ./opener
    said 'FINI-E002'
    said 'box<long>::value'
}

# The library whose destructors have yet to run is the guilty one.
case_stays_by_thread_local() # timeout=60
{
    printf '%s\n' 'struct cache { ~cache(); char *text = nullptr; };' \
        'cache::~cache() { delete text; }' 'thread_local cache own;' \
        'extern "C" void use() { own.text = new char; }' | library_cxx plugin
    opens plugin 'use(); dlclose(h);'
    trace 0 ./opener
    said 'FINI-E207'
    said ', cache::~cache() of plugin.so; registered by plugin.so'
    echo 'static void (*use)(void); static void *run(void *nothing) { use(); return NULL; }
        int main(void) { pthread_t t; void *h = dlopen("./plugin.so", RTLD_NOW);
        use = dlsym(h, "use"); pthread_create(&t, NULL, run, NULL); pthread_join(t, NULL);
        dlclose(h); return 0; }' | program opener
    trace 0 ./opener
    said ' unload ./plugin.so'
    not_said 'FINI-E'
}

inside_source() {
    echo 'static volatile int there; static int table[4];
        static void *run(void *nothing) { there = 1; for (;;) { usleep(10000); table[0]++; } }
        void use(void) { pthread_t t; pthread_create(&t, NULL, run, NULL);
        while (!there) usleep(1000); }
        __attribute__((destructor)) static void clean(void) { table[1] = 1; }'
}

case_thread_inside() # timeout=60
{
    inside_source | plugin
    opens plugin 'use(); dlclose(h); _exit(0);'
    trace 0 ./opener
    said 'FINI-E205'
    said 'from run of plugin.so'
    said ' thread '
}

# The guilty one is the last of more than are looked at.
case_thread_among_many() # timeout=100
{
    inside_source | plugin
    echo 'static void *sleeps(void *nothing) { for (;;) pause(); }
        int main(void) { pthread_attr_t small; pthread_t t; pthread_attr_init(&small);
        pthread_attr_setstacksize(&small, 65536);
        for (int i = 0; i < 520; i++) pthread_create(&t, &small, sleeps, NULL);
        void *h = dlopen("./plugin.so", RTLD_NOW); ((void (*)(void))dlsym(h, "use"))();
        dlclose(h); _exit(0); }' | program opener
    trace 0 ./opener
    said 'FINI-E205'
    said 'begun in run of plugin.so; created by use of plugin.so'
    said '1 times not all threads were looked at'
}

# Threads of C.
case_thread_by_thrd_create() # timeout=60
{
    echo '#include <threads.h>
        static int run(void *number) { return *(int *)number; }
        int main(void) { thrd_t t; int number = 6; thrd_create(&t, run, &number);
        thrd_join(t, &number); return number; }' | program opener
    trace 6 ./opener
    grep -q ' thread [0-9]* run of opener' "$work/said" || fail "not said: $(cat "$work/said")"
    said ' thread ends'
}

case_thread_inside_at_exit() # timeout=60
{
    inside_source | plugin
    opens plugin 'use();'
    trace 9 --findings-status=9 ./opener
    said ' ended  ./plugin.so'
    said 'FINI-E212'
    said 'from run of plugin.so'
}

# A thread that sleeps where a stop would end its sleep is looked at without one.
case_sleep_is_not_ended() # timeout=60
{
    plugin <<'END'
#include <dlfcn.h>
#include <sys/epoll.h>
static volatile int there;
static void *run(void *nothing)
{
    struct epoll_event event;
    int error, fd = epoll_create1(0);
    there = 1;
    error = epoll_wait(fd, &event, 1, 300);
    puts(error == 0 ? "slept" : "was woken");
    return NULL;
}
void use(void)
{
    pthread_t t;
    pthread_create(&t, NULL, run, NULL);
    while (!there)
        usleep(1000);
    usleep(50000);
    dlclose(dlopen("./other.so", RTLD_NOW));
    dlclose(dlopen("./other.so", RTLD_NOW));
    pthread_join(t, NULL);
}
END
    echo 'int one;' | library other
    opens plugin 'use();'
    trace 0 ./opener
    same output "$(cat "$work/out")" slept
    said ' unload ./other.so'
}

# On a socket with a time limit each call would be ended by a stop. It is looked at in the middle.
case_sleep_on_a_socket_is_not_ended() # timeout=60
{
    echo 'int one;' | library other
    program opener -include sys/socket.h -include errno.h <<'END'
static int pair[2], failures, calls;
static void begin(void) { __atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST); }
static void check(const char *what, int got)
{
    if (got >= 0 || errno != EAGAIN) {
        printf("%s: %s\n", what, strerror(errno));
        failures++;
    }
}
static void *run(void *nothing)
{
    char byte;
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    struct timeval limit = {2, 0};
    setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    begin();
    check("recv", recv(pair[0], &byte, 1, 0));
    begin();
    check("read", read(pair[0], &byte, 1));
    begin();
    check("recvmsg", recvmsg(pair[0], &message, 0));
    return NULL;
}
int main(void)
{
    pthread_t thread;
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    pthread_create(&thread, NULL, run, NULL);
    for (int call = 1; call <= 3; call++) {
        while (__atomic_load_n(&calls, __ATOMIC_SEQ_CST) < call)
            usleep(1000);
        usleep(500000);
        dlclose(dlopen("./other.so", RTLD_NOW));
    }
    pthread_join(thread, NULL);
    return failures;
}
END
    trace 0 ./opener
}

# Death by the same signal, with the cause: status 128 + number in the shell.
case_crash_by_key() # timeout=60
{
    plugin <<'END'
static void destroy(void *value) {}
void use(void)
{
    pthread_key_t key;
    pthread_key_create(&key, destroy);
    pthread_setspecific(key, &key);
}
END
    echo 'static void *run(void *nothing) { void *h = dlopen("./plugin.so", RTLD_NOW);
        ((void (*)(void))dlsym(h, "use"))(); dlclose(h); return NULL; }
        int main(void) { pthread_t t; pthread_create(&t, NULL, run, NULL);
        pthread_join(t, NULL); return 0; }' | program opener
    trace 139 ./opener
    said 'FINI-E213'
    said 'thread key 0, whose destructor is destroy of plugin.so; created by use of plugin.so; '
    said ' crash '
    said ' end    by SIGSEGV'
}

# Not its code but its data: a stream still has the buffer.
case_crash_by_data() # timeout=60
{
    echo 'static char buffer[4096]; void use(void) { setvbuf(stdout, buffer, _IOFBF, 4096); }' |
        plugin
    opens plugin 'use(); putc(120, stdout); dlclose(h); putc(121, stdout);'
    trace 139 ./opener
    said 'FINI-E213'
    grep -q 'its memory is used by .*putc of libc.so' "$work/said" ||
        fail "not said: $(cat "$work/said")"
    said '; plugin.so was unloaded '
}

# in_failure STATUS TEXT HOST MODULE ENDING: a naive library of tests/failures; on a busy machine
# its threads may not get to run in time.
in_failure() {
    [ -x "$failures/$3" ] || fail "not built: $3"
    for attempt in 1 2 3 4 5 6 7 8 9 10; do
        status=0
        (cd "$failures" && exec "$fini" trace -o "$work/said" --color=never "./$3" "./$4.so" "$5") \
            >"$work/out" 2>&1 || status=$?
        if [ "$status" = "$1" ] && grep -qF -e "$2" "$work/said"; then
            return 0
        fi
    done
    fail "not said in 10 runs of $4: $2: status $status: $(cat "$work/said")"
}

case_real_failures() # timeout=200 slow=1
{
    in_failure 139 'FINI-E214' thread-host 01-naive exit
    in_failure 139 'FINI-E214' thread-host 02-naive exit
    in_failure 139 'FINI-E213' 04-host 04-naive unload
    in_failure 0 'FINI-E207' 04-host 05-naive unload
    in_failure 139 'FINI-E213' 06-host 06-naive unload
    in_failure 139 'FINI-E205' 08-host 08-naive forgets
    in_failure 139 ', which was inside when it went, in ' 08-host 08-naive forgets
    in_failure 139 ', which was inside when it went, in ' 10-host 10-naive exit
    in_failure 139 'FINI-E205' 09-host 09-naive unload
    in_failure 139 'FINI-E213' thread-host 11-naive exit
}

# same_as_without PROGRAM: output, and status, with the agent and without.
same_as_without() {
    status=0
    (cd "$work" && exec "$@") >"$work/plain" 2>&1 || status=$?
    trace "$status" "$@"
    cmp "$work/plain" "$work/out" || fail "another output: $(diff "$work/plain" "$work/out")"
}

case_program_is_as_before() # timeout=60
{
    echo 'void use(void) {}' | plugin
    program lives <<'END'
extern char **environ;
static void handler(int number) { (void)number; }
int main(int argc, char **argv)
{
    struct sigaction action;
    int status, open_count = 0;
    for (int i = 0; environ[i]; i++)
        if (strncmp(environ[i], "_=", 2) != 0)
            puts(environ[i]);
    for (int fd = 0; fd < 1024; fd++)
        open_count += fcntl(fd, F_GETFD) >= 0;
    printf("%d descriptors\n", open_count);
    for (int number = 1; number < 32; number++)
        if (sigaction(number, NULL, &action) == 0)
            printf("%d: %p %x\n", number, (void *)action.sa_handler, action.sa_flags);
    printf("%d %d\n", signal(SIGSEGV, handler) == SIG_DFL, signal(SIGSEGV, SIG_DFL) == handler);
    printf("%d", sigset(SIGBUS, handler) == SIG_DFL);
    sigaction(SIGBUS, NULL, &action);
    printf("%d", action.sa_handler == handler);
    printf("%d", sigset(SIGBUS, SIG_HOLD) == handler);
    printf("%d\n", sigset(SIGBUS, SIG_DFL) == SIG_HOLD);
    fflush(stdout);
    if (fork() == 0) {
        dlclose(dlopen("./plugin.so", RTLD_NOW));
        exit(7);
    }
    wait(&status);
    printf("child %d\n", WEXITSTATUS(status));
    fflush(stdout);
    if (vfork() == 0) {
        execl("/bin/sh", "sh", "-c", "env | grep -E '^(LD_|FINI_)'; exit 4", NULL);
        _exit(9);
    }
    wait(&status);
    printf("child %d\n", WEXITSTATUS(status));
    return 5;
}
END
    same_as_without ./lives
    LD_PRELOAD=$work/plugin.so
    export LD_PRELOAD
    same_as_without ./lives
}

case_all_descriptors_closed() # timeout=60
{
    echo 'void use(void) {}' | plugin
    opens plugin 'for (int fd = 0; fd < 1024; fd++) close(fd); dlclose(h); return 6;'
    trace 6 ./opener
    said ' unload ./plugin.so'
    said ' end    with status 6'
}

# Nothing takes the place of what is closed, neither for us nor for the program.
case_standard_descriptors_closed() # timeout=60
{
    opens none 'int count = 0; for (int fd = 0; fd < 64; fd++) count += fcntl(fd, F_GETFD) >= 0;
        return count;'
    status=0
    expected=0
    (cd "$work" && exec ./opener <&- >&- 2>&-) || expected=$?
    (cd "$work" && exec "$fini" trace -o "$work/said" ./opener <&- >&- 2>&-) || status=$?
    same descriptors "$status" "$expected"
    said " end    with status $expected"
    (cd "$work" && exec "$fini" trace -o "$work/said" ./none 2>&-) || :
    not_said 'No such file'
}

case_signals() # timeout=60
{
    opens none 'abort();'
    trace 134 ./opener
    said ' crash '
    said 'SIGABRT, sent by itself'
    said 'abort of libc'
    opens none '*(volatile int *)8 = 1;'
    trace 139 ./opener
    said 'SIGSEGV at 0x8'
    opens none 'if (fork() == 0) { kill(getppid(), SIGBUS); _exit(0); } for (;;) pause();'
    trace 135 ./opener
    said 'SIGBUS, sent by process '
    opens none 'raise(SIGFPE);'
    trace 136 ./opener
    opens none 'kill(getpid(), SIGKILL);'
    trace 137 ./opener
    said ' end    by SIGKILL'
    opens none 'kill(getpid(), SIGSEGV); pause();'
    trace 139 ./opener
    # A handler of the program's own is the program's.
    echo 'static void own(int number) { write(1, "own", 3); _exit(8); }
        int main(void) { signal(SIGSEGV, own); *(volatile int *)8 = 1; return 0; }' |
        program opener
    trace 8 ./opener
    same output "$(cat "$work/out")" own
    not_said ' crash '
}

case_flood() # timeout=100
{
    for i in 0 1 2 3; do
        echo 'void use(void) {}' | library "flood$i"
    done
    program flood <<'END'
static void *run(void *path)
{
    for (int i = 0; i < 200; i++)
        dlclose(dlopen(path, RTLD_NOW));
    return NULL;
}
int main(void)
{
    char *paths[] = {"./flood0.so", "./flood1.so", "./flood2.so", "./flood3.so"};
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, run, paths[i]);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    puts("done");
    return 5;
}
END
    same_as_without ./flood
    same unloads "$(grep -c ' unload ./flood' "$work/said")" 800
    not_said 'FINI-E'
    # With one heap the link map of one is where that of another thread's was.
    GLIBC_TUNABLES=glibc.malloc.arena_max=1:glibc.malloc.tcache_count=0
    export GLIBC_TUNABLES
    for attempt in 1 2 3 4 5; do
        trace 5 ./flood
        not_said 'FINI-E'
    done
}

# The places in the ring are those of agent.h.
ring_in_c() {
    cat <<'END'
static char *find_ring(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[4096], *ring = NULL;
    while (!ring && fgets(line, sizeof line, maps))
        if (strstr(line, "fini-trace"))
            ring = (char *)strtoul(line, NULL, 16);
    if (!ring)
        _exit(7);
    return ring;
}
static char *next_slot(char *ring)
{
    return ring + 192 + *(unsigned long *)(ring + 64) % 65536 * 128;
}
static void publish(char *ring)
{
    char *slot = next_slot(ring);
    unsigned long number = *(unsigned long *)(ring + 64);
    *(unsigned long *)(ring + 64) = number + *(unsigned *)(slot + 24);
    __sync_synchronize();
    *(unsigned long *)slot = number + 1;
}
END
}

# What the program writes into the ring is believed as little as a file. Events of all kinds, with
# words that may mean something, and anything as text.
case_ring_of_lies() # timeout=100
{
    { ring_in_c; cat; } <<'END' | program liar
static unsigned seed;
static unsigned any(unsigned below) { return rand_r(&seed) % below; }
static unsigned long word(void)
{
    switch (any(4)) {
    case 0: return any(16);
    case 1: return (unsigned long)any + any(8192);
    case 2: return -1ul - any(3);
    }
    return 0x7f0000000000ul + rand_r(&seed);
}
static void lie(char *slot)
{
    *(unsigned *)(slot + 8) = 1 + any(23);
    *(unsigned *)(slot + 12) = any(3) ? getpid() : any(5);
    *(unsigned *)(slot + 24) = 1 + any(4);
    *(unsigned *)(slot + 28) = any(300);
    for (int i = 0; i < 6; i++)
        ((unsigned long *)(slot + 32))[i] = word();
    for (int i = 80; i < 128; i++)
        slot[i] = any(4) ? any(256) : 0;
}
int main(int argc, char **argv)
{
    char *ring = find_ring();
    seed = atoi(argv[1]);
    for (int i = 0; i < 2000; i++) {
        lie(next_slot(ring));
        publish(ring);
    }
    _exit(6);
}
END
    for seed in 1 2 3 4; do
        trace 6 ./liar $seed
        [ "$(grep -c ' crash ' "$work/said")" -gt 5 ] || fail "no lie was read: $(cat "$work/said")"
    done
}

# What a child of the program writes is not waited for when the program has ended.
case_ring_is_written_for_ever() # timeout=100
{
    { ring_in_c; cat; } <<'END' | program floods -include time.h
int main(void)
{
    char *ring = find_ring();
    unsigned long tail = *(volatile unsigned long *)(ring + 128);
    for (unsigned long i = tail; i < tail + 65536; i++)
        *(volatile unsigned long *)(ring + 192 + i % 65536 * 128) = i + 1;
    if (fork())
        _exit(6);
    fork(), fork(), fork();
    for (time_t begin = time(0); time(0) < begin + 25;)
        for (int i = 0; i < 10000; i++)
            *(volatile unsigned long *)(ring + 128) = tail;
}
END
    status=0
    (cd "$work" && timeout 15 "$fini" trace ./floods) >"$work/said" 2>&1 || status=$?
    same "status ($(cat "$work/said"))" "$status" 6
}

# Nor is what is no file opened for its symbols, and waited for.
case_ring_names_a_fifo() # timeout=60
{
    mkfifo "$work/fifo.so"
    { ring_in_c; cat; } <<'END' | program liar
static void say(char *ring, unsigned type, unsigned long a, unsigned long b, unsigned long c)
{
    char *slot = next_slot(ring);
    *(unsigned *)(slot + 8) = type;
    *(unsigned *)(slot + 12) = getpid();
    *(unsigned *)(slot + 24) = 1;
    *(unsigned *)(slot + 28) = sizeof "./fifo.so";
    memcpy(slot + 32, (unsigned long[]){a, b, c, 0, 0, 0}, 48);
    strcpy(slot + 80, "./fifo.so");
    publish(ring);
}
int main(void)
{
    char *ring = find_ring();
    say(ring, 2, 1, 0x1000, 0x2000);
    say(ring, 14, 10, 0x1800, 0x1801);
    say(ring, 3, 1, 0, 0);
    _exit(6);
}
END
    status=0
    (cd "$work" && timeout 30 "$fini" trace ./liar) >"$work/said" 2>&1 || status=$?
    same "status ($(cat "$work/said"))" "$status" 6
    said 'fifo.so+0x800'
}

# Nor does it have a say in what has been read.
case_ring_is_read_once() # timeout=60
{
    echo 'void use(void) {}' | plugin
    program liar <<'END'
int main(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[4096], *ring = NULL;
    while (!ring && fgets(line, sizeof line, maps))
        if (strstr(line, "fini-trace"))
            ring = (char *)strtoul(line, NULL, 16);
    dlclose(dlopen("./plugin.so", RTLD_NOW));
    *(volatile unsigned long *)(ring + 128) = 0;
    usleep(100000);
    _exit(3);
}
END
    trace 3 ./liar
    said_times ' load   ./plugin.so' 1
}

# A thread may have to wait for a processor between taking a place and filling it, while others go
# on. The number of a beginning thread is that of agent.h.
case_place_is_filled_late() # timeout=60
{
    program late <<'END'
int main(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[4096], *ring = NULL;
    pthread_key_t key;
    while (!ring && fgets(line, sizeof line, maps))
        if (strstr(line, "fini-trace"))
            ring = (char *)strtoul(line, NULL, 16);
    unsigned long number = __sync_fetch_and_add((unsigned long *)(ring + 64), 1);
    unsigned *slot = (unsigned *)(ring + 192 + number % 65536 * 128);
    for (int i = 0; i < 200; i++) {
        pthread_key_create(&key, free);
        pthread_key_delete(key);
        usleep(100);
    }
    slot[2] = 15;
    slot[3] = 4242;
    slot[6] = 1;
    __sync_synchronize();
    *(unsigned long *)slot = number + 1;
    return 3;
}
END
    trace 3 ./late
    said ' thread 4242'
}

case_tracer_is_killed() # timeout=60
{
    echo 'void use(void) {}' | plugin
    echo 'int main(void) { kill(getppid(), SIGKILL); while (getppid() == atoi(getenv("TRACER")));
        for (int i = 0; i < 100; i++) dlclose(dlopen("./plugin.so", RTLD_NOW));
        creat("end", 0600); return 0; }' | program opener
    (cd "$work" && TRACER=$$ sh -c 'TRACER=$$ exec "$0" trace -o said ./opener' "$fini") || :
    for attempt in $(seq 300); do
        [ -f "$work/end" ] && return 0
        sleep 0.1
    done
    fail 'the program hangs'
}

# What has been written by then are whole events, and for viewers a list, whose end they can miss.
case_report_of_a_killed_tracer() # timeout=100
{
    command -v python3 >/dev/null || skip 'no python3'
    echo 'void use(void) {}' | plugin
    opens plugin 'for (int i = 0; i < 500 && system("grep -q plugin.so said"); i++) usleep(10000);
        kill(getppid(), SIGKILL);'
    for form in json trace-event; do
        (cd "$work" && exec "$fini" trace -f $form -o said ./opener) >"$work/out" 2>&1 || :
        python3 -c 'import json, sys
lines = open(sys.argv[2]).read().split("\n")
assert sys.argv[1] == "json" or lines[0] == "[", lines
events = json.loads("[" + "\n".join(lines[1:]) + "]")
assert "./plugin.so" in [x.get("path", x.get("args", {}).get("path")) for x in events], events' \
            $form "$work/said"
    done
}

# A shell sees that its job stops, and the program goes on with it, or with the program alone.
case_stops_and_goes_on() # timeout=60
{
    program shell <<'END'
int main(int argc, char **argv)
{
    int status;
    pid_t job = fork();
    if (job == 0) {
        setpgid(0, 0);
        execv(argv[2], argv + 2);
    }
    if (waitpid(job, &status, WUNTRACED) < 0 || !WIFSTOPPED(status) || WSTOPSIG(status) != SIGTSTP)
        return 1;
    if (strcmp(argv[1], "job") == 0)
        kill(-job, SIGCONT);
    if (strcmp(argv[1], "first") == 0)
        kill(job, SIGCONT);
    return waitpid(job, &status, 0) == job && WIFEXITED(status) ? WEXITSTATUS(status) : 2;
}
END
    echo 'int main(int argc, char **argv) { pid_t own = getpid();
        if (argc > 1 && fork() == 0) { sleep(1); kill(own, SIGCONT); _exit(0); }
        kill(own, SIGTSTP); return 7; }' | program stops
    for who in job first; do
        status=0
        "$work/shell" $who "$fini" trace -o "$work/said" "$work/stops" || status=$?
        same "status of $who" "$status" 7
    done
    status=0
    "$work/shell" nobody "$fini" trace -o "$work/said" "$work/stops" alone || status=$?
    same "status of alone" "$status" 7
}

# A service is told things by signals, and its alarm may have been set before it was started.
case_all_signals_are_passed_on() # timeout=60
{
    program counts <<'END'
static volatile int got[65], value;
static void on(int number, siginfo_t *info, void *context)
{
    got[number]++;
    if (number == SIGRTMIN)
        value = info->si_value.sival_int;
}
int main(void)
{
    int numbers[] = {SIGINT, SIGQUIT, SIGHUP, SIGWINCH, SIGALRM, SIGUSR1, SIGABRT, SIGTERM};
    struct sigaction action = {.sa_sigaction = on, .sa_flags = SA_SIGINFO};
    sigaction(SIGRTMIN, &action, NULL);
    sigqueue(getppid(), SIGRTMIN, (union sigval){.sival_int = 77});
    for (int i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        sigaction(numbers[i], &action, NULL);
        kill(getppid(), numbers[i]);
        while (!got[numbers[i]])
            usleep(1000);
    }
    return value;
}
END
    trace 77 ./counts
    echo 'int main(int argc, char **argv) { alarm(1); execv(argv[1], argv + 1); }' | program alarmed
    echo 'int main(void) { for (;;) pause(); }' | program opener
    status=0
    (cd "$work" && exec ./alarmed "$fini" trace -o "$work/said" ./opener) || status=$?
    same 'status when the alarm has gone off' "$status" 142
    said ' end    by SIGALRM'
}

case_signal_is_passed_on() # timeout=60
{
    echo 'static void own(int number) { _exit(number == SIGTERM ? 8 : 9); }
        int main(void) { signal(SIGTERM, own); kill(getppid(), SIGTERM); for (;;) pause(); }' |
        program opener
    trace 8 ./opener
}

# More events than the ring holds at one time.
case_more_than_the_ring() # timeout=100
{
    opens none 'for (int i = 0; i < 150000; i++) { pthread_key_t key;
        pthread_key_create(&key, free); pthread_key_delete(key); } return 4;'
    trace 4 ./opener
    said ' end    with status 4'
}

case_other_programs_in_the_process() # timeout=60
{
    echo 'void use(void) {}' | plugin
    opens plugin 'dlclose(h); return 3;'
    printf '#!/bin/sh\nexec ./opener "$@"\n' >"$work/script"
    chmod +x "$work/script"
    trace 3 ./script
    said ' exec'
    said ' unload ./plugin.so  by main of opener'
    trace 3 env -i ./opener
    said ' unload ./plugin.so  by main of opener'
}

# What cannot be traced is as it would be, and the report says why it ends there.
case_becomes_what_cannot_be_traced() # timeout=60
{
    program shows -static <<'END'
extern char **environ;
int main(void)
{
    for (int i = 0; environ[i]; i++)
        if (strncmp(environ[i], "LD_", 3) == 0 || strncmp(environ[i], "FINI_AGENT", 10) == 0)
            puts(environ[i]);
    return 3;
}
END
    echo 'int main(int argc, char **argv) { if (argc > 1) setuid(1000); execv("./shows", argv);
        execl("./other", "other", NULL); return 9; }' | program opener
    trace 3 ./opener
    same output "$(cat "$work/out")" ''
    said ' exec   of ./shows, which is not traced: it is static'
    mv "$work/shows" "$work/fixed"
    echo 'int main(void) { return getppid() == 1; }' | program other
    if [ "$(id -u)" = 0 ]; then
        chmod 755 "$work"
        trace 0 ./opener as-user
        said ' exec   of ./other, which is not traced: the agent is out of its reach'
    fi
    trace 0 ./opener
    said ' load   '"$work"'/other  with the program'
    not_said 'is not traced'
}

# What stands at a program's name is looked at before, and must not be waited for.
case_no_program() # timeout=60
{
    mkfifo "$work/fifo"
    chmod +x "$work/fifo"
    trace 126 ./fifo
    trace 127 ./absent
}

case_where_a_caller_looks() # timeout=60
{
    mkdir "$work/plugins"
    echo 'void use(void) {}' | library plugin
    mv "$work/plugin.so" "$work/plugins"
    echo 'int main(void) { return dlopen("plugin.so", RTLD_NOW) ? 0 : 9; }' |
        program opener -Wl,-rpath,'$ORIGIN/plugins'
    trace 0 ./opener
}

case_not_traced() # timeout=60
{
    echo 'int main(void) { return 0; }' | program fixed -static
    trace 2 ./fixed
    grep -qF 'it is static' "$work/out" || fail "not said: $(cat "$work/out")"
    printf '#!%s/fixed\n' "$work" >"$work/script"
    chmod +x "$work/script"
    trace 2 ./script
    grep -qF 'it is static' "$work/out" || fail "not said: $(cat "$work/out")"
    trace 127 ./none
    : >"$work/text"
    trace 126 ./text
    cp "$work/fixed" "$work/other"
    echo 'int main(void) { return 0; }' | program other
    chmod u+s "$work/other"
    trace 2 ./other
    grep -qF 'set-user-ID' "$work/out" || fail "not said: $(cat "$work/out")"
    command -v musl-gcc >/dev/null || skip 'no musl-gcc'
    echo 'int main(void) { return 0; }' >"$work/small.c"
    musl-gcc "$work/small.c" -o "$work/small"
    trace 2 ./small
    grep -qF 'not glibc' "$work/out" || fail "not said: $(cat "$work/out")"
}

# json PROGRAM-OF-PYTHON: with the report as d.
json() {
    python3 -c "import json,sys; d=json.load(open(sys.argv[1])); $1" "$work/said"
}

case_json() # timeout=60
{
    command -v python3 >/dev/null || skip 'no python3'
    inside_source | plugin
    opens plugin 'use(); dlclose(h); _exit(0);'
    trace 0 --format=json ./opener
    json 'assert d["schema"] == "fini-trace/1" and d["command"] == ["./opener"], d
assert d["findings"] == 1 and d["not_looked"] == 0, d
e = d["events"]; kinds = [x["event"] for x in e]
assert kinds.count("unload") == 1 and kinds[-1] == "end" and "thread" in kinds, kinds
f, = [x for x in e if x["event"] == "finding"]
assert f["id"] == "FINI-E205" and f["severity"] == "danger" and f["path"] == "./plugin.so", f
assert "run of plugin.so" in f["stack"], f
assert all(x["time"] >= 0 and x["thread"] > 0 for x in e)
assert [x for x in e if x["event"] == "load"][0]["startup"] is True'
}

# What no viewer complains of: Chrome's draws the span of a thread that does not end no longer than
# what else the thread does, and of an argument that both ends of a span have it shows the last.
timeline() {
    json 'e = d
assert all("ts" in x and "pid" in x and "tid" in x and x["name"] for x in e), e
times = [x["ts"] for x in e if x["ph"] != "M"]
assert times == sorted(times) and all(round(x, 3) == x for x in times), times
open_, ended, names = {}, set(), {}
for x in e:
    key = x["id2"]["local"] if x["ph"] in "be" else x["tid"]
    if x["ph"] == "M" and x["name"] == "thread_name":
        names[x["tid"]] = x["args"]["name"]
    if x["ph"] in "Bb":
        assert key not in open_ and key not in ended, x
        open_[key] = x
    elif x["ph"] in "Ee":
        begun = open_.pop(key)
        assert begun["name"] == x["name"] and begun["cat"] == x["cat"], (begun, x)
        assert not set(begun["args"]) & set(x.get("args", {})), (begun, x)
        if x["ph"] == "e":
            ended.add(key)
assert not open_, open_
assert all(x["tid"] in names for x in e), names
'"$1"
}

case_trace_event() # timeout=60
{
    command -v python3 >/dev/null || skip 'no python3'
    inside_source | plugin
    opens plugin 'use(); dlclose(h); _exit(0);'
    trace 0 --format=trace-event ./opener
    timeline '
thread, = [x for x in e if x["ph"] == "B" and x["name"] == "run of plugin.so"]
assert names[thread["tid"]] == "run of plugin.so", names
assert thread["args"] == {"thread": thread["tid"]}, thread
assert names[e[0]["pid"]] == "main of opener", names
end, = [x for x in e if x["ph"] == "E" and x["tid"] == thread["tid"]]
assert end["ts"] == max(times), end
assert any(x["ph"] == "i" and x["name"].startswith("FINI-E205") for x in e)
b, = [x for x in e if x["ph"] == "b" and x["name"] == "plugin.so"]
assert b["args"] == {"path": "./plugin.so", "loaded by": "main of opener"}, b
x, = [x for x in e if x["ph"] == "e" and x["name"] == "plugin.so"]
assert x["args"] == {"unloaded by": "main of opener"} and x["ts"] < max(times), x'
}

# With it goes all that was there, threads too.
case_trace_event_exec() # timeout=60
{
    command -v python3 >/dev/null || skip 'no python3'
    inside_source | plugin
    opens plugin 'if (argc > 1) { dlclose(h); return 3; }
        use(); execl("./other", "other", "again", NULL);'
    cp "$work/opener" "$work/other"
    trace 3 --format=trace-event ./opener
    timeline '
mains = [(x["ph"], x["name"]) for x in e if x["ph"] in "BE" and x["tid"] == x["pid"]]
assert mains == [(x, "main of " + y) for y in ("opener", "other") for x in "BE"], mains
exec, = [x for x in e if x["name"] == "exec"]
ends = [x["ts"] for x in e if x["ph"] == "E" and x["name"] == "run of plugin.so"]
assert ends == [exec["ts"]], ends
named = [x["args"]["name"] for x in e if x["name"] == "process_name"]
assert named[-1] == "other", named'
}

case_trace_event_many_threads() # timeout=60
{
    command -v python3 >/dev/null || skip 'no python3'
    for name in one two; do
        echo 'void use(void) {}' | library $name
    done
    program threads <<'END'
static void *run(void *path)
{
    for (int i = 0; i < 20; i++)
        dlclose(dlopen(path, RTLD_NOW));
    return NULL;
}
int main(void)
{
    char *paths[] = {"./one.so", "./one.so", "./two.so"};
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, run, paths[i]);
    pthread_detach(threads[0]);
    pthread_exit(NULL);
}
END
    trace 0 --format=trace-event ./threads
    timeline '
runs = [x["tid"] for x in e if x["ph"] == "B" and x["name"] == "run of threads"]
assert len(runs) == 3, runs
loads = [x for x in e if x["ph"] == "b" and x["name"] in ("one.so", "two.so")]
assert len(loads) >= 20 and {x["tid"] for x in loads} <= set(runs), loads'
}

case_lua() # timeout=60
{
    command -v lua5.4 >/dev/null || skip 'no lua5.4'
    echo 'int luaopen_plugin(void *state) { return 0; }' | library plugin
    printf 'package.cpath = "./?.so"\nrequire "plugin"\nprint(1 + 1)\n' >"$work/script.lua"
    same_as_without lua5.4 script.lua
    said ' load   ./plugin.so  by '
    said ' unload ./plugin.so  by '
}

case_python() # timeout=60
{
    command -v python3 >/dev/null || skip 'no python3'
    inside_source | plugin
    printf '%s\n' 'import _ctypes, ctypes' 'handle = _ctypes.dlopen("./plugin.so", 2)' \
        '_ctypes.dlclose(handle)' 'ctypes.CDLL("./plugin.so").use()' 'print("end")' \
        >"$work/script.py"
    same_as_without python3 script.py
    said ' unload ./plugin.so  by py_dl_close of _ctypes'
    said 'FINI-E212'
    said 'from run of plugin.so'
}

# logged TEXT COUNT FILE: soon, in so many lines of it.
logged() {
    for attempt in $(seq 300); do
        found=$(grep -cF -e "$1" "$3" 2>/dev/null || :)
        [ "${found:-0}" -lt "$2" ] || return 0
        sleep 0.1
    done
    fail "not in $3: $1"
}

# A server that is told to load its modules again, and then to end. serves LOG READY SIGNAL PROGRAM
serves() {
    log=$1
    ready=$2
    signal=$3
    shift 3
    "$fini" trace -o "$work/said" --color=never "$@" >"$work/out" 2>&1 &
    server=$!
    trap 'kill "$server" 2>/dev/null || :; rm -rf "$work"' EXIT
    logged "$ready" 1 "$log"
    kill "-$signal" "$(cat "$work/pid")"
    logged "$ready" 2 "$log"
    kill -TERM "$(cat "$work/pid")"
    wait "$server" || fail "status $? of $*: $(cat "$work/out")"
}

# How often a line with the text was written.
said_times() {
    same "lines with $1" "$(grep -cF -e "$1" "$work/said")" "$2"
}

# Loads its modules, unloads and loads them again when it begins, and when it is told to.
case_apache() # timeout=100
{
    server=$(command -v apache2 || echo /usr/sbin/apache2)
    modules=/usr/lib/apache2/modules
    [ -x "$server" ] && [ -f "$modules/mod_mpm_event.so" ] || skip 'no apache2'
    {
        printf '%s\n' "ServerRoot $work" "PidFile $work/pid" "ErrorLog $work/log" \
            'ServerName localhost' "Listen 127.0.0.1:$((20000 + $$ % 20000))" 'User daemon' \
            'Group daemon' "DocumentRoot $work"
        for module in mpm_event authz_core dir; do
            echo "LoadModule ${module}_module $modules/mod_$module.so"
        done
    } >"$work/conf"
    serves "$work/log" 'resuming normal operations' USR1 "$server" -f "$work/conf" -DFOREGROUND
    said_times " load   $modules/mod_dir.so  by apr_dso_load of libapr" 3
    said_times " unload $modules/mod_dir.so  by " 3
    said ' end    with status 0'
    not_said ' crash '
}

# Told to begin anew, it loads the new module before it unloads the old one: the same.
case_nginx() # timeout=100
{
    server=$build/nginx/usr/sbin/nginx
    module=$build/nginx/usr/lib/nginx/modules/ngx_http_echo_module.so
    [ -x "$server" ] && [ -f "$module" ] ||
        skip "no nginx: $(cat "$build/nginx/why-not" 2>/dev/null || echo "tools/unpack-nginx.sh")"
    {
        printf '%s;\n' "load_module $module" "pid $work/pid" "error_log $work/log notice" \
            'daemon off' 'worker_processes 1'
        echo 'events { worker_connections 16; }'
    } >"$work/conf"
    serves "$work/log" 'start worker process ' HUP "$server" -p "$work" -c "$work/conf"
    said_times " load   $module  by nginx" 1
    said_times " stays  $module  by nginx" 1
    said 'opened 2 times, closed 1; opened last by nginx'
    said_times " unload $module  by nginx" 1
    said ' end    with status 0'
}

protocol "$@"
