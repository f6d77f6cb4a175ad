/* SPDX-License-Identifier: MIT
 *
 * demo.c - shows side by side how a naive plugin and one with libfini survive the ways to end.
 *
 *     demo DIRECTORY      where the host and the plugins are
 *
 * Runs the host for each way and each plugin, several times, and judges from outside: by how the
 * process ended, and by what is in the journal. Exits with 0 when libfini survived everything.
 */
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "outcome.h"

enum { TRIES = 5, WITH_LIBFINI = 2, PLUGINS = 3, PATH_SIZE = PATH_MAX };

static const struct {
    const char *file;
    const char *title[2];
} plugins[PLUGINS] = {
    {"notes-naive-1.so", {"naive:", "destructor frees all"}},
    {"notes-naive-2.so", {"naive:", "exit handler saves"}},
    {"notes-fini.so", {"with", "libfini"}},
};

static const struct way {
    const char *name; /* for the host */
    const char *title;
    int notes;        /* that must be in the journal afterwards, once each */
} ways[] = {
    {"unload", "dlclose, the program goes on", 1},
    {"exit", "exit, a thread is inside", 1},
    {"unload-in-exit", "exit, a handler calls dlclose", 1},
    {"goodbye", "dlclose, the host has a callback", 1},
    {"reload", "3 reloads, exit, a thread is inside", 4},
    {"fork", "exit in a forked child", 1},
    {"last-note", "exit, a handler adds a last note", 2},
};

/* From good to bad. */
enum outcome { SURVIVED, STAYED, SAVED_TWICE, LOST_DATA, FAILED, DIED, HUNG };

struct verdict {
    enum outcome outcome;
    int signal; /* of those that died */
};

static char directory[PATH_SIZE];

/* ---- one run ------------------------------------------------------------------------------- */

static const char *path_of(char buffer[PATH_SIZE], const char *name)
{
    if (snprintf(buffer, PATH_SIZE, "%s/%s", directory, name) >= PATH_SIZE) {
        fprintf(stderr, "demo: the path of %s is too long\n", name);
        exit(EXIT_FAILURE);
    }
    return buffer;
}

/* The alarm stays set across exec: nothing that hangs outlives its time. */
__attribute__((noreturn))
static void become_host(const struct way *way, const char *plugin, const char *journal)
{
    static char host[PATH_SIZE];
    const struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    signal(SIGALRM, SIG_DFL);
    alarm(TIME_LIMIT);
    execl(path_of(host, "host"), "host", way->name, plugin, journal, (char *)NULL);
    perror(host);
    _exit(127);
}

static int count_lines(const char *path)
{
    int lines = 0;
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return 0;
    for (int c = getc(file); c != EOF; c = getc(file))
        lines += c == '\n';
    fclose(file);
    return lines;
}

static struct verdict judge(int status, int notes, int expected)
{
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        return (struct verdict){HUNG, 0};
    if (WIFSIGNALED(status))
        return (struct verdict){DIED, WTERMSIG(status)};
    if (WEXITSTATUS(status) == STAYED_LOADED)
        return (struct verdict){STAYED, 0};
    if (WEXITSTATUS(status) != 0)
        return (struct verdict){FAILED, 0};
    if (notes == expected)
        return (struct verdict){SURVIVED, 0};
    return (struct verdict){notes < expected ? LOST_DATA : SAVED_TWICE, 0};
}

static struct verdict try_once(const struct way *way, const char *plugin)
{
    static char plugin_path[PATH_SIZE], journal[PATH_SIZE];
    int status = 0;
    path_of(plugin_path, plugin);
    unlink(path_of(journal, "journal"));
    pid_t child = fork();
    if (child == 0)
        become_host(way, plugin_path, journal);
    if (child < 0 || waitpid(child, &status, 0) != child) {
        perror("demo");
        exit(EXIT_FAILURE);
    }
    return judge(status, count_lines(journal), way->notes);
}

static struct verdict worst_of_several(const struct way *way, const char *plugin)
{
    struct verdict worst = {SURVIVED, 0};
    for (int i = 0; i < TRIES && worst.outcome != HUNG; i++) {
        struct verdict verdict = try_once(way, plugin);
        if (verdict.outcome > worst.outcome)
            worst = verdict;
    }
    return worst;
}

/* ---- the table ----------------------------------------------------------------------------- */

static const char *text_of(struct verdict verdict)
{
    static char died[64];
    switch (verdict.outcome) {
    case SURVIVED: return "survived";
    case STAYED: return "stayed loaded";
    case SAVED_TWICE: return "saved its data twice";
    case LOST_DATA: return "lost its data";
    case FAILED: return "failed";
    case HUNG: return "hung";
    case DIED: break;
    }
    snprintf(died, sizeof died, "died: %.50s", strsignal(verdict.signal));
    return died;
}

static void print_row(const char *title, const char *const cells[PLUGINS])
{
    printf("  %-38s%-26s%-26s%s\n", title, cells[0], cells[1], cells[2]);
}

static void print_head(void)
{
    const char *cells[PLUGINS];
    puts("");
    for (int line = 0; line < 2; line++) {
        for (int i = 0; i < PLUGINS; i++)
            cells[i] = plugins[i].title[line];
        print_row(line == 0 ? "" : "how it ends", cells);
    }
    printf("  %.98s\n", "----------------------------------------------------------------------"
                        "----------------------------------------------------------------------");
}

/* Cell by cell, so that one can watch. */
static bool print_way(const struct way *way)
{
    struct verdict verdict = {SURVIVED, 0};
    printf("  %-38s", way->title);
    for (int i = 0; i < PLUGINS; i++) {
        fflush(stdout);
        verdict = worst_of_several(way, plugins[i].file);
        printf(i < WITH_LIBFINI ? "%-26s" : "%s\n", text_of(verdict));
    }
    return verdict.outcome == SURVIVED;
}

int main(int argc, char **argv)
{
    bool survived = true;
    if (argc != 2 || strlen(argv[1]) >= PATH_SIZE) {
        fputs("usage: demo DIRECTORY\n", stderr);
        return EXIT_FAILURE;
    }
    strcpy(directory, argv[1]);
    print_head();
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        survived = print_way(&ways[i]) && survived;
    printf("\n  The worst of %d tries each; one that takes longer than %d s hangs.\n", TRIES,
           TIME_LIMIT);
    puts(survived ? "  With libfini the plugin survived every end.\n"
                  : "  With libfini the plugin did NOT survive every end.\n");
    return survived ? EXIT_SUCCESS : EXIT_FAILURE;
}
