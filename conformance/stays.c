/* SPDX-License-Identifier: MIT
 *
 * stays.c - what keeps a library that is closed.
 */
#include "answer.h"
#include "question.h"

static struct loaded plugin;

static void watch(struct loaded library)
{
    plugin = library;
    plugin.face->on_finalizer = count_end;
}

static void close_and_say_fate(void)
{
    sys_close(plugin.handle);
    say_fate(plugin.code);
}

/* Exit would have no part in it. */
static void close_say_fate_and_quit(void)
{
    close_and_say_fate();
    sys_quit();
}

static void ask_nothing(const char *about)
{
    (void)about;
    watch(load("plugin"));
    close_say_fate_and_quit();
}

static void ask_twice(const char *about)
{
    (void)about;
    watch(load("plugin"));
    sys_open("plugin", SYS_PLAIN);
    close_and_say_fate();
    close_say_fate_and_quit();
}

static void ask_startup(const char *about)
{
    (void)about;
    watch(load("start"));
    close_say_fate_and_quit();
}

static void ask_needed(const char *about)
{
    (void)about;
    watch(load("plugin"));
    load("top");
    close_say_fate_and_quit();
}

static void ask_global(const char *about)
{
    (void)about;
    watch(load_as("plugin", SYS_GLOBAL));
    close_say_fate_and_quit();
}

/* broken has a symbol that other alone defines, but does not name other as its need. */
static void ask_bound(const char *about)
{
    (void)about;
    watch(load_as("other", SYS_GLOBAL));
    if (sys_open("broken", SYS_PLAIN) == NULL)
        cannot("open a library");
    close_say_fate_and_quit();
}

static void ask_unique(const char *about)
{
    (void)about;
    watch(load("unique"));
    close_say_fate_and_quit();
}

static void ask_nodelete(const char *about)
{
    (void)about;
    watch(load_as("plugin", SYS_NODELETE));
    close_say_fate_and_quit();
}

static void ask_pin(const char *about)
{
    (void)about;
    watch(load("plugin"));
    if (sys_open("plugin", SYS_PIN) == NULL)
        cannot("pin a library");
    close_say_fate_and_quit();
}

static void ask_handler(const char *about)
{
    (void)about;
    watch(load("plugin"));
    plugin.face->register_handler();
    close_say_fate_and_quit();
}

static void ask_key(const char *about)
{
    (void)about;
    watch(load("plugin"));
    sys_key_set(sys_key_create(plugin.face->value));
    close_say_fate_and_quit();
}

static void ask_touched(const char *about)
{
    (void)about;
    watch(load("plugin"));
    plugin.face->touch();
    close_say_fate_and_quit();
}

/* ---- thread_local objects with a destructor ------------------------------------------------ */

static struct sys_event used, end;

static void use_value(void)
{
    if (plugin.face->register_value() != 0)
        not_here();
    sys_set(&used);
}

static void use_value_and_stay(void *unused)
{
    (void)unused;
    use_value();
    sys_wait(&end, FOREVER);
}

static void use_value_and_end(void *unused)
{
    (void)unused;
    use_value();
}

static void ask_own_value(const char *about)
{
    (void)about;
    watch(load("plugin"));
    use_value();
    close_say_fate_and_quit();
}

static void ask_value_of_ended(const char *about)
{
    (void)about;
    watch(load("plugin"));
    sys_join(start(use_value_and_end, NULL));
    close_say_fate_and_quit();
}

/* Closed with the thread alive, then it ends, then another library is closed. */
static void ask_value_of_other(const char *about)
{
    struct sys_thread *thread;
    (void)about;
    watch(load("plugin"));
    thread = start(use_value_and_stay, NULL);
    if (!sys_wait(&used, FOREVER))
        cannot("wait for a thread");
    close_and_say_fate();
    sys_set(&end);
    sys_join(thread);
    say_fate(plugin.code);
    sys_close(load("other").handle);
    say_fate(plugin.code);
    sys_quit();
}

static const struct question questions[] = {
    {.id = "stays.plain", .ask = ask_nothing, .text = "nothing: the library is just closed"},
    {.id = "stays.opened-twice", .ask = ask_twice,
     .text = "it was opened twice: after the first close, and the second"},
    {.id = "stays.startup", .ask = ask_startup, .text = "it was there at start"},
    {.id = "stays.needed", .ask = ask_needed, .text = "a loaded library depends on it"},
    {.id = "stays.bound", .ask = ask_bound,
     .text = "a loaded library has found a symbol in it, without depending on it"},
    {.id = "stays.global", .ask = ask_global, .text = "it was opened with RTLD_GLOBAL"},
    {.id = "stays.unique", .ask = ask_unique, .text = "it has a symbol that is GNU_UNIQUE"},
    {.id = "stays.nodelete", .ask = ask_nodelete, .text = "it was opened with RTLD_NODELETE"},
    {.id = "stays.pinned", .ask = ask_pin,
     .text = "it was pinned later: RTLD_NOLOAD and RTLD_NODELETE, or Windows' PIN"},
    {.id = "stays.handler", .ask = ask_handler, .text = "it has an exit handler"},
    {.id = "stays.key", .ask = ask_key,
     .text = "a thread has a value under a key (fiber-local index) of the library's"},
    {.id = "stays.touched", .ask = ask_touched,
     .text = "a thread has used a thread_local variable of its own, without destructor"},
    {.id = "stays.own-value", .ask = ask_own_value,
     .text = "the closing thread has used a thread_local object with a destructor"},
    {.id = "stays.value-of-ended", .ask = ask_value_of_ended,
     .text = "a thread that has ended had used a thread_local object with a destructor"},
    {.id = "stays.value-of-other", .ask = ask_value_of_other,
     .text = "another thread has: closed; then the thread ends; then another library is closed"},
    {0},
};

const struct theme theme_stays = {"stays: what keeps a library that is closed", questions};
