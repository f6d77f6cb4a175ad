/* SPDX-License-Identifier: MIT
 *
 * asking.c - runs a process for each question, and makes an answer of what it said and how it
 * ended.
 *
 * Decides: what a hang is. Several run at once, because most of the time is waiting.
 */
#include "asking.h"

#include <stdio.h>
#include <string.h>

#include "system.h"

enum { AT_ONCE = 6, NAP = 10, PATIENCE = 12000 };

struct slot {
    struct asked *asked; /* NULL: free */
    struct sys_child child;
};

static void add_word(char *answer, const char *word)
{
    size_t used = strlen(answer);
    snprintf(answer + used, ANSWER_SIZE - used, "%s%s", used > 0 ? " " : "", word);
}

static const char *bad_end(const struct sys_child *child, char text[16])
{
    switch (child->end) {
    case SYS_CRASHED:
        return "crash";
    case SYS_ABORTED:
        return "abort";
    case SYS_HUNG:
        return "hang";
    default:
        snprintf(text, 16, "status %d", child->status);
        return child->status != 0 ? text : NULL;
    }
}

static void judge(struct asked *asked, struct sys_child *child)
{
    char said[ANSWER_SIZE * 2], text[16];
    const char *end = asked->question->dies ? NULL : bad_end(child, text);
    size_t length = sys_child_read(child, said, sizeof said - 1);
    said[length] = '\0';
    for (char *word = strtok(said, "\r\n"); word != NULL; word = strtok(NULL, "\r\n"))
        add_word(asked->answer, word);
    if (end != NULL)
        add_word(asked->answer, end);
    if (asked->answer[0] == '\0')
        add_word(asked->answer, "no");
}

static void start(struct slot *slot, struct asked *asked)
{
    const struct question *question = asked->question;
    asked->answer[0] = '\0';
    if (question->ask == NULL) {
        add_word(asked->answer, "not here");
        return;
    }
    slot->asked = asked;
    sys_child_start(&slot->child, question->id,
                    question->startup != NULL ? question->startup : "-");
}

/* Looks once; true when the slot is free. */
static int look(struct slot *slot)
{
    if (slot->asked == NULL)
        return 1;
    sys_child_look(&slot->child);
    slot->child.waited += NAP;
    if (slot->child.end == SYS_RUNS && slot->child.waited > PATIENCE)
        sys_child_kill(&slot->child);
    if (slot->child.end == SYS_RUNS)
        return 0;
    judge(slot->asked, &slot->child);
    slot->asked = NULL;
    return 1;
}

void ask_all(struct asked *asked, size_t count)
{
    static struct slot slots[AT_ONCE];
    size_t next = 0, busy = 0;
    while (next < count || busy > 0) {
        busy = 0;
        for (struct slot *slot = slots; slot < slots + AT_ONCE; slot++) {
            if (look(slot) && next < count)
                start(slot, &asked[next++]);
            busy += slot->asked != NULL;
        }
        sys_sleep(NAP);
    }
}
