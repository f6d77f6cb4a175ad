/* SPDX-License-Identifier: MIT
 *
 * refuse.c - writes the filter program. Also in a library to preload, so it uses no harness.
 */
#include "refuse.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

struct program {
    struct sock_filter step[7 * REFUSE_MOST + 4];
    unsigned short count;
};

static void put(struct program *p, unsigned short code, uint32_t k, unsigned char yes,
                unsigned char no)
{
    p->step[p->count++] = (struct sock_filter)BPF_JUMP(code, k, yes, no);
}

static void load(struct program *p, size_t offset)
{
    put(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void load_argument(struct program *p, unsigned argument)
{
    load(p, offsetof(struct seccomp_data, args) + 8 * (size_t)argument);
}

/* Each begins with the number loaded, and leaves it loaded where it does not apply. */
static void put_refusal(struct program *p, const struct refusal *refusal, uint32_t verdict)
{
    bool maps = refusal->when == MAPS_MEMORY, any = refusal->when == ANY;
    unsigned char to_end = maps ? 6 : any ? 1 : 4;
    put(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)refusal->call, 0, to_end);
    if (maps) {
        load_argument(p, 2);
        put(p, BPF_JMP | BPF_JEQ | BPF_K, PROT_READ | PROT_WRITE, 0, 3);
    }
    if (!any) {
        unsigned short compare = refusal->when == ABOVE ? BPF_JGT : BPF_JEQ;
        load_argument(p, refusal->argument);
        put(p, BPF_JMP | compare | BPF_K, refusal->value, 0, 1);
    }
    put(p, BPF_RET | BPF_K, verdict, 0, 0);
    if (!any)
        load(p, offsetof(struct seccomp_data, nr));
}

static void give_up(void)
{
    static const char text[] = "SKIP: this system has no seccomp filters\n";
    _exit(write(STDOUT_FILENO, text, sizeof text - 1) > 0 ? 77 : 99);
}

static uint32_t refusing(int error)
{
    return error ? SECCOMP_RET_ERRNO | (uint32_t)error : SECCOMP_RET_KILL_PROCESS;
}

static void install(const struct refusal *list, uint32_t listed, uint32_t others)
{
    struct program p = {.count = 0};
    load(&p, offsetof(struct seccomp_data, nr));
    for (; list->call != REFUSE_END; list++)
        put_refusal(&p, list, listed);
    put(&p, BPF_RET | BPF_K, others, 0, 0);
    struct sock_fprog whole = {.len = p.count, .filter = p.step};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &whole) != 0)
        give_up();
}

void refuse(const struct refusal *list, int error)
{
    install(list, refusing(error), SECCOMP_RET_ALLOW);
}

void refuse_all_but(const struct refusal *list, int error)
{
    install(list, SECCOMP_RET_ALLOW, refusing(error));
}
