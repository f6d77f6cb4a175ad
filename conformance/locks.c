/* SPDX-License-Identifier: MIT
 *
 * locks.c - what a finalizer must not wait for: calls of other threads that wait for the finalizer.
 *
 * Each deed is done by a thread that was started beforehand, in a finalizer at unload, in one at
 * exit, and in an exit handler of the program.
 */
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "question.h"

static struct loaded plugin, other;
static struct sys_event ready, go, through;

/* ---- deeds --------------------------------------------------------------------------------- */

static void do_open(void)
{
    sys_open("other", SYS_PLAIN);
}

static void do_close(void)
{
    sys_close(other.handle);
}

static void do_symbol(void)
{
    sys_symbol(other.handle, "fc_face_other");
}

static void do_find(void)
{
    sys_find(other.code);
}

static void do_iterate(void)
{
    sys_iterate();
}

static void do_value(void)
{
    if (other.face->register_value() != 0)
        not_here();
}

static void do_touch(void)
{
    other.face->touch();
}

static void do_handler(void)
{
    other.face->register_handler();
}

static void nothing(void *unused)
{
    (void)unused;
}

static void do_thread(void)
{
    sys_join(start(nothing, NULL));
}

static void do_memory(void)
{
    void *volatile memory = malloc(100000);
    free(memory);
}

static void just_return(void)
{
}

static void do_fork(void)
{
    sys_fork(just_return);
}

static const struct {
    const char *name;
    void (*run)(void);
} deeds[] = {
    {"open", do_open}, {"close", do_close}, {"symbol", do_symbol}, {"find", do_find},
    {"iterate", do_iterate}, {"value", do_value}, {"touch", do_touch}, {"handler", do_handler},
    {"thread", do_thread}, {"memory", do_memory}, {"fork", do_fork}, {"end", just_return},
};

static void (*deed)(void);
static struct sys_thread *doer;

/* ---- who waits ----------------------------------------------------------------------------- */

static void do_when_asked(void *unused)
{
    (void)unused;
    sys_set(&ready);
    if (!sys_wait(&go, FOREVER))
        return;
    deed();
    sys_set(&through);
}

static void join(void *unused)
{
    (void)unused;
    sys_join(doer);
}

/* For a thread's end an event is no proof: its last steps come after it. So it is joined, which a
 * hang shows. Nothing else may hang, so that the rest of the process is an answer too. */
static void wait_for_deed(void)
{
    sys_set(&go);
    if (deed == just_return) {
        join(NULL);
        say("no");
    } else {
        say_if(sys_wait(&through, FOREVER), "no", "yes");
    }
    sys_quit();
}

static void wait_in_finalizer(struct face *face)
{
    (void)face;
    wait_for_deed();
}

static void prepare(const char *name)
{
    for (size_t i = 0; i < sizeof deeds / sizeof *deeds; i++)
        if (strcmp(deeds[i].name, name) == 0)
            deed = deeds[i].run;
    plugin = load("plugin");
    other = load("other");
    if (deed == do_iterate || deed == do_fork)
        deed(); /* is it here? And what it looks up is found, which is another deed. */
    if (deed == do_value && other.face->register_value() != 0)
        not_here();
    doer = start(do_when_asked, NULL);
    if (!sys_wait(&ready, FOREVER))
        cannot("wait for a thread");
}

static void ask_at_unload(const char *name)
{
    prepare(name);
    plugin.face->on_finalizer = wait_in_finalizer;
    sys_close(plugin.handle);
    say("no unload");
    sys_quit();
}

static void ask_at_exit(const char *name)
{
    prepare(name);
    plugin.face->on_finalizer = wait_in_finalizer;
}

static void ask_in_handler(const char *name)
{
    prepare(name);
    atexit(wait_for_deed);
}

#define AT_UNLOAD(name, text_) \
    {.id = "locks.unload-" name, .about = name, .ask = ask_at_unload, .text = text_}
#define AT_EXIT(name, text_) \
    {.id = "locks.exit-" name, .about = name, .ask = ask_at_exit, .text = text_}
#define IN_HANDLER(name, text_) \
    {.id = "locks.handler-" name, .about = name, .ask = ask_in_handler, .text = text_}

static const struct question questions[] = {
    AT_UNLOAD("open", "in a finalizer at unload: for a thread that opens a library"),
    AT_UNLOAD("close", "... that closes one"),
    AT_UNLOAD("symbol", "... that looks up a symbol"),
    AT_UNLOAD("find", "... that asks whose an address is (dladdr)"),
    AT_UNLOAD("iterate", "... in dl_iterate_phdr"),
    AT_UNLOAD("value", "... that uses its first thread_local object with a destructor"),
    AT_UNLOAD("touch", "... that uses its first thread_local variable of a loaded library"),
    AT_UNLOAD("handler", "... that registers an exit handler"),
    AT_UNLOAD("thread", "... that starts and joins a thread"),
    AT_UNLOAD("memory", "... that allocates memory"),
    AT_UNLOAD("fork", "... that forks"),
    AT_UNLOAD("end", "... that ends"),
    AT_EXIT("open", "in a finalizer at exit: for a thread that opens a library"),
    AT_EXIT("close", "... that closes one"),
    AT_EXIT("symbol", "... that looks up a symbol"),
    AT_EXIT("find", "... that asks whose an address is (dladdr)"),
    AT_EXIT("iterate", "... in dl_iterate_phdr"),
    AT_EXIT("value", "... that uses its first thread_local object with a destructor"),
    AT_EXIT("touch", "... that uses its first thread_local variable of a loaded library"),
    AT_EXIT("handler", "... that registers an exit handler"),
    AT_EXIT("thread", "... that starts and joins a thread"),
    AT_EXIT("memory", "... that allocates memory"),
    AT_EXIT("fork", "... that forks"),
    AT_EXIT("end", "... that ends"),
    IN_HANDLER("open", "in an exit handler of the program: for a thread that opens a library"),
    IN_HANDLER("close", "... that closes one"),
    IN_HANDLER("symbol", "... that looks up a symbol"),
    IN_HANDLER("handler", "... that registers an exit handler"),
    IN_HANDLER("end", "... that ends"),
    {0},
};

const struct theme theme_locks = {
    "locks: which wait of a finalizer for another thread never ends", questions};
