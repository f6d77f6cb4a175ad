/* SPDX-License-Identifier: MIT
 *
 * Keepsakes on the fake platform: every error, every limit, what fork and signal handlers find.
 *
 * Leaves to others: real memory, real threads (tests/mapped).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe.h"
#include "shared.h"

enum { KEEPSAKES_MOST = 1024 }; /* as fini.h says */

static void start(void)
{
    probe_start();
}

static void put(const char *name, const char *text)
{
    require_eq(fini_keep_put(name, text, strlen(text)), FINI_OK);
}

/* "-" where there is none; else the text, with a byte behind it that must not be touched. */
static const char *got(const char *name)
{
    static char text[64];
    size_t size = sizeof text - 1;
    memset(text, '#', sizeof text);
    int error = fini_keep_get(name, text, &size);
    if (error == FINI_ENOENT) {
        require_eq(size, sizeof text - 1);
        require_eq(text[0], '#');
        return "-";
    }
    require_eq(error, FINI_OK);
    require_eq(text[size], '#');
    text[size] = '\0';
    return text;
}

#define require_got(name, expected) require(strcmp(got(name), expected) == 0)

/* ---- what is kept ---------------------------------------------------------------------------- */

CASE(keep_and_get)
{
    start();
    require_got("a", "-");
    put("a", "one");
    put("b", "two");
    require_got("a", "one");
    require_got("b", "two");
    require_got("ab", "-");
    require_got("A", "-");
    require_eq(fake.maps, 2);
}

CASE(keep_replaces)
{
    start();
    put("a", "first");
    put("b", "second");
    put("c", "third");
    put("b", "longer than it was");
    require_got("b", "longer than it was");
    put("b", "x");
    require_got("a", "first");
    require_got("b", "x");
    require_got("c", "third");
    require_eq(fake.maps, 3);
}

static const char *const three[] = {"a", "b", "c"};

/* The one at the beginning, in the middle, at the end; and put again. */
CASE(keep_deletes)
{
    for (int gone = 0; gone < 3; gone++) {
        start();
        for (int n = 0; n < 3; n++)
            put(three[n], three[n]);
        require_eq(fini_keep_put(three[gone], NULL, 0), FINI_OK);
        require_eq(fini_keep_put(three[gone], "x", 0), FINI_ENOENT);
        for (int n = 0; n < 3; n++)
            require_got(three[n], n == gone ? "-" : three[n]);
        require_eq(fake.maps, 2);
        put(three[gone], "again");
        require_got(three[gone], "again");
        for (int n = 0; n < 3; n++)
            require_eq(fini_keep_put(three[n], NULL, 0), FINI_OK);
        require_eq(fake.maps, 0);
    }
}

CASE(keep_bytes_of_any_kind)
{
    unsigned char in[256], out[256];
    size_t size = sizeof out;
    start();
    for (int n = 0; n < 256; n++)
        in[n] = (unsigned char)(255 - n);
    require_eq(fini_keep_put("\x01\xff \n", in, sizeof in), FINI_OK);
    require_eq(fini_keep_get("\x01\xff \n", out, &size), FINI_OK);
    require_eq(size, 256);
    require(memcmp(in, out, 256) == 0);
}

CASE(keep_is_a_copy)
{
    char text[] = "data", name[] = "name";
    start();
    put(name, text);
    memset(text, 'x', 4);
    memset(name, 'x', 4);
    require_got("name", "data");
    require_got("xxxx", "-");
}

/* ---- errors ---------------------------------------------------------------------------------- */

CASE(keep_invalid)
{
    size_t size = 1;
    char byte = 'x';
    start();
    require_eq(fini_keep_put(NULL, "x", 1), FINI_EINVAL);
    require_eq(fini_keep_put("", "x", 1), FINI_EINVAL);
    require_eq(fini_keep_put("", NULL, 0), FINI_EINVAL);
    require_eq(fini_keep_put("a", NULL, 1), FINI_EINVAL);
    require_eq(fini_keep_get(NULL, &byte, &size), FINI_EINVAL);
    require_eq(fini_keep_get("", &byte, &size), FINI_EINVAL);
    require_eq(fini_keep_get("a", &byte, NULL), FINI_EINVAL);
    require_eq(fini_keep_get("a", NULL, &size), FINI_EINVAL);
    require_eq(size, 1);
    require_eq(byte, 'x');
    require_eq(fake.maps, 0);
}

CASE(keep_too_little_room)
{
    char room[4] = "###";
    start();
    put("a", "four");
    for (size_t n = 0; n < 4; n++) {
        size_t size = n;
        require_eq(fini_keep_get("a", n == 0 ? NULL : room, &size), FINI_ERANGE);
        require_eq(size, 4);
        require(strcmp(room, "###") == 0);
    }
    size_t size = 4;
    require_eq(fini_keep_get("a", room, &size), FINI_OK);
    require(memcmp(room, "four", 4) == 0);
    size = 0;
    require_eq(fini_keep_get("b", NULL, &size), FINI_ENOENT);
}

CASE(keep_longest_name)
{
    char name[300];
    size_t size = 0;
    start();
    memset(name, 'n', sizeof name);
    name[FINI_KEEP_NAME_MOST] = '\0';
    put(name, "longest");
    require_got(name, "longest");
    name[FINI_KEEP_NAME_MOST] = 'n';
    name[FINI_KEEP_NAME_MOST + 1] = '\0';
    require_eq(fini_keep_put(name, "x", 1), FINI_ERANGE);
    require_eq(fini_keep_put(name, NULL, 0), FINI_ERANGE);
    require_eq(fini_keep_get(name, NULL, &size), FINI_ERANGE);
    require_eq(size, 0);
    name[FINI_KEEP_NAME_MOST - 1] = '\0';
    require_got(name, "-");
    require_eq(fake.maps, 1);
}

CASE(keep_most_data)
{
    size_t most = FINI_KEEP_SIZE_MOST, size = most + 1;
    char *bytes = calloc(1, most + 1), *back = calloc(1, most + 1);
    require(bytes != NULL && back != NULL);
    start();
    bytes[most - 1] = 'z';
    require_eq(fini_keep_put("a", bytes, most), FINI_OK);
    require_eq(fini_keep_put("a", bytes + 1, most + 1), FINI_ERANGE);
    require_eq(fini_keep_put("a", bytes, (size_t)-1), FINI_ERANGE);
    require_eq(fini_keep_get("a", back, &size), FINI_OK);
    require_eq(size, most);
    require(memcmp(bytes, back, most + 1) == 0);
    free(bytes);
    free(back);
}

static void put_numbered(unsigned n, int expected)
{
    char name[16];
    snprintf(name, sizeof name, "k%u", n);
    require_eq(fini_keep_put(name, name, strlen(name)), expected);
}

CASE(keep_1024_and_one_more)
{
    start();
    for (unsigned n = 0; n < KEEPSAKES_MOST; n++)
        put_numbered(n, FINI_OK);
    put_numbered(KEEPSAKES_MOST, FINI_EAGAIN);
    require_eq(fake.maps, KEEPSAKES_MOST);
    put_numbered(0, FINI_OK);
    put("k1023", "replaced");
    require_got("k1023", "replaced");
    require_eq(fini_keep_put("k500", NULL, 0), FINI_OK);
    put_numbered(KEEPSAKES_MOST, FINI_OK);
    put_numbered(500, FINI_EAGAIN);
    require_got("k1024", "k1024");
    require_got("k0", "k0");
}

CASE(keep_without_memory)
{
    start();
    put("a", "old");
    fake.dead = FAKE_MAP;
    require_eq(fini_keep_put("a", "new", 3), FINI_ENOMEM);
    require_eq(fini_keep_put("b", "new", 3), FINI_ENOMEM);
    require_got("a", "old");
    require_got("b", "-");
    require_eq(fini_keep_put("a", NULL, 0), FINI_OK);
}

CASE(keep_without_a_place)
{
    char byte = 'x';
    size_t size = 1;
    start();
    fake.dead = FAKE_SHARED;
    require_eq(fini_keep_put("a", "b", 1), FINI_ENOTSUP);
    require_eq(fini_keep_put("a", NULL, 0), FINI_ENOTSUP);
    require_eq(fini_keep_get("a", &byte, &size), FINI_ENOTSUP);
    require_eq(size, 1);
    require_eq(byte, 'x');
    require_eq(fake.maps, 0);
}

/* A copy of libfini with another idea of the format got there first. */
CASE(keep_in_another_format)
{
    static unsigned char before[FINI__SHARED_SIZE];
    const uint32_t formats[] = {2, 0x7fffffff, 0xffffffff};
    for (int n = 0; n < 3; n++) {
        size_t size = 0;
        start();
        struct fini__shared *s = fini__platform_shared();
        memset(s, 0xa5, FINI__SHARED_SIZE);
        atomic_store(&s->format, formats[n]);
        memcpy(before, s, FINI__SHARED_SIZE);
        require_eq(fini_keep_put("a", "b", 1), FINI_ENOTSUP);
        require_eq(fini_keep_put("a", NULL, 0), FINI_ENOTSUP);
        require_eq(fini_keep_get("a", NULL, &size), FINI_ENOTSUP);
        fini__generation_count();
        require_eq(fini_generation(), 0);
        require(memcmp(before, s, FINI__SHARED_SIZE) == 0);
        require_eq(fake.maps, 0);
    }
}

/* ---- errno, and waiting for others ----------------------------------------------------------- */

static struct fini__lock *shared_lock(void)
{
    return &fini__shared_find()->lock;
}

static void take_lock_as(uintptr_t thread)
{
    fake.thread = thread;
    require(fini__lock_take(shared_lock()));
    fake.thread = 1;
}

static void drop_lock(unsigned round)
{
    fake.thread = 2;
    if (round == 2)
        fini__lock_drop(shared_lock());
    fake.thread = 1;
}

CASE(keep_keeps_errno)
{
    char text[4];
    size_t size = sizeof text;
    start();
    fake.on_pause = drop_lock;
    errno = 4711;
    take_lock_as(2);
    put("a", "b");
    require_eq(errno, 4711);
    take_lock_as(2);
    require_eq(fini_keep_get("a", text, &size), FINI_OK);
    require_eq(errno, 4711);
    take_lock_as(2);
    require_eq(fini_keep_put("a", NULL, 0), FINI_OK);
    require_eq(errno, 4711);
    require_eq(fake.pauses, 9);
}

CASE(keep_in_a_signal_handler)
{
    char byte = 'x';
    size_t size = 1;
    start();
    put("a", "b");
    take_lock_as(1);
    require_eq(fini_keep_put("a", "c", 1), FINI_EDEADLK);
    require_eq(fini_keep_put("a", NULL, 0), FINI_EDEADLK);
    require_eq(fini_keep_get("a", &byte, &size), FINI_EDEADLK);
    require_eq(size, 1);
    require_eq(byte, 'x');
    fini__lock_drop(shared_lock());
    require_got("a", "b");
    require_eq(fake.maps, 1);
}

CASE(keep_in_a_child_of_a_busy_parent)
{
    start();
    put("a", "b");
    take_lock_as(2);
    fake_fork();
    require_got("a", "b");
    put("a", "c");
    require_got("a", "c");
    require_eq(fake.pauses, 0);
}

/* In finalizers and hooks too. */
static void keep_in_hook(struct probe *self)
{
    (void)self;
    put("from the hook", "x");
}

CASE(keep_in_a_hook, .expect = "A unload\n")
{
    start();
    A.act = keep_in_hook;
    add(&A);
    fake_finalize(FINI_UNLOAD);
    require_got("from the hook", "x");
    put("after", "y");
}
