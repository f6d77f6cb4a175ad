#!/bin/sh
# SPDX-License-Identifier: MIT
#
# fini check --probe: what libraries really do, also those that do harm.
. "$FINI_SOURCE/tests/command/libraries.sh"

# constructor NAME [OPTION...]: a library whose constructor has the body on standard input.
constructor() {
    made=$1
    shift
    {
        printf '#include <%s.h>\n' pthread signal stdio stdlib string sys/mman sys/resource \
            sys/stat sys/time unistd
        echo 'static void nothing(void *a) {}'
        echo 'static void on_signal(int n) {}'
        echo 'static void *sleeps(void *a) { for (;;) pause(); }'
        echo '__attribute__((constructor)) static void start(void) {'
        cat
        echo '}'
        echo '__attribute__((destructor)) static void end(void) { END; }'
    } | library "$made" -D"END=${end:-}" "$@"
}

# tries NAME STATUS OUTCOME: --probe of it.
tries() {
    check "$2" --probe --timeout="${seconds:-10}" "$work/$1.so"
    said "$1.so: "
    said "tried${3}"
}

case_goes() # timeout=60
{
    echo ';' | constructor clean
    tries clean 0 ': gone'
    same ids "$(ids)" ''
    libc=$(ldd "$build/command/fini-probe" | sed -n 's|.*=> \(/.*libc\.so[^ ]*\) .*|\1|p')
    check 1 --probe "$libc"
    said 'tried: at-startup'
    said FINI-E116
    said 'stays (tried: at-startup; as it was read, it unloads)'
}

case_stays() # timeout=60
{
    echo 'int one(void) { return 1; }' | library marked -Wl,-z,nodelete
    tries marked 1 ': stayed'
    said FINI-E101
    {
        echo 'struct value { int n = 0; ~value() { n = 1; } };'
        echo 'static thread_local value v;'
        echo 'static int used = ++v.n;'
    } | library_cxx local
    tries local 1 ': stayed; as it was read, it may stay'
    said FINI-E102
    check 1 --probe "$work/marked.so" "$work/local.so"
    said '2 files: 0 unload, 0 may stay, 2 stay'
    said '1, the first: '
}

case_not_loaded() # timeout=60
{
    echo 'extern int missing; int *use(void) { return &missing; }' | library needs
    check 0 --probe "$work/needs.so"
    said 'tried: not-loaded'
    said 'undefined symbol: missing'
}

case_leaves_threads() # timeout=60
{
    echo 'pthread_t t; pthread_create(&t, 0, (void *(*)(void *))pause, 0);' | constructor thread
    tries thread 1 ': gone'
    said FINI-E103
}

case_leaves_keys() # timeout=60
{
    echo 'static pthread_key_t key; pthread_key_create(&key, nothing);' | constructor keys
    tries keys 1 ': gone'
    said 'whose destructor is gone: keys.so+'
    echo 'static pthread_key_t key; pthread_key_create(&key, 0); pthread_key_delete(key);' |
        constructor none
    tries none 0 ': gone'
}

case_leaves_exit_handlers() # timeout=60
{
    echo 'on_exit((void (*)(int, void *))nothing, 0);' | constructor leaves
    tries leaves 1 ': gone'
    said 'exit handler (on_exit): leaves.so+'
    echo 'atexit((void (*)(void))nothing); pthread_atfork(0, (void (*)(void))nothing, 0);' |
        constructor owned
    check 0 --probe "$work/owned.so"
    not_said FINI-E105
}

case_leaves_signal_handlers() # timeout=60
{
    echo 'signal(SIGUSR1, on_signal); signal(SIGUSR2, SIG_IGN);' | constructor signals
    tries signals 1 ': gone'
    said 'User defined signal 1: handler in unmapped code'
    said 'User defined signal 2: ignored or reset'
}

case_leaves_descriptors() # timeout=60
{
    echo 'dup(0);' | constructor descriptor
    tries descriptor 1 ': gone'
    said FINI-E107
    said '/dev/null'
}

case_leaves_memory() # timeout=60
{
    echo 'mmap(0, 1 << 20, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,' \
        '-1, 0);' | constructor memory
    tries memory 0 ': gone'
    said '1024 KiB, executable'
}

# What has no code is no library.
case_leaves_files_mapped() # timeout=60
{
    {
        echo 'int fd = open("/etc/passwd", 0);'
        echo 'mmap(0, 4096, PROT_READ, MAP_PRIVATE, fd, 0); close(fd);'
        echo 'mmap(0, 1 << 20, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);'
    } | constructor maps -include fcntl.h
    tries maps 0 ': gone'
    said '      /etc/passwd'
    said '      /dev/zero (deleted)'
    same ids "$(ids)" 'FINI-E109 '
    echo 'int one(void) { return 1; }' | library resident -Wl,-z,nodelete
    echo ';' | constructor brings -Wl,--no-as-needed "$work/resident.so"
    tries brings 0 ': gone'
    said "      $work/resident.so"
    same ids "$(ids)" 'FINI-E108 '
}

case_leaves_settings() # timeout=60
{
    echo 'setenv("LEFT_BEHIND", "secret", 1); chdir("/"); umask(0123); alarm(100); setpgid(0, 0);' \
        'struct rlimit r = {10, 10}; setrlimit(RLIMIT_NOFILE, &r);' | constructor settings
    tries settings 1 ': gone'
    said 'environment: LEFT_BEHIND set'
    not_said secret
    for setting in 'working directory' 'file creation mask' alarm 'process group' \
        'resource limits'; do
        said "      $setting"
    done
}

case_leaves_children() # timeout=60
{
    echo 'if (fork() == 0) for (;;) pause();' | constructor child
    tries child 1 ': gone'
    said FINI-E111
}

# no_process NAME: none is left that has mapped it.
no_process() {
    for map in /proc/[0-9]*/maps; do
        ! grep -qF "$work/$1.so" "$map" 2>/dev/null || fail "still there: $map"
    done
}

case_children_do_not_stay() # timeout=60
{
    {
        echo 'for (int i = 0; i < 5; i++)'
        echo '    if (fork() == 0) { setsid(); if (fork()) _exit(0); signal(SIGTERM, SIG_IGN);'
        echo '        for (;;) pause(); }'
    } | constructor daemons
    check 1 --probe "$work/daemons.so"
    said FINI-E111
    no_process daemons
    echo 'fork(); fork(); fork();' | constructor returns
    # Whether its children have ended when it is looked is chance.
    "$fini" check --probe "$work/returns.so" >"$work/said" || :
    said 'tried: gone'
    no_process returns
}

case_crashes() # timeout=60
{
    echo '*(volatile int *)8 = 1;' | constructor loading
    tries loading 1 ': crashed'
    said 'while it was loaded: Segmentation fault'
    "$fini" check --probe --color=always "$work/loading.so" >"$work/said" || :
    not_said "$(printf '\033[32m')"
    end='abort()'
    echo ';' | constructor unloading
    tries unloading 1 ': crashed'
    said 'while it was unloaded: Aborted'
    end=
    # A thread that comes back into unmapped code.
    {
        echo 'static pthread_t t;'
        echo 'pthread_create(&t, 0, spins, 0);'
    } >"$work/body"
    {
        echo '#include <pthread.h>'
        echo 'static void *spins(void *a) { for (;;) __asm__ volatile(""); }'
        echo '__attribute__((constructor)) static void start(void) {'
        cat "$work/body"
        echo '}'
    } | library thread
    tries thread 1 ': crashed'
    said 'after it had been unloaded: Segmentation fault'
}

case_exits() # timeout=60
{
    echo 'exit(0);' | constructor exits
    tries exits 1 ': exited'
    said 'while it was loaded: exit status 0'
    end='_exit(3)'
    echo ';' | constructor late
    tries late 1 ': exited'
    said 'while it was unloaded: exit status 3'
}

case_hangs() # timeout=60
{
    seconds=1
    echo 'signal(SIGTERM, SIG_IGN); for (;;) pause();' | constructor hangs
    tries hangs 1 ': hung'
    said 'while it was loaded: not done after 1 s'
    echo 'kill(getpid(), SIGSTOP);' | constructor stops
    tries stops 1 ': hung'
    no_process hangs
    no_process stops
}

case_floods() # timeout=60
{
    {
        echo 'for (int i = 0; i < 100000; i++) { puts("flood"); perror("flood"); }'
        echo 'int fd = dup(1); dprintf(fd, "flood"); system("echo flood >/dev/tty 2>/dev/null");'
    } | constructor floods
    check 1 --probe "$work/floods.so"
    not_said 'flood:'
    same lines "$(grep -cx flood "$work/said")" 0
}

case_closes_everything() # timeout=60
{
    echo 'for (int fd = 0; fd < 1000; fd++) close(fd);' | constructor closes
    check 0 --probe "$work/closes.so"
    said 'tried: gone'
}

# needs_namespace: where the system gives none, a flood of processes could get away.
needs_namespace() {
    unshare --pid --fork true 2>/dev/null || unshare --user --pid --fork true 2>/dev/null ||
        skip 'no process namespaces here'
}

# A flood of memory: when there is none left, the system ends this process first.
case_is_the_first_to_go() # timeout=60
{
    {
        echo 'int score = 0; FILE *file = fopen("/proc/self/oom_score_adj", "r");'
        echo 'fscanf(file, "%d", &score); fclose(file); if (score == 1000) _exit(3);'
    } | constructor score
    tries score 1 ': exited'
    said 'exit status 3'
}

# Processes that start processes, faster than one could end them one by one.
case_floods_of_processes() # timeout=60
{
    needs_namespace
    for condition in 'i < 500' 1; do
        echo "for (int i = 0; $condition; i++) if (fork() == 0) { setsid(); for (;;) pause(); }" |
            constructor bomb
        check 1 --probe "$work/bomb.so"
        [ "$condition" = 1 ] || said FINI-E111
        [ "$condition" != 1 ] || said 'tried: hung'
        no_process bomb
    done
}

# Of others: what a library has started is counted in a namespace of its own.
case_others_start_many() # timeout=60
{
    needs_namespace
    cat >"$work/crowd.c" <<'END'
#include <pthread.h>
#include <unistd.h>
static void *rest(void *arg) { pause(); return arg; }
int main(void)
{
    pthread_attr_t small;
    pthread_t thread;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 1 << 16);
    usleep(700000);
    for (int i = 0; i < 2300; i++)
        if (pthread_create(&thread, &small, rest, NULL) != 0)
            return 1;
    usleep(2000000);
    return 0;
}
END
    cc "$work/crowd.c" -o "$work/crowd" -pthread
    seconds=3
    echo 'for (;;) pause();' | constructor hangs
    "$work/crowd" &
    tries hangs 1 ': hung'
    wait $! || skip 'there are not so many threads to be had'
    said 'while it was loaded: not done after 3 s'
}

# All that its user may end: nobody of ours.
case_ends_everybody() # timeout=60
{
    needs_namespace
    echo 'kill(-1, SIGKILL); raise(SIGKILL);' | constructor killer
    sleep 50 &
    tries killer 1 ': crashed'
    said 'while it was loaded: Killed'
    kill $! || fail 'it ended a process of the caller'
}

# Where there are no namespaces, orphans are ended one by one.
case_without_namespaces() # timeout=60
{
    {
        echo '#include <errno.h>'
        echo 'int unshare(int flags) { errno = EPERM; return -1; }'
    } | library none
    echo 'for (int i = 0; i < 5; i++) if (fork() == 0) { setsid(); if (fork()) _exit(0);' \
        'signal(SIGTERM, SIG_IGN); for (;;) pause(); }' | constructor daemons
    status=0
    LD_PRELOAD=$work/none.so "$fini" check --color=never --probe "$work/daemons.so" \
        >"$work/said" 2>&1 || status=$?
    same status "$status" 1
    said 'tried: gone'
    said FINI-E111
    no_process daemons
}

# Where a namespace of users is given, and then nothing may be done in it.
case_with_half_a_namespace() # timeout=60
{
    {
        echo '#include <errno.h>'
        echo '#include <sched.h>'
        echo '#include <sys/syscall.h>'
        echo '#include <unistd.h>'
        echo 'int unshare(int flags)'
        echo '{'
        echo '    if (flags & CLONE_NEWUSER) return syscall(SYS_unshare, CLONE_NEWUSER);'
        echo '    errno = EPERM;'
        echo '    return -1;'
        echo '}'
        echo 'ssize_t write(int fd, const void *text, size_t size)'
        echo '{'
        echo '    if (size < 20 && fd != 2) { errno = EPERM; return -1; }'
        echo '    return syscall(SYS_write, fd, text, size);'
        echo '}'
    } | library half
    echo "if (getuid() != $(id -u)) _exit(3);" | constructor clean
    LD_PRELOAD=$work/half.so "$fini" check --color=never --probe "$work/clean.so" \
        >"$work/said" 2>&1 || fail "$(cat "$work/said")"
    said 'tried: gone'
}

# A user who may not do much.
case_as_another_user() # timeout=60
{
    [ "$(id -u)" = 0 ] || skip 'only root can become another user'
    command -v setpriv >/dev/null || skip 'no setpriv'
    echo 'for (int i = 0; i < 3; i++) if (fork() == 0) for (;;) pause();' | constructor daemons
    chmod 755 "$work"
    status=0
    setpriv --reuid 65534 --regid 65534 --clear-groups "$fini" check --color=never --probe \
        "$work/daemons.so" >"$work/said" 2>&1 || status=$?
    [ "$status" != 126 ] && [ "$status" != 127 ] || skip 'the program cannot be run by others'
    same status "$status" 1
    said 'tried: gone'
    said FINI-E111
    no_process daemons
}

# Whoever asks is ended: nothing is left running.
case_caller_ends() # timeout=60
{
    echo 'for (;;) pause();' | constructor waits
    "$fini" check --probe "$work/waits.so" >/dev/null 2>&1 &
    asker=$!
    tries=0
    until grep -qsF "$work/waits.so" /proc/[0-9]*/maps; do
        tries=$((tries + 1))
        [ $tries -lt 500 ] || fail 'it is never loaded'
        sleep 0.02
    done
    kill -KILL $asker
    tries=0
    while grep -qsF "$work/waits.so" /proc/[0-9]*/maps; do
        tries=$((tries + 1))
        [ $tries -lt 500 ] || fail 'it is still there'
        sleep 0.02
    done
}

case_no_host() # timeout=60
{
    mkdir "$work/alone"
    cp "$fini" "$work/alone"
    echo ';' | constructor clean
    status=0
    "$work/alone/fini" check --probe "$work/clean.so" >"$work/said" 2>&1 || status=$?
    [ "$status" != 0 ] || skip 'fini has been installed on this system'
    same status "$status" 2
    said 'clean.so: the probe could not be started'
    status=0
    "$work/alone/fini" check --probe "$work/clean.so" "$work/clean.so" >"$work/said" 2>&1 ||
        status=$?
    same status "$status" 2
    not_said 'cannot be read'
}

# What the library does to its process does not reach the one that asks.
case_caller_is_unharmed() # timeout=60
{
    {
        echo 'setsid(); setpgid(0, 0); alarm(1); kill(0, SIGTERM); kill(getppid(), SIGTERM);'
        echo 'struct rlimit r = {0, 0}; setrlimit(RLIMIT_NOFILE, &r); setrlimit(RLIMIT_CPU, &r);'
    } | constructor harms
    echo ';' | constructor clean
    check 1 --probe "$work/harms.so" "$work/clean.so"
    said 'clean.so: unloads (tried: gone)'
    said '2 files'
}

case_children_are_ignored() # timeout=60
{
    echo '*(volatile int *)8 = 1;' | constructor loading
    ignoring "$fini" check --probe "$work/loading.so" >"$work/said" || :
    said 'while it was loaded: Segmentation fault'
    echo ';' | constructor clean
    echo 'int unshare(int flags) { return -1; }' | library none
    status=0
    LD_PRELOAD=$work/none.so ignoring "$fini" check --probe "$work/clean.so" >"$work/said" ||
        status=$?
    same status "$status" 0
    said 'tried: gone'
    echo 'extern int missing; int *use(void) { return &missing; }' | library needs
    status=0
    ignoring "$fini" pin --try "$work/needs.so" 2>"$work/said" || status=$?
    same status "$status" 2
    said 'cannot be loaded here'
}

# What is opened must not be taken for a stream of ours that is closed.
case_closed_streams() # timeout=60
{
    echo ';' | constructor clean
    for closed in '0' '1' '2' '0 1 2'; do
        status=0
        (
            for fd in $closed; do
                eval "exec $fd>&-"
            done
            exec "$fini" check --probe --quiet "$work/clean.so"
        ) || status=$?
        same "status without $closed" "$status" 0
    done
    status=0
    "$fini" check --probe "$work/clean.so" >&- 2>"$work/said" || status=$?
    same status "$status" 2
    said 'standard output does not take it all'
}

protocol "$@"
