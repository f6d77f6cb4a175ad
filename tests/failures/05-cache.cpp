/* SPDX-License-Identifier: MIT
 *
 * 05-cache.cpp - rust #59629: a library has a thread-local object with a destructor. As long as a
 * thread lives that has used it, dlclose says that all is well and does nothing: the next dlopen
 * finds the old version.
 */
#include <cstdlib>
#include <vector>

#include "module.h"

#ifndef NAIVE
#include "fini.h"
#endif

namespace {

struct Cache {
    std::vector<int> seen;
    ~Cache() { say("cache destroyed"); }
};

#ifdef NAIVE

Cache &cache()
{
    static thread_local Cache of_thread;
    return of_thread;
}

#else

fini_local caches = FINI_LOCAL_INIT;

void destroy_cache(void *of_thread, fini_reason)
{
    delete static_cast<Cache *>(of_thread);
}

__attribute__((constructor)) void make_caches()
{
    if (fini_local_init(&caches, destroy_cache) != FINI_OK)
        std::abort();
}

Cache &cache()
{
    void *of_thread = fini_local_get(&caches);
    if (of_thread == nullptr) {
        of_thread = new Cache;
        if (fini_local_set(&caches, of_thread) != FINI_OK)
            std::abort();
    }
    return *static_cast<Cache *>(of_thread);
}

#endif

} // namespace

extern "C" void work()
{
    cache().seen.push_back(1);
}
