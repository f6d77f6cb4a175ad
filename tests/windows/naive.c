/* SPDX-License-Identifier: MIT
 *
 * naive.c - a DLL that takes its lock in a destructor, without knowing why that runs.
 */
#include "say.h"

static SRWLOCK lock = SRWLOCK_INIT;

__declspec(dllexport) int hold_lock(HANDLE held)
{
    AcquireSRWLockExclusive(&lock);
    SetEvent(held);
    Sleep(INFINITE);
    return 0;
}

__attribute__((destructor)) static void clean_up(void)
{
    say("naive");
    AcquireSRWLockExclusive(&lock);
    say("cleans up");
    ReleaseSRWLockExclusive(&lock);
}
