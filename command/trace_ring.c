/* SPDX-License-Identifier: MIT
 *
 * trace_ring.c - the ring, from the reader's side; see agent.h.
 *
 * Decides: the program can write anything there, at any time. So it is here alone that one knows
 * how far has been read, and of an event a copy is believed as far as there is room for what it
 * says.
 */
#include "trace_ring.h"

#include <linux/futex.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "agent.h"

enum { SECONDS_FOR_A_SLOT = 2 };

static struct agent_ring *ring;
/* What has been read; the ring has a copy for the program. */
static uint64_t tail;

bool ring_open(int *ret)
{
    int fd = memfd_create("fini-trace", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, sizeof *ring) != 0)
        return false;
    ring = mmap(NULL, sizeof *ring, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (ring == MAP_FAILED)
        return false;
    ring->size = sizeof *ring;
    ring->tracer = getpid();
    *ret = fd;
    return true;
}

static struct agent_slot *slot_at(uint64_t index)
{
    return &ring->slot[index % AGENT_SLOTS];
}

static void read_text(uint64_t index, size_t length, char *ret)
{
    size_t part = length < AGENT_TEXT ? length : AGENT_TEXT;
    memcpy(ret, slot_at(index)->text, part); /* no more than there is room for: see slots_of */
    for (size_t at = part; at < length; at += part) {
        part = length - at < AGENT_MORE ? length - at : AGENT_MORE;
        memcpy(ret + at, (char *)slot_at(++index) + sizeof(uint64_t), part);
    }
    ret[length] = '\0';
}

/* The program can write anything there. */
static uint32_t slots_of(const struct agent_slot *slot)
{
    size_t most = AGENT_TEXT + (size_t)(slot->slots - 1) * AGENT_MORE;
    bool sound = slot->slots >= 1 && slot->slots <= 256 && slot->length <= most;
    return sound ? slot->slots : 0;
}

static void answer(uint64_t behind)
{
    tail = behind;
    atomic_store(&ring->tail, tail);
    atomic_fetch_add(&ring->answered, 1);
    syscall(SYS_futex, &ring->answered, FUTEX_WAKE, 1 << 20, NULL, NULL, 0);
}

/* False: there is none yet. */
static bool read_event(struct model *model)
{
    static char text[AGENT_TEXT + 256 * AGENT_MORE + 1];
    if (atomic_load_explicit(&slot_at(tail)->turn, memory_order_acquire) != tail + 1)
        return false;
    /* A copy: the program may change it meanwhile. */
    struct agent_slot slot = *slot_at(tail);
    uint32_t slots = slots_of(&slot);
    if (slots) {
        struct event event = {slot.type, slot.thread, slot.time, {0}, text, slot.length};
        memcpy(event.word, slot.word, sizeof event.word);
        read_text(tail, event.length, text);
        model_event(model, &event);
    }
    answer(tail + (slots ? slots : 1));
    return true;
}

void ring_read(struct model *model)
{
    while (read_event(model))
        ;
}

/* What it took and had no room for is beyond the end. */
void ring_read_rest(struct model *model)
{
    uint64_t there = atomic_load(&ring->head) - tail;
    uint64_t end = tail + (there < AGENT_SLOTS ? there : AGENT_SLOTS);
    while (tail < end)
        if (!read_event(model))
            answer(tail + 1);
}

/* A thread that took a slot may have been ended by an exec before it filled it; or it waits for a
 * processor. */
static void pass_over_lost(void)
{
    static uint64_t stands_at = UINT64_MAX;
    static time_t since;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (tail != stands_at || atomic_load(&ring->head) <= tail) {
        stands_at = tail;
        since = now.tv_sec;
    } else if (now.tv_sec - since > SECONDS_FOR_A_SLOT)
        answer(tail + 1);
}

void ring_wait(void)
{
    static const struct timespec most = {0, 20000000};
    atomic_store(&ring->asleep, 1);
    if (atomic_load_explicit(&slot_at(tail)->turn, memory_order_acquire) != tail + 1)
        syscall(SYS_futex, &ring->asleep, FUTEX_WAIT, 1, &most, NULL, 0);
    atomic_store(&ring->asleep, 0);
    pass_over_lost();
}
