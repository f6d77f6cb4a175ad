/* SPDX-License-Identifier: MIT
 *
 * 08-exporter.cpp - opentelemetry-cpp #3295: what a library has to export is sent by a thread that
 * begins when there is first something to send. It is detached. The host shuts the exporter down
 * and unloads the library; the thread is still sending, and comes back into nothing.
 */
#include "module.h"

#ifdef NAIVE
#include <atomic>
#include <thread>
#else
#include "fini.h"
#endif

namespace {

/* A collector takes its time to answer. */
void send_batch()
{
    usleep(5000);
}

#ifdef NAIVE

std::atomic<bool> begun, stopping;

void send_batches()
{
    while (!stopping)
        send_batch();
    say("last batch sent");
}

void begin()
{
    if (!begun.exchange(true))
        std::thread(send_batches).detach();
}

void shut_down()
{
    stopping = true;
}

#else

fini_worker sender = FINI_WORKER_INIT;

void send_batches(fini_worker *, void *)
{
    while (!fini_worker_stopping(&sender))
        send_batch();
    say("last batch sent");
}

void begin()
{
    fini_worker_start(&sender, send_batches, nullptr);
}

void shut_down()
{
    fini_worker_stop(&sender);
}

#endif

} // namespace

extern "C" void work(), finish();

void work()
{
    begin();
}

void finish()
{
    shut_down();
}
