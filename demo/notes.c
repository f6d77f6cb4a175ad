/* SPDX-License-Identifier: MIT
 *
 * notes.c - a plugin with all that makes an end difficult: memory that any thread may be using, a
 * thread of its own, data that must not be lost, and a callback in the host's hands.
 *
 * Its end is the last part of this file, written in three ways. The rest is the same for all.
 *
 *     (default)       with libfini: each hook says for which end it is
 *     NAIVE=1         a destructor gives everything back
 *     NAIVE=2         an exit handler saves, and nothing is ever given back
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "notes.h"

#define EXPORT __attribute__((visibility("default")))

enum { MOST_NOTES = 64 };

struct book {
    int journal;
    size_t count;
    size_t saved; /* the notes before this one are in the journal */
    char *note[MOST_NOTES];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards what is in the book */
static struct book *book;
static pthread_t autosaver;
static atomic_bool stopping;
static const struct notes_host *host;

static int prepare_end(void);     /* when the plugin is opened */
static int prepare_goodbye(void); /* before the host gets our goodbye */

/* ---- notes --------------------------------------------------------------------------------- */

static int notes_add(const char *text)
{
    char *copy = strdup(text);
    bool added = false;
    pthread_mutex_lock(&lock);
    if (copy != NULL && book->count < MOST_NOTES) {
        book->note[book->count++] = copy;
        added = true;
    }
    pthread_mutex_unlock(&lock);
    if (!added)
        free(copy);
    return added ? 0 : -1;
}

static int notes_count(const char *word)
{
    int found = 0;
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < book->count; i++)
        found += strstr(book->note[i], word) != NULL;
    pthread_mutex_unlock(&lock);
    return found;
}

static void save(void)
{
    if (book == NULL)
        return;
    pthread_mutex_lock(&lock);
    while (book->saved < book->count && dprintf(book->journal, "%s\n", book->note[book->saved]) > 0)
        book->saved++;
    pthread_mutex_unlock(&lock);
}

static void give_back_memory(void)
{
    if (book == NULL)
        return;
    for (size_t i = 0; i < book->count; i++)
        free(book->note[i]);
    close(book->journal);
    free(book);
    book = NULL;
}

/* ---- a thread of our own ------------------------------------------------------------------- */

/* Looks every millisecond whether it is to stop, and saves every ten seconds. */
static void *autosave(void *unused)
{
    const struct timespec millisecond = {0, 1000000};
    (void)unused;
    for (unsigned naps = 1; !atomic_load(&stopping); naps++) {
        nanosleep(&millisecond, NULL);
        if (naps % 10000 == 0)
            save();
    }
    return NULL;
}

static void stop_autosave(void)
{
    if (book == NULL)
        return;
    atomic_store(&stopping, true);
    pthread_join(autosaver, NULL);
}

/* ---- what the host calls ------------------------------------------------------------------- */

static struct book *make_book(const char *journal)
{
    struct book *made = calloc(1, sizeof *made);
    if (made == NULL)
        return NULL;
    made->journal = open(journal, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (made->journal >= 0)
        return made;
    free(made);
    return NULL;
}

static int notes_open(const char *journal)
{
    book = make_book(journal);
    if (book == NULL)
        return -1;
    if (pthread_create(&autosaver, NULL, autosave, NULL) != 0) {
        give_back_memory();
        return -1;
    }
    if (prepare_end() == 0)
        return 0;
    stop_autosave();
    give_back_memory();
    return -1;
}

static void goodbye(void)
{
    notes_add("the host said goodbye");
}

static int notes_follow(const struct notes_host *new_host)
{
    host = new_host;
    if (prepare_goodbye() != 0)
        return -1;
    host->add_goodbye(goodbye);
    return 0;
}

EXPORT extern const struct notes notes;
const struct notes notes = {notes_open, notes_add, notes_count, notes_follow};

/* ---- the end, naive: a destructor gives everything back ------------------------------------ */
#if NAIVE == 1

/* Right at dlclose. At exit other threads may still be inside the plugin and find no book; and
 * a forked child saves the notes of its parent once more. The goodbye stays with the host: whether
 * there still is a host to take it back from, a destructor cannot know. */
__attribute__((destructor)) static void end(void)
{
    stop_autosave();
    save();
    give_back_memory();
}

static int prepare_end(void)
{
    return 0;
}

static int prepare_goodbye(void)
{
    return 0;
}

/* ---- the end, naive: an exit handler saves, and nothing is given back ---------------------- */
#elif NAIVE == 2

/* Right at exit, but for notes that older exit handlers still add, and but for forked children,
 * which save the notes of their parent. At dlclose the autosaver is left without its code. */
static int prepare_end(void)
{
    return atexit(save);
}

static int prepare_goodbye(void)
{
    return 0;
}

/* ---- the end, with libfini ----------------------------------------------------------------- */
#else
#include "fini.h"

static void at_end_give_back_memory(void *arg, fini_reason why)
{
    (void)arg, (void)why;
    give_back_memory();
}

static void at_end_save(void *arg, fini_reason why)
{
    (void)arg, (void)why;
    save();
}

static void at_end_stop_autosave(void *arg, fini_reason why)
{
    (void)arg, (void)why;
    stop_autosave();
}

static void at_end_take_goodbye_back(void *arg, fini_reason why)
{
    (void)arg, (void)why;
    host->remove_goodbye(goodbye);
}

/* The newest hook runs first: read them from below. Memory and thread go only with the plugin; at
 * exit the system takes both. The notes are saved at either end. A forked child has neither the
 * thread nor notes of its own. */
FINI_UNLOAD_HOOK(at_end_give_back_memory, NULL);
FINI_HOOK(at_end_save, NULL, FINI_ALWAYS | FINI_NOT_IN_CHILD);
FINI_HOOK(at_end_stop_autosave, NULL, FINI_ON_UNLOAD | FINI_NOT_IN_CHILD);

static int prepare_end(void)
{
    return 0;
}

/* What is done while running gets its hook while running, and is undone before all the above. */
static int prepare_goodbye(void)
{
    static struct fini_hook hook = FINI_HOOK_INIT(at_end_take_goodbye_back, NULL, FINI_ON_UNLOAD);
    return fini_add(&hook);
}
#endif
