/* SPDX-License-Identifier: MIT
 *
 * agent_ring.c - writes events into the ring. No lock and no allocation, so that it may be called
 * from anywhere; who is interrupted between taking a slot and filling it holds up the reader, not
 * other writers.
 */
#include "agent_ring.h"

#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct agent_ring *agent_ring;

/* False: that takes long. */
static bool futex_wait(_Atomic uint32_t *word, uint32_t seen)
{
    static const struct timespec most = {0, 100000000};
    return syscall(SYS_futex, word, FUTEX_WAIT, seen, &most, NULL, 0) == 0 || errno != ETIMEDOUT;
}

bool agent_listens(void)
{
    struct agent_ring *ring = agent_ring;
    return ring && !atomic_load_explicit(&ring->over, memory_order_relaxed) &&
           syscall(SYS_getpid) == atomic_load_explicit(&ring->traced, memory_order_relaxed);
}

/* A tracer that was killed answers no more; the program goes on without it. */
static bool tracer_lives(void)
{
    if (syscall(SYS_getppid) == agent_ring->tracer)
        return true;
    atomic_store(&agent_ring->over, 1);
    return false;
}

static void wake_reader(void)
{
    if (atomic_exchange(&agent_ring->asleep, 0))
        syscall(SYS_futex, &agent_ring->asleep, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* Until what comes before that slot has been read. False: it never will be. */
static bool wait_for_reader(uint64_t before)
{
    for (;;) {
        uint32_t seen = atomic_load(&agent_ring->answered);
        if (atomic_load(&agent_ring->tail) >= before)
            return true;
        if (atomic_load(&agent_ring->over) || !tracer_lives())
            return false;
        wake_reader();
        /* It stops when the program stops; but somebody may have continued the program alone. */
        if (!futex_wait(&agent_ring->answered, seen))
            syscall(SYS_kill, agent_ring->tracer, SIGCONT);
    }
}

static struct agent_slot *slot_at(uint64_t index)
{
    return &agent_ring->slot[index % AGENT_SLOTS];
}

static void put_text(uint64_t index, const char *text, size_t length)
{
    size_t part = length < AGENT_TEXT ? length : AGENT_TEXT;
    if (part)
        memcpy(slot_at(index)->text, text, part);
    for (size_t at = part; at < length; at += part) {
        part = length - at < AGENT_MORE ? length - at : AGENT_MORE;
        memcpy((char *)slot_at(++index) + sizeof(uint64_t), text + at, part);
    }
}

static void fill(uint64_t index, uint32_t slots, enum agent_type type, const uint64_t *words,
                 const char *text, size_t length)
{
    struct agent_slot *slot = slot_at(index);
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    slot->type = type;
    slot->thread = (uint32_t)syscall(SYS_gettid);
    slot->time = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
    slot->slots = slots;
    slot->length = (uint32_t)length;
    memcpy(slot->word, words, sizeof slot->word);
    put_text(index, text, length);
    atomic_store_explicit(&slot->turn, index + 1, memory_order_release);
}

/* The number behind the event; 0: it was not taken. */
static uint64_t put(enum agent_type type, const uint64_t *words, const char *text, size_t length)
{
    if (!agent_listens())
        return 0;
    uint32_t slots = 1;
    if (length > AGENT_TEXT)
        slots += (uint32_t)((length - AGENT_TEXT + AGENT_MORE - 1) / AGENT_MORE);
    uint64_t index = atomic_fetch_add(&agent_ring->head, slots);
    if (index + slots > AGENT_SLOTS && !wait_for_reader(index + slots - AGENT_SLOTS))
        return 0;
    fill(index, slots, type, words, text, length);
    wake_reader();
    return index + slots;
}

void agent_say(enum agent_type type, const uint64_t *words, const char *text, size_t length)
{
    int kept = errno;
    put(type, words, text, length);
    errno = kept;
}

void agent_ask(enum agent_type type, const uint64_t *words, const char *text, size_t length)
{
    int kept = errno;
    uint64_t behind = put(type, words, text, length);
    if (behind)
        wait_for_reader(behind);
    errno = kept;
}
