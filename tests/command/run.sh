#!/bin/sh
# SPDX-License-Identifier: MIT
#
# fini run: real failures that cannot be rebuilt, cured at run time; each fails without it.
. "$FINI_SOURCE/tests/command/libraries.sh"
failures=$build/tests/failures

# fails HOST MODULE ENDING: at least once in ten runs without fini run.
fails() {
    for attempt in 1 2 3 4 5 6 7 8 9 10; do
        (cd "$failures" && exec timeout 2 "./$1" "./$2.so" "$3") >"$work/said" 2>&1 || return 0
    done
    fail "$2 does not fail"
}

# cured OPTION HOST MODULE ENDING TRANSCRIPT: and never with it.
cured() {
    fails "$2" "$3" "$4"
    for attempt in 1 2 3 4 5; do
        status=0
        (cd "$failures" && exec timeout 8 "$fini" run "$1" "./$2" "./$3.so" "$4") \
            >"$work/said" 2>&1 || status=$?
        same "status of $3 $4" "$status" 0
        same "output of $3 $4" "$(cat "$work/said")" "$(printf "$5")"
    done
}

case_leak_at_exit() # timeout=200 slow=1
{
    cured '--leak-at-exit=*naive*' thread-host 01-naive exit 'mapped'
    cured '--leak-at-exit=*naive*' thread-host 02-naive exit 'mapped'
    cured '--leak-at-exit=*03-*' thread-host 03-naive exit 'mapped'
    cured '--leak-at-exit=*naive*' 09-host 09-naive exit 'mapped'
    cured '--leak-at-exit=*naive*' 09-host 09-naive-waits blocked 'mapped'
    cured '--leak-at-exit=*naive*' 09-host 09-naive-waits fork 'mapped'
    cured '--leak-at-exit=*naive*' 10-host 10-naive exit 'mapped'
    cured '--leak-at-exit=*naive*' thread-host 11-naive exit 'mapped'
    cured '--leak-at-exit=*naive*' 12-host 12-naive exit 'mapped'
    cured --leak-at-exit thread-host 01-naive exit ''
}

# At a real unload all runs as before.
case_unload_is_as_before() # timeout=60
{
    for module in 01 02 03; do
        for option in --leak-at-exit '--leak-at-exit=*naive*'; do
            (cd "$failures" && "$fini" run "$option" ./thread-host "./$module-naive.so" unload) \
                >"$work/cured"
            (cd "$failures" && ./thread-host "./$module-naive.so" unload) >"$work/plain"
            same "what $module says first" "$(head -n 1 "$work/cured")" \
                "$(head -n 1 "$work/plain")"
        done
    done
}

case_keep() # timeout=200 slow=1
{
    cured --keep 04-host 04-naive unload 'buffer freed\nmapped'
    cured --keep 06-host 06-naive unload 'cleaned up\ncleaned up\ncleaned up\nmapped'
    cured --keep 07-host 07-naive unload 'ssl stopped\nmapped'
    cured --keep 08-host 08-naive unload 'last batch sent\nmapped'
    cured --keep 08-host 08-naive forgets 'mapped'
    cured --keep thread-host 11-naive exit 'mechanism closed\nmapped'
}

voice() {
    cat <<'END'
#include <stdlib.h>
#include <unistd.h>
static void say(const char *text) { write(1, text, 8); }
static void handler(void) { say("handler\n"); }
__attribute__((constructor)) static void begin(void) { atexit(handler); }
__attribute__((destructor)) static void end(void) { say("the end\n"); }
void _fini_too(void) { say("DT_FINI\n"); }
END
}

# host [OPTION...]: opens the library its first argument names, and ends as the second one says.
host() {
    cat >"$work/host.c" <<'END'
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static void *handle;
static void close_it(void) { dlclose(handle); }
static void *exits(void *nothing) { exit(3); }
static void *waits(void *first)
{
    pthread_join(*(pthread_t *)first, NULL);
    return NULL;
}
int main(int argc, char **argv)
{
    static pthread_t thread, own;
    own = pthread_self();
    handle = dlopen(argv[1], RTLD_NOW);
    if (!handle)
        return 9;
    if (strcmp(argv[2], "handler") == 0)
        atexit(close_it);
    if (strcmp(argv[2], "exit") == 0)
        exit(3);
    if (strcmp(argv[2], "thread") == 0 && pthread_create(&thread, NULL, exits, NULL) == 0)
        pause();
    if (strcmp(argv[2], "last") == 0 && pthread_create(&thread, NULL, waits, &own) == 0)
        pthread_exit(NULL);
    if (strcmp(argv[2], "unload") == 0)
        dlclose(handle);
    return 3;
}
END
    cc -w "$work/host.c" -pthread "$@" -o "$work/host"
}

# says ENDING STATUS TEXT OPTION...
says() {
    ending=$1
    expected=$2
    text=$3
    shift 3
    status=0
    (cd "$work" && "$fini" run "$@" ./host ./voice.so "$ending") >"$work/said" 2>&1 || status=$?
    same "status of $ending" "$status" "$expected"
    same "output of $ending" "$(cat "$work/said")" "$(printf "$text")"
}

# Each way to exit; DT_FINI is one of the finalizers.
case_ways_out() # timeout=60
{
    voice | library voice -Wl,-fini,_fini_too
    host
    all='the end\nhandler\nDT_FINI'
    for ending in return exit thread; do
        says $ending 3 '' --leak-at-exit
        says $ending 3 '' --leak-at-exit='voi*'
        says $ending 3 'handler\nthe end\nDT_FINI' --leak-at-exit='other*'
    done
    says last 0 '' --leak-at-exit
    says unload 3 "$all" --leak-at-exit
    says handler 3 "$all" --leak-at-exit
}

# What cannot be done is said. Each of the libraries is a file of its own in memory, whose path has
# one slash more.
case_too_many() # timeout=100
{
    echo 'int one;' | library one -nostartfiles
    cat >"$work/host.c" <<'END'
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
static char bytes[1 << 20], path[4096] = "/proc/self/fd";
int main(void)
{
    FILE *one = fopen("one.so", "r");
    size_t size = fread(bytes, 1, sizeof bytes, one);
    fclose(one);
    for (int i = 0; i < 2050; i++) {
        int copy = memfd_create("one", 0);
        char *end = strcat(path, "/") + strlen(path);
        sprintf(end, "%d", copy);
        if (write(copy, bytes, size) != size || !dlopen(path, RTLD_NOW))
            return 9;
        close(copy);
        *end = '\0';
    }
    return 3;
}
END
    cc -w -D_GNU_SOURCE "$work/host.c" -o "$work/host"
    status=0
    (cd "$work" && "$fini" run --leak-at-exit='/proc/*' ./host) >"$work/said" 2>&1 || status=$?
    same status "$status" 3
    said 'fini: too many libraries, one that will be finalized at exit: /proc/self/fd/'
    same 'those that are too many' "$(wc -l <"$work/said")" 2
}

# Threads that unload while the process exits. One has begun before the finalizers are taken away:
# it runs them all. One begins later, and the exiting thread is not to run any meanwhile.
case_another_thread_unloads() # timeout=60
{
    echo '#include <unistd.h>
        __attribute__((destructor)) static void end(void) { write(1, "below", 5); }' |
        library below
    echo '#include <unistd.h>
        volatile int closes;
        __attribute__((destructor)) static void end(void) { closes = 1; usleep(300000); }' |
        library slow -Wl,--no-as-needed "$work/below.so"
    echo '#include <unistd.h>
        volatile int ends;
        __attribute__((destructor)) static void end(void) { ends = 1; usleep(100000); }' |
        library first
    voice | library voice
    cat >"$work/threads.c" <<'END'
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static void *slow;
static volatile int *closes, *first_ends;
static void *close_slow(void *late)
{
    while (late && !*first_ends)
        usleep(1000);
    dlclose(slow);
    while (late)
        dlclose(dlopen("./slow.so", RTLD_NOW));
    return NULL;
}
int main(int argc, char **argv)
{
    pthread_t thread;
    char *late = strcmp(argv[2], "late") == 0 ? "late" : NULL;
    slow = dlopen("./slow.so", RTLD_NOW);
    closes = dlsym(slow, "closes");
    if (!dlopen(argv[1], RTLD_NOW))
        return 9;
    first_ends = dlsym(dlopen("./first.so", RTLD_NOW), "ends");
    pthread_create(&thread, NULL, close_slow, late);
    while (!late && !*closes)
        usleep(1000);
    return 3;
}
END
    cc -w "$work/threads.c" -pthread -o "$work/host"
    says early 3 below --leak-at-exit
    says late 3 below --leak-at-exit='voice*'
}

case_linked() # timeout=60
{
    voice | library voice
    host -L"$work" -Wl,--no-as-needed,-rpath,"$work" -l:voice.so
    says return 3 '' --leak-at-exit
    says return 3 'the end\nhandler' --leak-at-exit='other*'
}

# exit() before main.
case_exit_in_a_constructor() # timeout=60
{
    voice | library voice
    echo '#include <stdlib.h>
        __attribute__((constructor)) static void begin(void) { exit(4); }
        int main(void) { return 0; }' >"$work/early.c"
    cc "$work/early.c" -L"$work" -Wl,--no-as-needed,-rpath,"$work" -l:voice.so -o "$work/host"
    says return 4 '' --leak-at-exit
    says return 4 'the end\nhandler' --leak-at-exit='other*'
}

# The image is there when its finalizers have run, and the next load is another one.
case_kept_and_loaded_again() # timeout=60
{
    voice | library voice
    cat >"$work/again.c" <<'END'
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
static int mapped(void)
{
    char line[4096];
    int count = 0;
    FILE *file = fopen("/proc/self/maps", "r");
    while (fgets(line, sizeof line, file))
        count += strstr(line, "voice.so") && strstr(line, "r-xp");
    fclose(file);
    return count;
}
int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    for (int i = 0; i < 3; i++)
        dlclose(dlopen("./voice.so", RTLD_NOW));
    printf("%d\n", mapped());
    return 0;
}
END
    cc -w "$work/again.c" -o "$work/again"
    (cd "$work" && "$fini" run --keep ./again) >"$work/said"
    same said "$(cat "$work/said")" "$(printf '%s\n' 'the end' handler 'the end' handler 'the end' \
        handler 3)"
    (cd "$work" && "$fini" run --keep='other*' ./again) >"$work/said"
    same last "$(tail -n 1 "$work/said")" 0
}

# A sanitizer's report of a leak names the function of a library that has been unloaded.
case_names_in_a_sanitizer() # timeout=60
{
    echo '#include <stdlib.h>
        void lose_memory(void) { *(char *volatile *)malloc(8) = malloc(77); }' | library loses
    cat >"$work/loser.c" <<'END'
#include <dlfcn.h>
int main(void)
{
    void *h = dlopen("./loses.so", RTLD_NOW);
    ((void (*)(void))dlsym(h, "lose_memory"))();
    dlclose(h);
    return 0;
}
END
    clang -fsanitize=address "$work/loser.c" -o "$work/loser" 2>/dev/null ||
        skip 'clang has no sanitizer here'
    (cd "$work" && ./loser) >"$work/said" 2>&1 || :
    grep -q 'LeakSanitizer has encountered a fatal error' "$work/said" &&
        skip 'the leak sanitizer cannot run here'
    said 'unknown module'
    (cd "$work" && "$fini" run --keep ./loser) >"$work/said" 2>&1 || :
    said 'in lose_memory'
    not_said 'unknown module'
}

# Servers, and perl by $0, write a title over their environment.
case_environment_written_over() # timeout=60
{
    voice | library voice
    cat >"$work/host.c" <<'END'
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
extern char **environ;
int main(int argc, char **argv)
{
    char line[4096];
    int count = 0;
    for (char **entry = environ; *entry; entry++)
        memset(*entry, 'x', strlen(*entry));
    void *handle = dlopen(argv[1], RTLD_NOW);
    if (strcmp(argv[2], "exit") == 0)
        return 3;
    dlclose(handle);
    FILE *file = fopen("/proc/self/maps", "r");
    while (fgets(line, sizeof line, file))
        count += strstr(line, "voice.so") && strstr(line, "r-xp");
    return count;
}
END
    cc -w "$work/host.c" -o "$work/host"
    says exit 3 '' --leak-at-exit
    says exit 3 '' --leak-at-exit='voi*'
    says unload 1 'the end\nhandler' --keep
}

case_children_too() # timeout=60
{
    voice | library voice
    host
    (cd "$work" && "$fini" run --leak-at-exit sh -c './host ./voice.so exit; echo $?') \
        >"$work/said"
    same said "$(cat "$work/said")" 3
}

case_not_run() # timeout=60
{
    echo 'int main(void) { return 0; }' | cc -x c - -static -o "$work/fixed"
    status=0
    "$fini" run --keep "$work/fixed" >"$work/said" 2>&1 || status=$?
    same status "$status" 2
    said 'it is static'
    status=0
    "$fini" run --keep "$work/none" 2>/dev/null || status=$?
    same status "$status" 127
}

# What is closed or ignored is so for the program, whatever fini does with it for itself.
case_the_program_gets_what_was_there() # timeout=60
{
    for fd in 0 1 2; do
        eval "\"\$fini\" run --keep sh -c '[ ! -e /proc/self/fd/$fd ]' $fd>&-" ||
            fail "descriptor $fd is open"
    done
    ignoring "$fini" run --keep grep SigIgn /proc/self/status >"$work/said"
    ignored=$(sed -n 's/^SigIgn:.*\(.\)....$/\1/p' "$work/said")
    same SIGCHLD "$ignored" 1
}

protocol "$@"
