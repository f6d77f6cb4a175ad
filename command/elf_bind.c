/* SPDX-License-Identifier: MIT
 *
 * elf_bind.c - see elf_bind.h.
 *
 * glibc relocates what is needed before what needs it. A reference to a unique symbol is bound to
 * the first definition that anybody's lookup has met, and that image is never unloaded
 * (elf/dl-lookup.c, do_lookup_unique). A reference to another image keeps that one as long as the
 * referring one is there (add_dependency); so do DT_NEEDED entries.
 */
#include "elf_bind.h"

#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct unique {
    const char *name;
    size_t owner;
};

struct binding {
    const struct elf_closure *closure;
    bool all;
    void *unique;                 /* a tree of struct unique */
    bool resident[MEMBERS_MOST], relocated[MEMBERS_MOST];
    bool (*uses)[MEMBERS_MOST];   /* by relocations */
    size_t current;
    bool lazy;                    /* the current one's calls are bound when they are made */
    unsigned char *seen;          /* symbols of the current one */
    struct elf_bound *result;
    bool showing;
};

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct unique *)a)->name, ((const struct unique *)b)->name);
}

/* Who owns the name: who comes first. */
static size_t owner_of(struct binding *b, const char *name, size_t candidate)
{
    struct unique key = {name, candidate};
    void *node = tfind(&key, &b->unique, by_name);
    if (!node) {
        struct unique *copy = malloc(sizeof *copy);
        if (!copy)
            return candidate;
        *copy = key;
        tsearch(copy, &b->unique, by_name);
        b->resident[candidate] = true;
        return candidate;
    }
    return (*(struct unique **)node)->owner;
}

static bool binds_to_others(const GElf_Sym *symbol)
{
    return GELF_ST_BIND(symbol->st_info) != STB_LOCAL &&
           GELF_ST_VISIBILITY(symbol->st_other) == STV_DEFAULT;
}

static void show(struct binding *b, const char *name, const char *how, size_t user)
{
    struct elf_bound *result = b->result;
    size_t index = result->total++;
    if (index >= BOUND_SHOWN)
        return;
    snprintf(result->symbol[index], BOUND_NAME, "%s", name);
    snprintf(result->user[index], BOUND_NAME, "%s by %s", how, b->closure->member[user]->name);
}

static void bind_one(void *context, const struct elf_relocation *r)
{
    struct binding *b = context;
    const struct elf_member *from = b->closure->member[b->current];
    GElf_Sym symbol;
    size_t target;
    bool unique;
    if (!r->symbol || r->symbol >= from->view->symbol_count || b->seen[r->symbol] ||
        (r->type == R_X86_64_JUMP_SLOT && b->lazy))
        return;
    b->seen[r->symbol] = 1;
    const char *name = elf_view_symbol(from->view, r->symbol, &symbol);
    if (!name || !binds_to_others(&symbol) ||
        !elf_closure_lookup(b->closure, from, r->symbol, &target, &unique))
        return;
    if (unique)
        target = owner_of(b, name, target);
    b->uses[b->current][target] = true;
    if (b->showing && target == 0)
        show(b, name, "used", b->current);
}

static bool binds_now(const struct elf_member *m)
{
    uint64_t flags = 0, now;
    if (elf_view_tag(m->view, DT_BIND_NOW, &now))
        return true;
    if (elf_view_tag(m->view, DT_FLAGS, &flags) && flags & DF_BIND_NOW)
        return true;
    flags = 0;
    return elf_view_tag(m->view, DT_FLAGS_1, &flags) && flags & DF_1_NOW;
}

static void relocate(struct binding *b, size_t index)
{
    const struct elf_member *m = b->closure->member[index];
    b->current = index;
    b->lazy = !b->all && !binds_now(m);
    b->seen = calloc(m->view->symbol_count + 1, 1);
    if (b->seen)
        elf_view_relocations(m->view, bind_one, b);
    free(b->seen);
}

static bool has_mark(const struct elf_member *m)
{
    uint64_t flags = 0;
    return elf_view_tag(m->view, DT_FLAGS_1, &flags) && flags & DF_1_NODELETE;
}

/* Each once, so that it goes no deeper than there are members. What the program has was relocated
 * before, and refers to none of these. */
static void relocate_with_needed(struct binding *b, size_t index)
{
    const struct elf_member *m = b->closure->member[index];
    if (b->relocated[index] || elf_closure_is_resident(m))
        return;
    b->relocated[index] = true;
    for (size_t i = 0; i < m->needs_count; i++)
        relocate_with_needed(b, m->needs[i]);
    relocate(b, index);
    b->resident[index] |= has_mark(m);
}

static bool keep(struct binding *b, size_t index)
{
    bool changed = !b->resident[index];
    b->resident[index] = true;
    return changed;
}

/* What a resident image needs or uses is resident, too. */
static bool spread(struct binding *b)
{
    bool changed = false;
    for (size_t i = 0; i < b->closure->count; i++) {
        const struct elf_member *m = b->closure->member[i];
        for (size_t j = 0; b->resident[i] && j < m->needs_count; j++)
            changed |= keep(b, m->needs[j]);
        for (size_t j = 0; b->resident[i] && j < b->closure->count; j++)
            if (b->uses[i][j])
                changed |= keep(b, j);
    }
    return changed;
}

static void note_owned(struct binding *b, unsigned char *owns)
{
    const struct elf_view *view = b->closure->member[0]->view;
    GElf_Sym symbol;
    for (size_t i = 1; i < view->symbol_count; i++) {
        const char *name = elf_view_symbol(view, i, &symbol);
        void *node = name ? tfind(&(struct unique){name, 0}, &b->unique, by_name) : NULL;
        owns[i] = node && (*(struct unique **)node)->owner == 0;
    }
}

static bool needs(const struct elf_member *m, size_t other)
{
    for (size_t i = 0; i < m->needs_count; i++)
        if (m->needs[i] == other)
            return true;
    return false;
}

/* The symbols, once it is known who stays; and whoever needs the image, in a circle. */
static void show_users(struct binding *b)
{
    b->showing = true;
    for (size_t i = 1; i < b->closure->count; i++) {
        if (b->resident[i] && b->uses[i][0])
            relocate(b, i);
        if (b->resident[i] && needs(b->closure->member[i], 0))
            show(b, "the library itself", "needed", i);
    }
}

void elf_bind(const struct elf_closure *closure, bool all, unsigned char *owns,
              struct elf_bound *ret)
{
    struct binding b = {.closure = closure, .all = all, .result = ret};
    ret->total = 0;
    b.uses = calloc(closure->count, sizeof *b.uses);
    if (!b.uses)
        return;
    relocate_with_needed(&b, 0);
    note_owned(&b, owns);
    bool own_reason = b.resident[0];
    while (spread(&b))
        ;
    if (b.resident[0] && !own_reason)
        show_users(&b);
    tdestroy(b.unique, free);
    free(b.uses);
}
