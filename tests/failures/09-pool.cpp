/* SPDX-License-Identifier: MIT
 *
 * 09-pool.cpp - oneTBB #977: a library has work done by a pool of threads. All of it is done, and
 * the threads look for more. Now the library goes: C++ destroys the pool in which they look, and
 * the loader unmaps what they run.
 *
 * The thread asks why the pool does not wait for its workers when it is destroyed. With WAITS it
 * does: an unload is safe, and exit() waits for a worker that waits for the program. In a forked
 * child, it waits for threads that are not there: glibc has given their memory back, and crashes,
 * or, in 2.43, waits for ever.
 */
#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#include "module.h"

#ifndef NAIVE
#include "fini.h"
#endif

namespace {

enum { WORKERS = 3, TASKS = 30 };

typedef void Task();

class Pool {
    std::mutex lock;
    std::vector<Task *> tasks;

public:
    void add(Task *task)
    {
        std::lock_guard<std::mutex> locked(lock);
        tasks.push_back(task);
    }
    Task *take()
    {
        std::lock_guard<std::mutex> locked(lock);
        Task *task = tasks.empty() ? nullptr : tasks.back();
        if (task != nullptr)
            tasks.pop_back();
        return task;
    }
};

std::atomic<Pool *> pool;

void run_task()
{
    Task *task = pool.load()->take();
    if (task != nullptr)
        task();
    else
        usleep(100);
}

void destroy_pool()
{
    delete pool.exchange(nullptr);
    say("pool gone");
}

#ifdef NAIVE

std::atomic<bool> stopping;

void serve()
{
    while (!stopping)
        run_task();
}

struct Scheduler {
    std::vector<std::thread> workers;
    Scheduler()
    {
        pool = new Pool;
        for (int i = 0; i < WORKERS; i++)
            workers.emplace_back(serve);
#ifndef WAITS
        for (std::thread &worker : workers)
            worker.detach();
#endif
    }
    ~Scheduler()
    {
#ifdef WAITS
        stopping = true;
        for (std::thread &worker : workers)
            worker.join();
#endif
        destroy_pool();
    }
} scheduler;

#else

fini_worker workers[WORKERS];

void serve(fini_worker *self, void *)
{
    while (!fini_worker_stopping(self))
        run_task();
}

void end(void *, fini_reason)
{
    destroy_pool();
}

fini_hook end_hook = FINI_HOOK_INIT(end, nullptr, FINI_ON_UNLOAD);

/* Newest first: the workers go before the pool. */
__attribute__((constructor)) void begin()
{
    pool = new Pool;
    fini_add(&end_hook);
    for (fini_worker &worker : workers)
        fini_worker_start(&worker, serve, nullptr);
}

#endif

std::atomic<int> done;

void count()
{
    done++;
}

} // namespace

extern "C" void work(), pool_do(Task *task);

void pool_do(Task *task)
{
    pool.load()->add(task);
}

/* Returns when all is done, as a parallel loop does. */
void work()
{
    for (int i = 0; i < TASKS; i++)
        pool_do(count);
    while (done < TASKS)
        usleep(100);
}
