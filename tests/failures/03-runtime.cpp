/* SPDX-License-Identifier: MIT
 *
 * 03-runtime.cpp - rocm-systems #3004, the lower library: a runtime with a device, through which
 * its users free their memory. A static destructor tears the device down, and that takes a while.
 *
 * CURED_RUNTIME cures it here, at the root. 03-proxy.c cures the user of one that is not cured.
 */
#include <atomic>
#include <cstdlib>

#include <time.h>

#ifdef CURED_RUNTIME
#include "fini.h"
#endif

namespace {

class Device {
    std::atomic<long> in_use{0};

public:
    void *get(std::size_t size)
    {
        in_use++;
        return std::malloc(size);
    }
    void release(void *memory)
    {
        std::free(memory);
        in_use--;
    }
};

Device *device = new Device;

void tear_down()
{
    const struct timespec twenty_milliseconds = {0, 20000000};
    delete device;
    device = nullptr;
    nanosleep(&twenty_milliseconds, nullptr);
}

#ifndef CURED_RUNTIME

struct TearDown {
    ~TearDown() { tear_down(); }
} at_the_end;

#else

void at_unload(void *, fini_reason)
{
    tear_down();
}

FINI_UNLOAD_HOOK(at_unload, nullptr);

#endif

} // namespace

extern "C" void *runtime_get(std::size_t size);
void *runtime_get(std::size_t size)
{
    return device->get(size);
}

extern "C" void runtime_release(void *memory);
void runtime_release(void *memory)
{
    device->release(memory);
}
