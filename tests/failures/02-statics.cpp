/* SPDX-License-Identifier: MIT
 *
 * 02-statics.cpp - llvm-project #132452: a compiler in a library keeps its tables in function
 * statics. While a thread compiles, the program returns from main, and C++ destroys them.
 *
 * Lasting<T> is the cure to copy: made at first use, as a function static is, and destroyed when
 * the library is unloaded, in the same order; at exit it stays.
 */
#include <memory>
#include <vector>

#include "module.h"

#ifndef NAIVE
#include "fini.h"
#endif

namespace {

struct Pass {
    virtual ~Pass() {}
    virtual int run(int code) const = 0;
};

struct Shift : Pass {
    explicit Shift(int by) : by(by) {}
    int run(int code) const override { return code << by | 1; }
    int by;
};

struct Mask : Pass {
    int run(int code) const override { return code & 0xffff; }
};

struct Passes {
    std::vector<std::unique_ptr<Pass>> all;
    Passes()
    {
        for (int i = 0; i < 32; i++) {
            all.emplace_back(new Shift(i % 3));
            all.emplace_back(new Mask);
        }
    }
    ~Passes() { say("passes destroyed"); }
};

#ifdef NAIVE

Passes &passes()
{
    static Passes made;
    return made;
}

#else

/* It has no destructor of its own, so that C++ leaves it alone. */
template <typename T> class Lasting {
    T *made;
    fini_hook hook;
    static void destroy(void *object, fini_reason) { delete static_cast<T *>(object); }

public:
    Lasting() : made(new T), hook FINI_HOOK_INIT(destroy, made, FINI_ON_UNLOAD)
    {
        fini_add(&hook);
    }
    T &operator*() { return *made; }
};

Passes &passes()
{
    static Lasting<Passes> lasting;
    return *lasting;
}

#endif

} // namespace

extern "C" void work();
void work()
{
    int code = 1;
    for (const std::unique_ptr<Pass> &pass : passes().all)
        code = pass->run(code);
    if (code == 0)
        say("compiled nothing");
}
