/* SPDX-License-Identifier: MIT
 *
 * fini-conformance - what this system's loader and libc do at the end of a library's life.
 *
 *     make                            builds the program and its libraries
 *     build/fini-conformance          asks all questions, and prints a table
 *
 *     fini-conformance [--format=tsv] [ID...]     all questions, or those whose ids begin so
 *     fini-conformance --ask ID                   one, in this process: for a debugger
 *     fini-conformance --name                     the system's name
 *     FC_THROUGH=COMMAND                          in the environment: what runs the program
 *
 * Other systems and compilers: README.md. Nothing of libfini is in it: these are the facts on
 * which libfini is built, and a port begins with them.
 *
 * Decides: the command line and the form of the table.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "asking.h"
#include "question.h"
#include "system.h"

enum { MOST = 512 };

static const struct theme *const themes[] = {
    &theme_exit, &theme_order, &theme_mark, &theme_meet, &theme_unload, &theme_stays,
    &theme_threads, &theme_locks, &theme_reload, &theme_facilities, &theme_windows,
};

static struct asked all[MOST];
static size_t wanted;

static int begins(const char *text, const char *beginning)
{
    return strncmp(text, beginning, strlen(beginning)) == 0;
}

static int is_wanted(const char *id, int count, char **beginnings)
{
    for (int i = 0; i < count; i++)
        if (begins(id, beginnings[i]))
            return 1;
    return count == 0;
}

static void collect(int count, char **beginnings)
{
    for (size_t i = 0; i < sizeof themes / sizeof *themes; i++)
        for (const struct question *q = themes[i]->questions; q->id != NULL; q++)
            if (is_wanted(q->id, count, beginnings) && wanted < MOST)
                all[wanted++].question = q;
}

static int ask_here(const char *id)
{
    for (size_t i = 0; i < wanted; i++)
        if (strcmp(all[i].question->id, id) == 0 && all[i].question->ask != NULL) {
            all[i].question->ask(all[i].question->about);
            return 0;
        }
    fprintf(stderr, "fini-conformance: nothing to ask: %s\n", id);
    return 2;
}

/* ---- printing ------------------------------------------------------------------------------ */

static void print_tsv(const char *name, const char *kernel)
{
    printf("# system\t%s\n# kernel\t%s\n# id\tanswer\tdepends on\tquestion\n", name, kernel);
    for (size_t i = 0; i < wanted; i++) {
        const struct question *q = all[i].question;
        printf("%s\t%s\t%s\t%s\n", q->id, all[i].answer, q->depends != NULL ? q->depends : "libc",
               q->text);
    }
}

static void print_theme(const struct theme *theme, int id_width, int answer_width)
{
    int titled = 0;
    for (const struct question *q = theme->questions; q->id != NULL; q++)
        for (size_t i = 0; i < wanted; i++)
            if (all[i].question == q) {
                if (!titled++)
                    printf("\n%s\n", theme->title);
                printf("  %-*s  %-*s  %s\n", id_width, q->id, answer_width, all[i].answer,
                       q->text);
            }
}

static void print_table(const char *name, const char *kernel)
{
    int id_width = 0, answer_width = 0;
    for (size_t i = 0; i < wanted; i++) {
        int id = (int)strlen(all[i].question->id), answer = (int)strlen(all[i].answer);
        id_width = id > id_width ? id : id_width;
        answer_width = answer > answer_width ? answer : answer_width;
    }
    printf("%s, %s\n", name, kernel);
    for (size_t i = 0; i < sizeof themes / sizeof *themes; i++)
        print_theme(themes[i], id_width, answer_width);
}

int main(int argc, char **argv)
{
    char name[256], kernel[256];
    int tsv = argc > 1 && strcmp(argv[1], "--format=tsv") == 0;
    int first = 1 + tsv;
    sys_prepare(argv[0]);
    if (argc == 3 && strcmp(argv[1], "--ask") == 0) {
        collect(1, argv + 2);
        return ask_here(argv[2]);
    }
    sys_name(name, sizeof name);
    if (argc == 2 && strcmp(argv[1], "--name") == 0)
        return puts(name) < 0;
    collect(argc - first, argv + first);
    sys_kernel(kernel, sizeof kernel);
    ask_all(all, wanted);
    (tsv ? print_tsv : print_table)(name, kernel);
    return 0;
}
