/* SPDX-License-Identifier: MIT
 *
 * why_keep.c - see why_keep.h.
 *
 * The rules are those of _dl_close_worker (glibc elf/dl-close.c): an image stays that is not
 * lt_loaded, is NODELETE, has l_direct_opencount or l_tls_dtor_count, or is reached from one that
 * stays, by DT_NEEDED (l_initfini) or l_reldeps.
 */
#include "why_keep.h"

#include <stdlib.h>
#include <string.h>

/* The columns are what is needed, the rows who needs it. */
struct graph {
    const struct live_images *images;
    bool *needs, *binds;
};

static const char *base_name(const char *path)
{
    const char *end = strrchr(path, '/');
    return end ? end + 1 : path;
}

/* As _dl_map_object compares: a loaded name, or a soname. */
static bool answers_to(const struct live_image *image, const char *name)
{
    if (image->soname && strcmp(image->soname, name) == 0)
        return true;
    if (!image->name || !image->name[0])
        return false;
    return strcmp(image->name, name) == 0 ||
           (!strchr(name, '/') && strcmp(base_name(image->name), name) == 0);
}

static bool needs(const struct live_image *who, const struct live_image *what)
{
    if (who == what || who->space != what->space)
        return false;
    for (size_t i = 0; i < who->needed_count; i++)
        if (answers_to(what, who->needed[i]))
            return true;
    return false;
}

static bool binds(const struct live_image *who, const struct live_image *what)
{
    for (size_t i = 0; i < who->bound_count; i++)
        if (who->bound[i] == what->map)
            return true;
    return false;
}

static bool graph_make(const struct live_images *images, struct graph *ret)
{
    size_t n = images->count;
    ret->images = images;
    ret->needs = calloc(n * n, sizeof *ret->needs);
    ret->binds = calloc(n * n, sizeof *ret->binds);
    if (!ret->needs || !ret->binds)
        return false;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            ret->needs[i * n + j] = needs(&images->list[i], &images->list[j]);
            ret->binds[i * n + j] = binds(&images->list[i], &images->list[j]);
        }
    return true;
}

/* ---- since the start ----------------------------------------------------------------------- */

static bool is_startup(const struct keeping_of *keeping)
{
    return keeping->keeps[KEEP_STARTUP].count != 0;
}

static bool startup_needs(const struct graph *graph, const struct keeping_of *all, size_t what)
{
    size_t n = graph->images->count;
    for (size_t i = 0; i < n; i++)
        if (is_startup(&all[i]) && graph->needs[i * n + what])
            return true;
    return false;
}

static size_t last_startup(const struct graph *graph, const struct keeping_of *all)
{
    size_t last = graph->images->count - 1;
    while (last > 0 && !is_startup(&all[last]))
        last--;
    return last;
}

/* The list is in the order of loading. So what the program needs was there at the start, and what
 * stands before that (preloaded, the vDSO), and what that needs. */
static void find_startup(const struct graph *graph, struct keeping_of *all)
{
    all[0].keeps[KEEP_STARTUP].count = 1;
    for (bool again = true; again;) {
        size_t last = last_startup(graph, all);
        again = false;
        for (size_t j = 0; j < graph->images->count; j++)
            if (!is_startup(&all[j]) && (j < last || startup_needs(graph, all, j)))
                again = (all[j].keeps[KEEP_STARTUP].count = 1) != 0;
    }
}

/* ---- each by itself ------------------------------------------------------------------------ */

static void find_own(const struct live_image *image, bool is_musl, struct keeping_of *ret)
{
    struct keeper_list *keeps = ret->keeps;
    bool pinned = image->knows_pinned && image->pinned;
    keeps[KEEP_NEVER].count = is_musl;
    keeps[KEEP_MARKED].count = image->marked;
    keeps[KEEP_UNIQUE].count = pinned && !image->marked && image->unique;
    keeps[KEEP_PINNED].count = pinned && !image->marked && !image->unique;
    /* dlclose does nothing to what is pinned or was there at the start, so its count says nothing
     * (_dl_close); and the program has one. */
    if (image->knows_opened && !pinned && !is_startup(ret))
        keeps[KEEP_OPENED].count = image->opened;
    keeps[KEEP_DESTRUCTORS].count = image->knows_destructors ? image->destructors : 0;
    ret->state = image->knows_opened && image->knows_pinned && image->knows_destructors ?
                 STATE_FREE : STATE_UNKNOWN;
    for (int i = 0; i < KEEP_COUNT; i++)
        if (keeps[i].count)
            ret->state = STATE_STAYS;
}

/* ---- by each other ------------------------------------------------------------------------- */

/* What was there at the start pins what it binds (add_dependency in glibc elf/dl-lookup.c). */
static bool may_bind(const struct graph *graph, const struct keeping_of *all, size_t who,
                     size_t what)
{
    const struct live_image *list = graph->images->list;
    return who != what && !list[who].knows_bound && list[who].space == list[what].space &&
           !is_startup(&all[who]);
}

static bool pass_on(const struct graph *graph, struct keeping_of *all, size_t from, size_t to)
{
    size_t at = from * graph->images->count + to;
    enum keep_state passed = STATE_FREE;
    if (graph->needs[at] || graph->binds[at])
        passed = all[from].state;
    else if (all[from].state != STATE_FREE && may_bind(graph, all, from, to))
        passed = STATE_UNKNOWN;
    if (passed <= all[to].state)
        return false;
    all[to].state = passed;
    return true;
}

/* An image that nothing keeps keeps none. Where it is not known whether something keeps it, it is
 * not known of what it needs. */
static void spread(const struct graph *graph, struct keeping_of *all)
{
    size_t n = graph->images->count;
    for (bool again = true; again;) {
        again = false;
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < n; j++)
                again |= pass_on(graph, all, i, j);
    }
}

static void list_one(struct keeper_list *list, size_t n, size_t by)
{
    if (!list->by)
        list->by = calloc(n, sizeof *list->by);
    if (list->by)
        list->by[list->count++] = by;
}

static void list_keepers(const struct graph *graph, struct keeping_of *all)
{
    size_t n = graph->images->count;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n && all[i].state != STATE_FREE; j++) {
            if (graph->needs[i * n + j])
                list_one(&all[j].keeps[KEEP_NEEDED], n, i);
            else if (graph->binds[i * n + j])
                list_one(&all[j].keeps[KEEP_BOUND], n, i);
        }
}

struct keeping_of *keep_find(const struct live_images *images, bool is_musl)
{
    struct graph graph;
    struct keeping_of *all = calloc(images->count, sizeof *all);
    bool made = graph_make(images, &graph) && all;
    if (made) {
        find_startup(&graph, all);
        for (size_t i = 0; i < images->count; i++)
            find_own(&images->list[i], is_musl, &all[i]);
        spread(&graph, all);
        list_keepers(&graph, all);
    }
    free(graph.needs);
    free(graph.binds);
    if (made)
        return all;
    free(all);
    return NULL;
}

void keep_free(struct keeping_of *keeping, size_t count)
{
    for (size_t i = 0; keeping && i < count; i++)
        for (int j = 0; j < KEEP_COUNT; j++)
            free(keeping[i].keeps[j].by);
    free(keeping);
}

/* ---- names --------------------------------------------------------------------------------- */

const char *keep_name(enum keep keep)
{
    static const char *const names[] = {"never-unloads", "startup", "marked", "unique", "pinned",
                                        "opened", "destructors", "needed", "bound"};
    return names[keep];
}

const char *keep_text(enum keep keep)
{
    static const char *const texts[] = {
        "its loader, that of musl, never unloads anything",
        "a part of the process since its start, for ever",
        "marked NODELETE in its file: for ever, since it was loaded",
        "pinned for ever: it defines the unique symbol",
        "pinned for ever: opened with RTLD_NODELETE, or used by what stays for ever",
        "opened with dlopen, until closed as often",
        "destructors of thread_local objects pending, until their threads end",
        "needed by",
        "a symbol of it is bound by"};
    return texts[keep];
}

const char *keep_state_name(enum keep_state state)
{
    static const char *const names[] = {"free", "unknown", "stays"};
    return names[state];
}
