/* SPDX-License-Identifier: MIT
 *
 * trace_ring.c - see trace_ring.h.
 */
#include "trace_ring.h"

#include <linux/futex.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { SLOTS_MOST = 256, SECONDS_FOR_A_SLOT = 2 };

bool trace_ring_open(struct trace_ring *ret, int *ret_fd)
{
    int fd = memfd_create("fini-trace", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, sizeof *ret->shared) != 0)
        return false;
    *ret = (struct trace_ring){mmap(NULL, sizeof *ret->shared, PROT_READ | PROT_WRITE, MAP_SHARED,
                                    fd, 0), 0, UINT64_MAX, 0};
    if (ret->shared == MAP_FAILED)
        return false;
    ret->shared->size = sizeof *ret->shared;
    ret->shared->tracer = getpid();
    *ret_fd = fd;
    return true;
}

static struct agent_slot *slot_at(const struct trace_ring *ring, uint64_t index)
{
    return &ring->shared->slot[index % AGENT_SLOTS];
}

static void read_text(const struct trace_ring *ring, size_t length, char *ret)
{
    uint64_t index = ring->tail;
    size_t part = length < AGENT_TEXT ? length : AGENT_TEXT;
    memcpy(ret, slot_at(ring, index)->text, part); /* no more than there is room for: slots_of */
    for (size_t at = part; at < length; at += part) {
        part = length - at < AGENT_MORE ? length - at : AGENT_MORE;
        memcpy(ret + at, (char *)slot_at(ring, ++index) + sizeof(uint64_t), part);
    }
    ret[length] = '\0';
}

/* 0: no agent has written that. */
static uint32_t slots_of(const struct agent_slot *slot)
{
    size_t most = AGENT_TEXT + (size_t)(slot->slots - 1) * AGENT_MORE;
    bool sound = slot->slots >= 1 && slot->slots <= SLOTS_MOST && slot->length <= most;
    return sound ? slot->slots : 0;
}

static bool is_full(const struct trace_ring *ring)
{
    return atomic_load_explicit(&slot_at(ring, ring->tail)->turn, memory_order_acquire) ==
           ring->tail + 1;
}

static void answer(struct trace_ring *ring, uint32_t slots)
{
    ring->tail += slots;
    atomic_store(&ring->shared->tail, ring->tail);
    atomic_fetch_add(&ring->shared->answered, 1);
    syscall(SYS_futex, &ring->shared->answered, FUTEX_WAKE, 1 << 20, NULL, NULL, 0);
}

/* False: there is none yet. */
static bool read_event(struct trace_ring *ring, struct model *model)
{
    static char text[AGENT_TEXT + SLOTS_MOST * AGENT_MORE + 1];
    if (!is_full(ring))
        return false;
    struct agent_slot slot = *slot_at(ring, ring->tail);
    uint32_t slots = slots_of(&slot);
    if (slots) {
        struct event event = {slot.type, slot.thread, slot.time, {0}, text, slot.length};
        memcpy(event.word, slot.word, sizeof event.word);
        read_text(ring, event.length, text);
        model_event(model, &event);
    }
    answer(ring, slots ? slots : 1);
    return true;
}

void trace_ring_read(struct trace_ring *ring, struct model *model)
{
    uint64_t end = ring->tail + AGENT_SLOTS;
    while (ring->tail < end && read_event(ring, model))
        ;
}

/* What it took and had no room for is beyond the end. */
void trace_ring_read_rest(struct trace_ring *ring, struct model *model)
{
    uint64_t there = atomic_load(&ring->shared->head) - ring->tail;
    uint64_t end = ring->tail + (there < AGENT_SLOTS ? there : AGENT_SLOTS);
    while (ring->tail < end)
        if (!read_event(ring, model))
            answer(ring, 1);
}

/* A thread that took a slot may have been ended by an exec before it filled it; or it waits for a
 * processor. */
static void pass_over_lost(struct trace_ring *ring)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (ring->tail != ring->stands_at || atomic_load(&ring->shared->head) <= ring->tail) {
        ring->stands_at = ring->tail;
        ring->since = now.tv_sec;
    } else if (now.tv_sec - ring->since > SECONDS_FOR_A_SLOT)
        answer(ring, 1);
}

void trace_ring_wait(struct trace_ring *ring)
{
    static const struct timespec most = {0, 20000000};
    atomic_store(&ring->shared->asleep, 1);
    if (!is_full(ring))
        syscall(SYS_futex, &ring->shared->asleep, FUTEX_WAIT, 1, &most, NULL, 0);
    atomic_store(&ring->shared->asleep, 0);
    pass_over_lost(ring);
}
