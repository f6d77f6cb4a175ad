/* SPDX-License-Identifier: MIT
 *
 * 10-layer.cpp - wgpu #5084: main has returned, and exit() destroys a static of a validation layer;
 * meanwhile a thread that still ends drops the last reference and unloads the layer. exit() runs in
 * memory that is unmapped.
 *
 * libc takes a handler off its list before it calls it, so that dlclose neither sees nor waits for
 * it. For a hook it does wait.
 */
#include <atomic>
#include <string>
#include <vector>

#include <time.h>

#include "module.h"

/* The host's thread looks at it, to unload the layer at the worst moment. */
extern "C" std::atomic<int> layer_is_ending;
std::atomic<int> layer_is_ending;

#ifndef NAIVE
#include "fini.h"
#endif

namespace {

typedef std::vector<std::string> Messages;

/* Many destructors of its elements, in code of the layer. */
void finish()
{
    const struct timespec two_milliseconds = {0, 2000000};
    layer_is_ending = 1;
    for (int i = 0; i < 20; i++)
        nanosleep(&two_milliseconds, nullptr);
    say("finished");
}

#ifdef NAIVE

struct Layer {
    Messages messages;
    ~Layer() { finish(); }
} layer;

Messages &messages()
{
    return layer.messages;
}

#else

Messages *kept = new Messages;

void end(void *, fini_reason why)
{
    finish();
    if (why != FINI_EXIT)
        delete kept;
}

FINI_HOOK(end, nullptr, FINI_ON_EXIT_BEGIN | FINI_ON_UNLOAD);

Messages &messages()
{
    return *kept;
}

#endif

} // namespace

extern "C" void work();
void work()
{
    messages().push_back("a message that is longer than what fits into the string itself");
}
