/* SPDX-License-Identifier: MIT
 *
 * Every order of a few events, with everything that two hooks can do while they run, compared
 * with a model of libfini that fits on a page.
 *
 * Decides: that errors, the hooks run, their order and their reasons are the model's, that no
 * hook runs twice for one fini_add, and that the list is whole afterwards. The model says "the
 * newest hook that is wanted"; it knows no list, no cursor and no state of a hook.
 * Leaves to others: several threads (threads.c), single rules in words (unit_*.c).
 *
 * A script is one life of a process: events in a row, and what each hook does when it first runs.
 * It is played twice, by libfini on the fake platform and by the model; each leaves a record.
 * Shorter scripts come first, so that the first one shown is the smallest that fails.
 */
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include "fake.h"
#include "harness.h"
#include "inside.h"

enum { HOOKS = 3, EVENTS_MOST = 5 };

/* What can happen, from outside or in a hook. The third hook is only ever added by a hook. */
enum event {
    ADD_A, ADD_B, REMOVE_A, REMOVE_B, BEGIN, FORK, /* in any order */
    UNLOAD, EXIT, UNLOAD_AT_EXIT,                  /* once */
    ADD_C, ADD_SELF, ADD_OTHER, REMOVE_SELF, REMOVE_OTHER, CALL_EXIT, NESTED_UNLOAD, NOTHING,
    EVENTS
};

static const char *const event_names[EVENTS] = {
    "add A", "add B", "remove A", "remove B", "exit begins", "fork", "unload", "exit",
    "unload at exit", "add C", "add self", "add other", "remove self", "remove other",
    "exit()", "nested unload", "nothing"};

struct script {
    enum event events[EVENTS_MOST];
    unsigned count;
    unsigned when[HOOKS];
    enum event act[HOOKS]; /* in the hook */
};

/* ---- records --------------------------------------------------------------------------------- */

struct record {
    char text[128]; /* a letter for what happened, then for its result */
    unsigned length;
};

static void put(struct record *r, char what, int result)
{
    if (r->length + 2 >= sizeof r->text)
        return;
    r->text[r->length++] = what;
    r->text[r->length++] = (char)('0' + (result < 0 ? -result : result));
}

/* ---- a world: libfini or the model ----------------------------------------------------------- */

struct world {
    int (*add)(unsigned hook);
    int (*remove)(unsigned hook);
    void (*begin)(void);
    void (*fork)(void);
    void (*finalize)(fini_reason why);
    void (*exit)(void); /* does not return */
};

static const struct script *script;
static const struct world *world;
static struct record *record;
static bool acted[HOOKS];
static bool finalized; /* the loader calls the finalizer once */
static bool unloaded;  /* nothing of the image is left */
static jmp_buf end_of_process;

static void do_add(unsigned hook)
{
    put(record, (char)('a' + hook), world->add(hook));
}

static void do_remove(unsigned hook)
{
    put(record, (char)('x' + hook), world->remove(hook));
}

static void do_finalize(fini_reason why)
{
    if (finalized)
        return;
    finalized = true;
    world->finalize(why);
    put(record, 'F', (int)why);
    unloaded |= why != FINI_EXIT;
}

static void happen_outside(enum event event)
{
    switch (event) {
    case ADD_A:
    case ADD_B:
        do_add(event - ADD_A);
        break;
    case REMOVE_A:
    case REMOVE_B:
        do_remove(event - REMOVE_A);
        break;
    case BEGIN:
        world->begin();
        break;
    case FORK:
        world->fork();
        break;
    default:
        do_finalize(event == EXIT ? FINI_EXIT : event == UNLOAD ? FINI_UNLOAD
                                                                : FINI_UNLOAD_AT_EXIT);
    }
}

static void happen_inside(enum event event, unsigned self)
{
    switch (event) {
    case ADD_C:
        do_add(2);
        break;
    case ADD_SELF:
        do_add(self);
        break;
    case ADD_OTHER:
        do_add(self == 0);
        break;
    case REMOVE_SELF:
        do_remove(self);
        break;
    case REMOVE_OTHER:
        do_remove(self == 0);
        break;
    case CALL_EXIT:
        world->exit();
        break;
    case NESTED_UNLOAD:
        do_finalize(FINI_UNLOAD_AT_EXIT);
        break;
    case FORK:
        world->fork();
        break;
    default:
        break;
    }
}

static void hook_runs(unsigned hook, fini_reason why)
{
    put(record, (char)('A' + hook), (int)why);
    if (acted[hook])
        return;
    acted[hook] = true;
    happen_inside(script->act[hook], hook);
}

static void play(const struct world *its_world, struct record *its_record)
{
    world = its_world;
    record = its_record;
    record->length = 0;
    memset(acted, 0, sizeof acted);
    finalized = unloaded = false;
    if (setjmp(end_of_process) == 0)
        for (unsigned n = 0; n < script->count && !unloaded; n++)
            happen_outside(script->events[n]);
    record->text[record->length] = '\0';
}

/* ---- libfini --------------------------------------------------------------------------------- */

static struct fini_hook real_hooks[HOOKS];

static void real_run(void *arg, fini_reason why)
{
    hook_runs((unsigned)(size_t)arg, why);
}

static int real_add(unsigned hook)
{
    return fini_add(&real_hooks[hook]);
}

static int real_remove(unsigned hook)
{
    return fini_remove(&real_hooks[hook]);
}

static void real_begin(void)
{
    if (!fake.early_armed)
        return;
    fake.early_armed = false;
    fini__image_exit_begins();
}

static void real_finalize(fini_reason why)
{
    fake_sees(why);
    fini__image_finalize(NULL);
}

static void real_exit(void)
{
    real_begin();
    while (fake.resume_armed) {
        fake.resume_armed = false;
        fini__image_resume();
    }
    do_finalize(FINI_EXIT);
    longjmp(end_of_process, 1);
}

static const struct world real = {real_add, real_remove, real_begin, fake_fork, real_finalize,
                                  real_exit};

static void play_real(struct record *ret)
{
    fake_reset();
    inside_reset();
    for (unsigned n = 0; n < HOOKS; n++)
        real_hooks[n] = (struct fini_hook)FINI_HOOK_INIT(real_run, (void *)(size_t)n,
                                                         script->when[n]);
    play(&real, ret);
}

/* ---- the model ------------------------------------------------------------------------------- */

static struct {
    unsigned added[HOOKS]; /* 0: not; else the higher the newer */
    unsigned clock;
    bool running[HOOKS];
    unsigned depth; /* of hooks */
    bool sealed, early, child, ending;
    unsigned sealed_for;
} model;

static int model_add(unsigned hook)
{
    if (model.added[hook] || model.running[hook])
        return FINI_EBUSY;
    if (model.sealed && (model.depth == 0 || !(script->when[hook] & model.sealed_for)))
        return FINI_EFINALIZING;
    model.added[hook] = ++model.clock;
    model.early |= (script->when[hook] & FINI_ON_EXIT_BEGIN) && !model.sealed;
    return FINI_OK;
}

static int model_remove(unsigned hook)
{
    bool known = model.added[hook] || model.running[hook];
    model.added[hook] = 0;
    return known ? FINI_OK : FINI_ENOENT;
}

static int newest_wanted(unsigned moments)
{
    int newest = -1;
    for (int n = 0; n < HOOKS; n++) {
        bool skipped = model.child && (script->when[n] & FINI_NOT_IN_CHILD);
        if (model.added[n] && (script->when[n] & moments) && !skipped)
            if (newest < 0 || model.added[n] > model.added[newest])
                newest = n;
    }
    return newest;
}

static void model_pass(fini_reason why, unsigned moments)
{
    for (int hook = newest_wanted(moments); hook >= 0; hook = newest_wanted(moments)) {
        model.added[hook] = 0;
        model.running[hook] = true;
        model.depth++;
        hook_runs((unsigned)hook, why);
        model.depth--;
        model.running[hook] = false;
    }
}

static void model_begin(void)
{
    bool early = model.early;
    model.early = false;
    if (early)
        model_pass(FINI_EXIT, FINI_ON_EXIT_BEGIN);
}

static void model_fork(void)
{
    model.child = true;
}

static void model_finalize(fini_reason why)
{
    static const unsigned moments[] = {0, 1, 11, 10};
    model.sealed = model.ending = true;
    model.sealed_for = moments[why];
    model.early &= why == FINI_EXIT;
    model_pass(why, moments[why]);
    if (why != FINI_EXIT)
        memset(model.added, 0, sizeof model.added);
    model.ending = false;
}

static void model_exit(void)
{
    model_begin();
    if (model.ending)
        model_finalize(FINI_EXIT);
    do_finalize(FINI_EXIT);
    longjmp(end_of_process, 1);
}

static const struct world modelled = {model_add, model_remove, model_begin, model_fork,
                                      model_finalize, model_exit};

static void play_model(struct record *ret)
{
    memset(&model, 0, sizeof model);
    play(&modelled, ret);
}

/* ---- judging --------------------------------------------------------------------------------- */

/* Whatever the model says: no hook runs more often than it was added. */
static bool runs_once(const struct record *r)
{
    int due[HOOKS] = {0};
    for (unsigned n = 0; n < r->length; n += 2) {
        char what = r->text[n];
        if (what >= 'a' && what < 'a' + HOOKS)
            due[what - 'a'] += r->text[n + 1] == '0';
        if (what >= 'A' && what < 'A' + HOOKS && --due[what - 'A'] < 0)
            return false;
    }
    return true;
}

static void show(const struct record *got, const struct record *expected)
{
    for (unsigned n = 0; n < script->count; n++)
        say("event: %s", event_names[script->events[n]]);
    for (unsigned n = 0; n < HOOKS; n++)
        say("%c: when %u, does: %s", (char)('A' + n), script->when[n],
            event_names[script->act[n]]);
    say("libfini %s", got->text);
    say("model   %s", expected->text);
    say("list %s, at most once: %d", inside_whole() ? "whole" : "broken", runs_once(got));
    require(!"they agree");
}

static void judge(const struct script *one)
{
    struct record got, expected;
    script = one;
    play_model(&expected);
    play_real(&got);
    if (strcmp(got.text, expected.text) != 0 || !runs_once(&got) ||
        !inside_whole())
        show(&got, &expected);
}

/* ---- all scripts ----------------------------------------------------------------------------- */

/* Which scripts a case plays. */
struct range {
    unsigned when[HOOKS];
    const enum event *acts; /* up to NOTHING, which is one of them */
    unsigned events_most;
    unsigned long expected; /* how many scripts that are */
};

static unsigned long played;

/* Once finalized, an image that is unloaded is no more, and one that is not lives on. */
static bool possible(const struct script *s)
{
    unsigned ends = 0;
    for (unsigned n = 0; n < s->count; n++)
        ends += s->events[n] >= UNLOAD;
    return ends == 1 && (s->events[s->count - 1] >= UNLOAD || s->events[s->count - 2] == EXIT);
}

static void play_acts(struct script *s, const enum event *acts)
{
    const enum event *a = acts;
    do {
        const enum event *b = acts;
        do {
            s->act[0] = *a;
            s->act[1] = *b;
            judge(s);
            played++;
        } while (*b++ != NOTHING);
    } while (*a++ != NOTHING);
}

static void play_events(struct script *s, unsigned count, const struct range *range)
{
    unsigned total = 1;
    for (unsigned n = 0; n < count; n++)
        total *= UNLOAD_AT_EXIT + 1;
    s->count = count;
    for (unsigned n = 0; n < total; n++) {
        for (unsigned k = 0, rest = n; k < count; k++, rest /= UNLOAD_AT_EXIT + 1)
            s->events[k] = (enum event)(rest % (UNLOAD_AT_EXIT + 1));
        if (possible(s))
            play_acts(s, range->acts);
    }
}

static void play_range(const void *data)
{
    const struct range *range = data;
    struct script s = {.act = {NOTHING, NOTHING, NOTHING}};
    memcpy(s.when, range->when, sizeof s.when);
    played = 0;
    for (unsigned count = 1; count <= range->events_most; count++)
        play_events(&s, count, range);
    require_eq(played, range->expected);
}

/* ---- cases ----------------------------------------------------------------------------------- */

enum { U = FINI_ON_UNLOAD, E = FINI_ON_EXIT, G = FINI_ON_EXIT_BEGIN, N = FINI_NOT_IN_CHILD };

static const enum event list_acts[] = {ADD_C,       ADD_SELF,     ADD_OTHER,
                                       REMOVE_SELF, REMOVE_OTHER, NOTHING};
static const enum event exit_acts[] = {CALL_EXIT, NESTED_UNLOAD, ADD_OTHER, REMOVE_OTHER,
                                       ADD_C,     NOTHING};
static const enum event fork_acts[] = {FORK, CALL_EXIT, NOTHING};

static const unsigned whens[][HOOKS] = {
    {U | E, U | E, U | E}, {U, E, U | E}, {E, U, E},     {U | E, U, U},         {G, G, G},
    {U | E, G, U | E},     {G, U, U | G}, {G | E, E, G}, {U | E | N, U | E, E},
};

static void add_case(const char *what, const unsigned *when, const enum event *acts,
                     unsigned long expected)
{
    static struct range ranges[64];
    static unsigned used;
    char name[64];
    snprintf(name, sizeof name, "%s_%u_%u_%u", what, when[0], when[1], when[2]);
    ranges[used] = (struct range){.acts = acts, .events_most = EVENTS_MOST, .expected = expected};
    memcpy(ranges[used].when, when, sizeof ranges[used].when);
    harness_add(&(struct test_case){
        .name = name, .run = play_range, .data = &ranges[used], .timeout = 30, .slow = true});
    used++;
}

void harness_setup(void)
{
    for (unsigned n = 0; n < sizeof whens / sizeof *whens; n++) {
        add_case("list", whens[n], list_acts, 6219 * 36);
        add_case("exit", whens[n], exit_acts, 6219 * 36);
    }
    add_case("fork", (const unsigned[]){U | E | N, U | E | N, U | E}, fork_acts, 6219 * 9);
    add_case("fork", (const unsigned[]){U | E, U | E | N, U | N}, fork_acts, 6219 * 9);
}
