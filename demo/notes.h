/* SPDX-License-Identifier: MIT
 *
 * notes.h - what the plugin and its host know of each other.
 *
 * The plugin keeps notes in memory and saves them to a file, its journal. The host finds it with
 * dlopen, and dlsym("notes") gives the table below.
 */
#ifndef NOTES_H
#define NOTES_H

/* What a host offers its plugins: it calls each of these functions when it says goodbye. */
struct notes_host {
    void (*add_goodbye)(void (*goodbye)(void));
    void (*remove_goodbye)(void (*goodbye)(void));
};

/* Any thread may call these, after open. Those that return int return 0 when all is well. */
struct notes {
    int (*open)(const char *journal);
    int (*add)(const char *text);
    int (*count)(const char *word);                /* how many notes contain the word */
    int (*follow)(const struct notes_host *host);  /* the last note is to be the host's goodbye */
};

#endif
