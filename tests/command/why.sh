#!/bin/sh
# SPDX-License-Identifier: MIT
#
# fini why: each thing that can keep a library in a live process, and that the process has not
# noticed.
. "$FINI_SOURCE/tests/command/libraries.sh"

programs=$build/tests/command

# starts PROGRAM ARGUMENT...: its id in $host.
starts() {
    rm -f "$work/in"
    mkfifo "$work/in"
    : >"$work/host"
    "$@" <"$work/in" >"$work/host" 2>&1 &
    host=$!
    exec 9>"$work/in"
    trap 'kill -9 $host 2>/dev/null || :; rm -rf "$work"' EXIT
    waited=0
    until grep -q ready "$work/host"; do
        kill -0 "$host" 2>/dev/null || fail "not started: $(cat "$work/host")"
        [ "$waited" -lt 600 ] || fail 'it does not get ready'
        waited=$((waited + 1))
        sleep 0.1
    done
}

# hosts OPERATION PATH...: see why_host.c.
hosts() {
    starts "$programs/why_host" "$@"
}

# ends: it goes on, ends by itself, and nothing has disturbed it.
ends() {
    exec 9>&-
    status=0
    wait "$host" || status=$?
    same "status of the host ($(cat "$work/host"))" "$status" 0
    grep -qx unharmed "$work/host" || fail "harmed: $(cat "$work/host")"
}

# why STATUS ARGUMENT...: of the host; its output is in $work/said.
why() {
    expected=$1
    shift
    status=0
    "${asker:-$fini}" why --color=never "$host" "$@" >"$work/said" 2>&1 || status=$?
    if [ "$status" = 2 ] && grep -q 'not permitted: Operation' "$work/said"; then
        skip "ptrace is refused here: $(cat "$work/said")"
    fi
    [ "$status" = "$expected" ] || fail "status $status of why $*: $(cat "$work/said")"
}

# plain NAME [OPTION...]: a library that can be unloaded, and in which one can rest.
plain() {
    library "$@" <<'END'
void rests(void (*meet)(void), void (*rest)(void)) { meet(); rest(); __asm__(""); }
END
}

case_nothing_is_open() # timeout=120
{
    hosts
    why 0
    said 'STATE'
    said 'why_host'
    why 0 'libnone.so.*'
    said 'libnone.so.*: not loaded'
    why 1 libc.so.6
    said 'a part of the process since its start'
    said 'needed by why_host'
    ends
}

case_opened() # timeout=120
{
    plain plug
    hosts open "$work/plug.so" open "$work/plug.so" open "$work/plug.so" close "$work/plug.so"
    for name in plug.so "$work/plug.so" 'pl?g*' "$work/../${work##*/}/plug.so"; do
        why 1 "$name"
        said "$work/plug.so: stays"
        said '  2 x opened with dlopen'
        said '  threads inside: none'
        not_said 'pinned'
        not_said 'file:'
    done
    why 1
    said "$work/plug.so  opened 2"
    ends
}

case_by_soname() # timeout=60
{
    plain plug -Wl,-soname,libother.so.5
    hosts open "$work/plug.so"
    why 1 libother.so.5
    said '1 x opened'
    ends
}

# What is said of the program and of a memfd is true: the one is not opened with dlopen, and the
# other has no file that could be deleted.
case_program_and_memfd() # timeout=60
{
    command -v python3 >/dev/null || skip 'no python3'
    plain plug
    starts python3 -c 'import ctypes, os, sys
fd = os.memfd_create("plug")
os.write(fd, open(sys.argv[1], "rb").read())
library = ctypes.CDLL("/proc/self/fd/%d" % fd)
print("ready", flush=True)
sys.stdin.read()
print("unharmed")' "$work/plug.so"
    why 1 '*memfd*'
    said '/memfd:plug: stays'
    said '1 x opened'
    not_said 'its file'
    why 1 "$(readlink "/proc/$host/exe")"
    said 'since its start'
    not_said 'opened'
    ends
}

case_closed() # timeout=60
{
    plain plug
    hosts open "$work/plug.so" close "$work/plug.so"
    why 0 plug.so
    said 'not loaded'
    ends
}

case_pinned() # timeout=120
{
    plain plug
    plain marked -Wl,-z,nodelete
    hosts nodelete "$work/plug.so" close "$work/plug.so" open "$work/marked.so" \
        close "$work/marked.so"
    why 1 plug.so
    said '  pinned for ever: opened with RTLD_NODELETE'
    not_said 'opened with dlopen'
    why 1 marked.so
    said '  marked NODELETE in its file'
    not_said 'pinned'
    ends
}

case_unique() # timeout=60
{
    library_cxx plug -fgnu-unique <<'END'
template <class T> struct box { static int held; };
template <class T> int box<T>::held = 3;
int use() { return box<int>::held++; }
END
    readelf -Ws --dyn-syms "$work/plug.so" | grep -q UNIQUE || skip 'no unique symbols here'
    hosts open "$work/plug.so" close "$work/plug.so"
    why 1 plug.so
    said '  pinned for ever: it defines the unique symbol box<int>::held'
    ends
}

case_needed() # timeout=120
{
    plain base -Wl,-soname,base.so
    plain user -L"$work" -Wl,--no-as-needed -l:base.so -Wl,-rpath,"$work"
    plain second -L"$work" -Wl,--no-as-needed -l:base.so -Wl,-rpath,"$work"
    hosts open "$work/user.so" open "$work/second.so" open "$work/base.so" close "$work/base.so"
    why 1 base.so
    said '  needed by user.so, second.so'
    not_said 'opened'
    ends
}

# What binds a symbol keeps the one that has it, also without needing it.
case_bound() # timeout=60
{
    echo 'int in_base = 3;' | library base
    echo 'extern int in_base; int *user(void) { return &in_base; }' | library user
    hosts global "$work/base.so" open "$work/user.so" close "$work/base.so"
    why 1 base.so
    said '  a symbol of it is bound by user.so'
    not_said 'opened'
    ends
}

case_destructors() # timeout=60
{
    library_cxx plug <<'END'
struct holder { int n; ~holder() { n = 0; } };
static thread_local holder one, two;
extern "C" void adds_destructor() { one.n = two.n = 1; }
END
    hosts open "$work/plug.so" destructor "$work/plug.so" close "$work/plug.so"
    why 1 plug.so
    said '  2 x destructors of thread_local objects pending'
    not_said 'opened'
    not_said 'pinned'
    ends
}

case_inside() # timeout=120
{
    plain plug
    hosts open "$work/plug.so" inside "$work/plug.so"
    why 1 plug.so
    said ' insider in rests+0x'
    said 'plug.c:1, now in '
    why 1 --verbose plug.so
    said 'rest+0x'
    said 'be_inside+0x'
    said 'stopped for '
    not_said 'followed'
    why 1
    grep -qE "^stays +1 +$work/plug.so" "$work/said" || fail "no thread: $(cat "$work/said")"
    why 1 --no-stop plug.so
    said '1 x opened'
    not_said 'threads'
    ends
}

case_namespace() # timeout=60
{
    plain plug -Wl,--no-as-needed -lc
    hosts open "$work/plug.so" space "$work/plug.so"
    why 1 plug.so
    said 'plug.so: stays (in namespace 1)'
    same 'images of that name' "$(grep -c 'plug.so: stays' "$work/said")" 2
    why 1 libc.so.6
    same 'copies of libc' "$(grep -c 'libc.so.6: stays' "$work/said")" 2
    said '  needed by plug.so'
    ends
}

case_file_is_gone() # timeout=120
{
    plain plug
    cp "$work/plug.so" "$work/other.so"
    hosts open "$work/plug.so" inside "$work/plug.so" remove "$work/plug.so"
    why 1 plug.so
    said 'its file: deleted since it was loaded'
    said ' insider in rests+0x'
    cp "$work/other.so" "$work/plug.so"
    why 1 plug.so
    said 'its file: replaced by another file'
    ends
}

# Who may not open /proc/PID/map_files reads the code from memory: dynamic symbols, no lines.
case_file_is_gone_and_nobody_is_root() # timeout=60
{
    command -v setpriv >/dev/null || skip 'no setpriv'
    [ "$(id -u)" = 0 ] || skip 'not root'
    plain plug
    chmod 777 "$work"
    cp "$fini" "$programs/why_host" "$work"
    cat >"$work/asker" <<END
#!/bin/sh
exec setpriv --reuid=65534 --regid=65534 --clear-groups "$work/fini" "\$@"
END
    chmod 755 "$work"/*
    starts setpriv --reuid=65534 --regid=65534 --clear-groups "$work/why_host" \
        open "$work/plug.so" inside "$work/plug.so" remove "$work/plug.so"
    asker=$work/asker
    why 1 plug.so
    said 'its file: deleted since it was loaded'
    said ' insider in rests+0x'
    not_said 'plug.c'
    not_said 'followed'
    said '1 x opened'
    ends
}

# In a mount namespace of its own its files are where nobody else sees them.
case_other_mount_namespace() # timeout=60
{
    plain plug
    mkdir "$work/private"
    unshare -m mount -t tmpfs none "$work/private" 2>/dev/null || skip 'no mount namespaces here'
    starts unshare -m sh -c 'mount -t tmpfs none "$1/private" && mv "$1/plug.so" "$1/private" &&
        exec "$2" open "$1/private/plug.so" inside "$1/private/plug.so"' \
        sh "$work" "$programs/why_host"
    [ ! -e "$work/private/plug.so" ] || fail 'it is seen here'
    why 1 plug.so
    not_said 'its file'
    said ' insider in rests+0x'
    said 'plug.c:1'
    ends
}

# More of a stack than is copied: who is further out is not known, and that is said.
case_deep_stack() # timeout=60
{
    cat >"$work/deep.c" <<'END'
#include <stdio.h>
__attribute__((noinline)) static void deep(int n)
{
    volatile char room[4000];
    room[0] = n;
    if (n) deep(n - 1);
    else { puts("ready"); fflush(stdout); getchar(); }
    room[1] = n;
}
int main(void) { deep(100); puts("unharmed"); return 0; }
END
    cc -w -g -O1 "$work/deep.c" -o "$work/deep"
    starts "$work/deep"
    why 1 --verbose deep
    said '(it could not be followed further)'
    said "could not be followed to its end: $host"
    not_said 'main+0x'
    ends
}

# More than fit into one core file: each is seen, and goes on.
case_many_threads() # timeout=120 slow=1
{
    cat >"$work/many.c" <<'END'
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>
static int ends[2], disturbed;
static void *waits(void *a) { char c; if (read(ends[0], &c, 1) != 0) disturbed = 1; return a; }
int main(void)
{
    static pthread_t thread[1200];
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 1 << 16);
    pipe(ends);
    for (int i = 0; i < 1200; i++)
        if (pthread_create(&thread[i], &small, waits, 0)) { puts("ready: too many"); return 0; }
    puts("ready");
    fflush(stdout);
    getchar();
    close(ends[1]);
    for (int i = 0; i < 1200; i++) pthread_join(thread[i], 0);
    puts(disturbed ? "disturbed" : "unharmed");
    return 0;
}
END
    cc -w -g "$work/many.c" -o "$work/many" -pthread
    starts "$work/many"
    ! grep -q 'too many' "$work/host" || skip 'so many threads are not allowed here'
    why 1 many
    said 'threads: 1201'
    same 'threads inside' "$(grep -c ' many in waits+0x' "$work/said")" 1200
    not_said 'followed'
    ends
}

# The kernel shows the paths of such a process from our root.
case_other_root_folder() # timeout=60
{
    plain plug
    mkdir "$work/root"
    for file in $(ldd "$programs/why_host" | grep -oE '/[^ ]+'); do
        mkdir -p "$work/root${file%/*}"
        cp -L "$file" "$work/root$file"
    done
    cp "$programs/why_host" "$work/plug.so" "$work/root"
    chroot "$work/root" /why_host </dev/null >/dev/null 2>&1 || skip 'no chroot here'
    starts chroot "$work/root" /why_host open /plug.so inside /plug.so
    why 1 /plug.so
    said "$work/root/plug.so: stays"
    not_said 'its file'
    said ' insider in rests+0x'
    said 'plug.c:1'
    ends
}

case_file_is_written_to() # timeout=60
{
    plain plug
    hosts open "$work/plug.so"
    touch -d '+1 hour' "$work/plug.so"
    why 1 plug.so
    said 'its file: written to since'
    ends
}

# The memory is not under the id of the process any more.
case_first_thread_has_ended() # timeout=60
{
    plain plug
    hosts open "$work/plug.so" leave
    why 1 plug.so
    said '1 x opened'
    ends
}

case_thread_that_cannot_be_stopped() # timeout=120
{
    plain plug
    hosts open "$work/plug.so" vfork 20
    why 1 plug.so
    said '1 x opened'
    said '(could not be stopped)'
    ends
}

# state: of the host, as ps has it.
state() {
    sed -n 's/^State:[^A-Za-z]*\(.\).*/\1/p' "/proc/$host/status"
}

case_stopped_by_job_control() # timeout=60
{
    plain plug
    hosts open "$work/plug.so" inside "$work/plug.so"
    kill -STOP "$host"
    for i in 1 2 3; do
        why 1 plug.so
        said ' insider in rests+0x'
        same 'its state' "$(state)" T
    done
    kill -CONT "$host"
    ends
}

case_json() # timeout=60
{
    command -v python3 >/dev/null || skip 'no python3'
    plain base -Wl,-soname,base.so
    plain plug -L"$work" -Wl,--no-as-needed -l:base.so -Wl,-rpath,"$work"
    hosts open "$work/plug.so" inside "$work/plug.so"
    why 1 --format=json
    cp "$work/said" "$work/all"
    why 1 --format=json base.so
    python3 - "$work/all" "$work/said" "$host" "$source/docs/fini-json.md" <<'END'
import json, sys
every, base = (json.load(open(name)) for name in sys.argv[1:3])
assert every['schema'] == 'fini-why/1' and every['pid'] == int(sys.argv[3]), every
assert every['loader'] == 'glibc' and every['pause_ns'] > 0 and not every['loader_at_work']
image, = base['images']
assert image['opened'] == 0 and image['state'] == 'stays' and image['file'] == 'there', image
assert image['pinned'] is False and image['destructors'] == 0 and image['inside'] == [], image
reason, = image['reasons']
assert reason['kind'] == 'needed' and reason['by'][0]['path'].endswith('/plug.so'), reason
plug, = [i for i in every['images'] if i['path'].endswith('/plug.so')]
assert plug['opened'] == 1 and plug['reasons'] == [{'kind': 'opened', 'count': 1}], plug
thread, = [t for t in every['threads'] if t['tid'] in plug['inside']]
assert thread['name'] == 'insider' and thread['whole'] and thread['stopped'], thread
frame, = [f for f in thread['frames'] if f.get('function') == 'rests']
assert frame['image'] == plug['path'] and frame['place'].endswith('plug.c:1'), frame
schema = open(sys.argv[4]).read().split('# fini why')[1]
def documented(value):
    if isinstance(value, dict):
        for key in value:
            assert f'`{key}`' in schema, key
        value = list(value.values())
    for one in value if isinstance(value, list) else []:
        documented(one)
documented(every)
documented(base)
assert int(plug['start'], 16) <= int(frame['address'], 16) < int(plug['end'], 16)
END
    ends
}

# ---- loaders -----------------------------------------------------------------------------------

# A loader that neither debug data nor trial know: its build id is another one.
case_unknown_loader() # timeout=60
{
    loader=$(readlink -f /lib64/ld-linux-x86-64.so.2) || skip 'another loader'
    [ -f "$loader" ] || skip 'another loader'
    command -v python3 >/dev/null || skip 'no python3'
    python3 - "$loader" "$work/ld.so" <<'END'
import sys
data = bytearray(open(sys.argv[1], 'rb').read())
at = data.index(b'\x04\0\0\0\x14\0\0\0\x03\0\0\0GNU\0') + 16
data[at] ^= 1
open(sys.argv[2], 'wb').write(data)
END
    chmod 755 "$work/ld.so"
    plain base -Wl,-soname,base.so
    plain plug -L"$work" -Wl,--no-as-needed -l:base.so -Wl,-rpath,"$work"
    plain marked -Wl,-z,nodelete
    starts "$work/ld.so" "$programs/why_host" open "$work/plug.so" open "$work/marked.so"
    why 2 plug.so
    said 'plug.so: loaded; what keeps it is not all known'
    said 'not known: how often it is open'
    said 'not known: whether it is pinned'
    not_said ' x opened'
    why 2 base.so
    said 'needed by plug.so (of which it is not known)'
    why 1 marked.so
    said 'marked NODELETE in its file'
    why 1 libc.so.6
    said 'since its start'
    why 1
    said 'unknown'
    ends
}

# The loader was called by name: the program's own table has no address of its data.
case_loader_called_by_name() # timeout=60
{
    loader=$(readlink -f /lib64/ld-linux-x86-64.so.2) || skip 'another loader'
    [ -f "$loader" ] || skip 'another loader'
    plain plug
    starts "$loader" "$programs/why_host" open "$work/plug.so"
    why 1 plug.so
    said '1 x opened'
    ends
}

# fini and the host run the same loader, of which there is no debug data.
case_by_trial() # timeout=60
{
    loader=$(readlink -f /lib64/ld-linux-x86-64.so.2) || skip 'another loader'
    [ -f "$loader" ] || skip 'another loader'
    command -v python3 >/dev/null || skip 'no python3'
    python3 - "$loader" "$work" "$fini" "$programs/why_host" <<'END'
import os, sys
loader, work = sys.argv[1:3]
data = bytearray(open(loader, 'rb').read())
data[data.index(b'\x04\0\0\0\x14\0\0\0\x03\0\0\0GNU\0') + 16] ^= 1
old = b'/lib64/ld-linux-x86-64.so.2'
new = b'./'.ljust(len(old), b'l')
open(os.path.join(work, new.decode()[2:]), 'wb').write(data)
for path in sys.argv[3:]:
    data = open(path, 'rb').read()
    assert old + b'\0' in data
    open(os.path.join(work, os.path.basename(path)), 'wb').write(data.replace(old, new))
END
    chmod 755 "$work"/*
    cp "$build/command/fini-sample.so" "$build/command/fini-sample-user.so" "$work"
    plain plug
    cd "$work"
    starts ./why_host open "$work/plug.so" open "$work/plug.so"
    asker=./fini
    why 1 --verbose plug.so
    said 'private data of its loader: by trial'
    said '2 x opened'
    rm fini-sample-user.so
    why 2 --verbose plug.so
    said 'private data of its loader: not known'
    ends
}

case_musl() # timeout=60
{
    command -v musl-gcc >/dev/null || skip 'no musl-gcc'
    cat >"$work/host.c" <<'END'
#include <dlfcn.h>
#include <stdio.h>
int main(int n, char **a)
{
    dlclose(dlopen(a[1], RTLD_NOW));
    puts("ready");
    fflush(stdout);
    getchar();
    puts("unharmed");
}
END
    musl-gcc -g "$work/host.c" -o "$work/musl_host"
    compiler=musl-gcc
    plain plug
    starts "$work/musl_host" "$work/plug.so"
    why 1 plug.so
    said 'that of musl, never unloads anything'
    said 'threads inside: none'
    ends
}

# ---- what cannot be looked at ------------------------------------------------------------------

# refuses TEXT PID [ARGUMENT...]
refuses() {
    text=$1
    host_before=${host-}
    host=$2
    shift 2
    why 2 "$@"
    said "$text"
    same lines "$(wc -l <"$work/said" | tr -d ' ')" 1
    host=$host_before
}

said_any() {
    grep -qE "$1" "$work/said" || fail "$(cat "$work/said")"
}

# A process that becomes another program all the time, with threads that this ends. The kernel would
# have the one that calls exec and its tracer wait for each other for ever.
case_exec() # timeout=300 slow=1
{
    cat >"$work/again.c" <<'END'
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
static void *waits(void *a) { pause(); return a; }
int main(int n, char **a)
{
    char left[20];
    pthread_t thread;
    if (atoi(a[1]) == 300) { puts("ready"); fflush(stdout); }
    if (atoi(a[1]) == 0) { puts("unharmed"); return 0; }
    sprintf(left, "%d", atoi(a[1]) - 1);
    for (int i = 0; i < 2; i++) if (pthread_create(&thread, 0, waits, 0)) return 1;
    usleep(3000);
    execl("/proc/self/exe", "again", left, (char *)0);
    return 1;
}
END
    cc -w "$work/again.c" -o "$work/again" -pthread
    starts "$work/again" 300
    while ! grep -q unharmed "$work/host"; do
        status=0
        timeout 60 "$fini" why "$host" >"$work/said" 2>&1 || status=$?
        case $status in
        0) ;;
        2) said_any 'becom|has not begun|has ended|no such process' ;;
        *) fail "status $status: $(cat "$work/said")" ;;
        esac
    done
    ends
}

case_itself() # timeout=60
{
    status=0
    sh -c 'exec "$1" why $$' sh "$fini" >"$work/said" 2>&1 || status=$?
    same status "$status" 2
    said 'PID is fini itself'
}

case_no_such_process() # timeout=60
{
    refuses 'no such process' 2147483646
    [ "$(cat /proc/2/comm)" != kthreadd ] || refuses 'a thread of the kernel' 2
}

case_static_program() # timeout=60
{
    echo 'int main(void) { puts("ready"); fflush(0); getchar(); puts("unharmed"); return 0; }' \
        >"$work/host.c"
    for option in -static -static-pie; do
        cc -w -include stdio.h $option "$work/host.c" -o "$work/static" || skip 'no static libc'
        starts "$work/static"
        refuses 'a static program' "$host"
        ends
    done
}

case_other_architecture() # timeout=60
{
    # exit would end it too soon: it waits for a signal.
    printf '.globl _start\n_start: movl $29, %%eax\nint $0x80\njmp _start\n' >"$work/host.s"
    as --32 "$work/host.s" -o "$work/host.o" 2>/dev/null &&
        ld -m elf_i386 "$work/host.o" -o "$work/host32" 2>/dev/null || skip 'no 32-bit linker'
    "$work/host32" &
    host=$!
    trap 'kill -9 $host 2>/dev/null || :; rm -rf "$work"' EXIT
    sleep 0.3
    kill -0 "$host" 2>/dev/null || skip 'no 32-bit programs here'
    refuses 'another architecture' "$host"
}

# Whatever of it is gone already, it has ended: that is neither a refusal nor a kernel's thread.
case_it_ends_meanwhile() # timeout=200 slow=1
{
    cat >"$work/short.c" <<'END'
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>
static void *waits(void *a) { usleep(rand() % 9000); return a; }
int main(int n, char **a)
{
    pthread_t thread;
    srand(atoi(a[1]));
    for (int i = 0; i < 5; i++) pthread_create(&thread, 0, waits, 0);
    usleep(rand() % 25000);
    if (rand() % 2) pthread_exit(0);
    _exit(0);
}
END
    cc -w "$work/short.c" -o "$work/short" -pthread
    for i in $(seq 300); do
        "$work/short" "$i" &
        host=$!
        status=0
        timeout 60 "$fini" why -q "$host" >"$work/said" 2>&1 || status=$?
        case $status in
        0 | 1) ;;
        2) said_any 'has ended|no such process|not begun|becoming' ;;
        *) fail "status $status: $(cat "$work/said")" ;;
        esac
        status=0
        wait "$host" || status=$?
        same 'status of what was looked at' "$status" 0
    done
}

case_ended_and_not_waited_for() # timeout=60
{
    command -v python3 >/dev/null || skip 'no python3'
    python3 -c 'import os, sys, time
pid = os.fork()
if not pid: os._exit(0)
time.sleep(0.3)
os.execv(sys.argv[1], ["fini", "why", str(pid)])' "$fini" >"$work/said" 2>&1 || :
    said 'it has ended'
}

case_traced_already() # timeout=60
{
    command -v gdb >/dev/null || skip 'no gdb'
    hosts
    gdb -batch -p "$host" -ex "shell '$fini' why $host >'$work/said' 2>&1" >/dev/null 2>&1 || :
    said 'traces it already'
    ends
}

case_not_permitted() # timeout=60
{
    command -v setpriv >/dev/null || skip 'no setpriv'
    [ "$(id -u)" = 0 ] || skip 'not root'
    hosts
    cp "$fini" "$work/fini"
    chmod 755 "$work" "$work/fini"
    setpriv --reuid=65534 --clear-groups "$work/fini" why "$host" >"$work/said" 2>&1 || status=$?
    same status "$status" 2
    said 'not permitted'
    ends
}

# A process that has written into its loader's list: one clear answer, whatever stands there.
case_lies() # timeout=300
{
    cat >"$work/liar.c" <<'END'
#include <elf.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
static struct link_map fake[3];
static ElfW(Dyn) dynamic[600];
static char *edge;
static unsigned hash[4] = {-1u, -1u, -1u, -1u}, small[8] = {1, 1, 0, 0, 1, 0, 0, 0};
int main(int n, char **a)
{
    struct r_debug *debug = 0;
    for (ElfW(Dyn) *d = _DYNAMIC; d->d_tag; d++)
        if (d->d_tag == DT_DEBUG) debug = (void *)d->d_un.d_ptr;
    struct link_map *last = debug->r_map;
    while (last->l_next) last = last->l_next;
    edge = (char *)mmap(0, 4096, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(edge, 'x', 4096);
    int what = atoi(a[1]);
    struct link_map *f = &fake[0];
    f->l_name = "fake.so", f->l_ld = dynamic;
    for (int i = 0; i < 600; i++) dynamic[i].d_tag = DT_NEEDED;
    dynamic[0].d_tag = DT_STRTAB, dynamic[0].d_un.d_ptr = (ElfW(Addr))edge + 4090;
    dynamic[1].d_tag = DT_SYMTAB, dynamic[1].d_un.d_ptr = (ElfW(Addr))edge;
    dynamic[2].d_tag = DT_GNU_HASH, dynamic[2].d_un.d_ptr = (ElfW(Addr))hash;
    switch (what) {
    case 0: f->l_next = f; break;
    case 1: f->l_next = debug->r_map; break;
    case 2: f->l_next = (void *)8; break;
    case 3: f->l_name = edge; break;
    case 4: f->l_name = (void *)-8; f->l_ld = (void *)-8; break;
    case 5: f->l_addr = -1; break;
    case 6: dynamic[2].d_un.d_ptr = (ElfW(Addr))small; break;
    case 7: dynamic[2].d_tag = DT_HASH; break;
    case 8: dynamic[1].d_un.d_ptr = -16; break;
    case 9: debug->r_state = RT_ADD; break;
    case 10: f->l_name = "\033[31m\n"; break;
    case 11: f->l_ld = (void *)debug; memset(dynamic, 0xff, sizeof dynamic); break;
    }
    last->l_next = f;
    puts("ready");
    fflush(stdout);
    getchar();
    last->l_next = 0;
    puts("unharmed");
    return 0;
}
END
    cc -w -g -D_GNU_SOURCE "$work/liar.c" -o "$work/liar"
    for what in 0 1 2 3 4 5 6 7 8 9 10 11; do
        starts "$work/liar" "$what"
        why 1 libc.so.6
        said 'since its start'
        status=0
        "$fini" why "$host" >"$work/said" 2>&1 || status=$?
        not_said 'crashes'
        not_said "$(printf '\033')"
        case $status in
        0 | 1 | 2) ;;
        *) fail "status $status of $what: $(cat "$work/said")" ;;
        esac
        case $what in
        0 | 1 | 2 | 9) said 'its loader was at work' ;;
        esac
        ends
    done
}

# Two thousand images whose tables all name the same long name again and again: little memory there,
# and little here. It is a process that says at its end how much its child had.
case_lies_that_are_long() # timeout=100
{
    command -v python3 >/dev/null || skip 'no python3'
    cat >"$work/liar.c" <<'END'
#include <elf.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
static struct link_map fake[2000];
static ElfW(Dyn) dynamic[512];
static char name[4000];
int main(void)
{
    struct r_debug *debug = 0;
    for (ElfW(Dyn) *d = _DYNAMIC; d->d_tag; d++)
        if (d->d_tag == DT_DEBUG) debug = (void *)d->d_un.d_ptr;
    struct link_map *last = debug->r_map;
    while (last->l_next) last = last->l_next;
    memset(name, 'x', sizeof name - 1);
    for (int i = 0; i < 2000; i++) {
        fake[i].l_name = name;
        fake[i].l_ld = dynamic;
        fake[i].l_next = i < 1999 ? &fake[i + 1] : 0;
    }
    for (int i = 0; i < 512; i++) dynamic[i].d_tag = DT_NEEDED;
    dynamic[0].d_tag = DT_STRTAB, dynamic[0].d_un.d_ptr = (ElfW(Addr))name;
    last->l_next = fake;
    puts("ready");
    fflush(stdout);
    getchar();
    last->l_next = 0;
    puts("unharmed");
    return 0;
}
END
    cc -w -D_GNU_SOURCE "$work/liar.c" -o "$work/liar"
    starts "$work/liar"
    python3 - "$fini" "$host" >"$work/said" 2>&1 <<'END' || fail "$(cat "$work/said")"
import resource, subprocess, sys
done = subprocess.run([sys.argv[1], 'why', sys.argv[2]], capture_output=True, text=True)
most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(done, most)
assert done.returncode == 2 and done.stderr.count('\n') == 1 and not done.stdout
assert most < 256 << 10
END
    said 'more than can be true'
    ends
}

# A page that only a thread of the process can bring, which stands: the process must not stand for
# ever, and neither must fini.
case_memory_that_never_comes() # timeout=100
{
    cat >"$work/pages.c" <<'END'
#include <fcntl.h>
#include <link.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
static struct link_map fake;
static int fd;
static void *brings(void *unused)
{
    static char page[4096];
    struct uffd_msg m;
    while (read(fd, &m, sizeof m) == sizeof m) {
        struct uffdio_copy c = {.dst = m.arg.pagefault.address & -4096ul, .len = 4096,
                                .src = (unsigned long)page};
        ioctl(fd, UFFDIO_COPY, &c);
    }
}
int main(void)
{
    struct r_debug *debug = 0;
    pthread_t thread;
    char *zone = mmap(0, 1 << 20, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct uffdio_api api = {.api = UFFD_API};
    struct uffdio_register all = {{(unsigned long)zone, 1 << 20}, UFFDIO_REGISTER_MODE_MISSING};
    fd = syscall(SYS_userfaultfd, O_CLOEXEC);
    if (fd < 0 || ioctl(fd, UFFDIO_API, &api) || ioctl(fd, UFFDIO_REGISTER, &all)) {
        puts("ready: cannot");
        return 0;
    }
    pthread_create(&thread, 0, brings, 0);
    for (ElfW(Dyn) *d = _DYNAMIC; d->d_tag; d++)
        if (d->d_tag == DT_DEBUG) debug = (void *)d->d_un.d_ptr;
    struct link_map *last = debug->r_map;
    while (last->l_next) last = last->l_next;
    fake.l_name = zone + 8192;
    last->l_next = &fake;
    puts("ready");
    fflush(stdout);
    getchar();
    last->l_next = 0;
    puts("unharmed");
    exit(0);
}
END
    cc -w -D_GNU_SOURCE "$work/pages.c" -o "$work/pages" -pthread || skip 'no userfaultfd here'
    starts "$work/pages"
    ! grep -q cannot "$work/host" || skip 'no userfaultfd here'
    refuses 'it could not be copied in 10 seconds, and runs again' "$host"
    for task in "/proc/$host/task/"*; do
        grep -q '^TracerPid:[^0-9]*0$' "$task/status" || fail 'still traced'
    done
    ends
}

# ---- unharmed ----------------------------------------------------------------------------------

case_two_hundred_times() # timeout=600 slow=1
{
    plain plug
    starts "$programs/why_busy" "$work/plug.so"
    round=0
    while [ "$round" -lt 200 ]; do
        status=0
        "$fini" why -q "$host" why_busy >"$work/said" 2>&1 || status=$?
        [ "$status" = 1 ] || fail "status $status in round $round: $(cat "$work/said")"
        round=$((round + 1))
    done
    ends
}

# Signals from outside arrive as often as they were sent, while the process is looked at.
case_signals_arrive() # timeout=300 slow=1
{
    cat >"$work/counts.c" <<'END'
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
static volatile int count;
static void on(int n) { count++; }
int main(void)
{
    char byte;
    sigaction(SIGRTMIN, &(struct sigaction){.sa_handler = on, .sa_flags = SA_RESTART}, 0);
    puts("ready");
    fflush(stdout);
    while (read(0, &byte, 1) > 0);
    printf("%d\n", count);
    puts("unharmed");
    return 0;
}
END
    cat >"$work/sends.c" <<'END'
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
int main(int n, char **a)
{
    for (int i = 0; i < 5000; i++) {
        while (sigqueue(atoi(a[1]), SIGRTMIN, (union sigval){0})) usleep(100);
        usleep(100);
    }
}
END
    for name in counts sends; do
        cc -w -D_GNU_SOURCE "$work/$name.c" -o "$work/$name"
    done
    starts "$work/counts"
    "$work/sends" "$host" &
    sender=$!
    while kill -0 "$sender" 2>/dev/null; do
        why 0 -q
    done
    wait "$sender"
    ends
    grep -qx 5000 "$work/host" || fail "signals: $(cat "$work/host")"
}

# Killed at each step of tracing, fini leaves the process running.
case_fini_is_killed() # timeout=300 slow=1
{
    plain plug
    library kills -ldl <<'END'
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
long ptrace(int what, ...)
{
    static int count;
    va_list a;
    va_start(a, what);
    long pid = va_arg(a, int);
    void *x = va_arg(a, void *), *y = va_arg(a, void *);
    if (++count > atoi(getenv("KILL_AFTER"))) kill(getpid(), SIGKILL);
    return syscall(SYS_ptrace, (long)what, pid, x, y);
}
END
    hosts open "$work/plug.so" inside "$work/plug.so" inside "$work/plug.so"
    why 1 -q
    after=0
    while :; do
        status=0
        KILL_AFTER=$after LD_PRELOAD=$work/kills.so "$fini" why "$host" >"$work/said" 2>&1 ||
            status=$?
        [ "$status" = 2 ] || break
        said 'crashes (Killed)'
        after=$((after + 1))
        for task in "/proc/$host/task/"*; do
            grep -q '^TracerPid:[^0-9]*0$' "$task/status" || fail "still traced after $after"
            ! grep -q '^State:[^A-Za-z]*[Tt]' "$task/status" || fail "still stopped: $after"
        done
        [ "$after" -lt 100 ] || fail 'it never gets through'
    done
    # Three threads: seize, interrupt, read, let go.
    [ "$after" -ge 12 ] || fail "only $after steps"
    ends
}

# A worker of io_uring opens a FIFO, and nobody is there yet: to interrupt it would be to end that
# with an error. It is not a thread of the program's, and not told of.
case_worker_of_io_uring() # timeout=60
{
    cat >"$work/worker.c" <<'END'
#include <linux/io_uring.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(int n, char **a)
{
    struct io_uring_params q = {0};
    int f = syscall(SYS_io_uring_setup, 4, &q);
    if (f < 0) { puts("ready: cannot"); return 0; }
    char *sq = mmap(0, q.sq_off.array + 64, 3, MAP_SHARED, f, IORING_OFF_SQ_RING);
    char *cq = mmap(0, q.cq_off.cqes + 256, 3, MAP_SHARED, f, IORING_OFF_CQ_RING);
    struct io_uring_sqe *e = mmap(0, 4 * sizeof *e, 3, MAP_SHARED, f, IORING_OFF_SQES);
    e->opcode = IORING_OP_OPENAT, e->fd = -100, e->addr = (unsigned long)a[1];
    e->flags = IOSQE_ASYNC;
    *(volatile unsigned *)(sq + q.sq_off.tail) = 1;
    syscall(SYS_io_uring_enter, f, 1, 0, 0, 0, 0);
    puts("ready");
    fflush(stdout);
    getchar();
    puts(*(volatile unsigned *)(cq + q.cq_off.tail) ? "ended" : "unharmed");
    return 0;
}
END
    cc -w -D_GNU_SOURCE "$work/worker.c" -o "$work/worker" || skip 'no io_uring here'
    mkfifo "$work/nobody"
    starts "$work/worker" "$work/nobody"
    [ "$(ls "/proc/$host/task" | wc -l)" = 2 ] || skip 'no worker of io_uring'
    for i in 1 2 3; do
        why 1 libc.so.6
        not_said 'followed'
    done
    ends
}

# call: the number of the one that the host sleeps in, and of its sleeps.
call() {
    cut -d' ' -f1 "/proc/$host/syscall"
    grep '^voluntary' "/proc/$host/status"
}

# Calls that end with EINTR after any stop (signal(7)): who sleeps in one is left asleep, and its
# stack is seen all the same.
case_calls_that_are_not_restarted() # timeout=120
{
    for name in epoll_wait epoll_pwait io_getevents io_uring_enter semop sigtimedwait recv; do
        starts "$programs/why_busy" eintr "$name"
        waited=0
        until [ "$(state)" = S ] && [ "$(call | head -n 1)" != 0 ]; do
            [ "$waited" -lt 50 ] || break
            waited=$((waited + 1))
            sleep 0.1
        done
        if [ "$waited" -lt 50 ]; then # else this kernel does not have it
            sleep 0.1
            before=$(call)
            why 1 why_busy
            said ' why_busy in '
            why 0 'libnone*'
            same "the sleep in $name" "$(call)" "$before"
        fi
        kill -9 "$host"
        exec 9>&-
        ! grep -q EINTR "$work/host" || fail "$name: $(cat "$work/host")"
    done
}

protocol "$@"
