/* SPDX-License-Identifier: MIT
 *
 * What the files of other systems ask for, as this one has it, so that they run here.
 */
#ifndef TESTS_SYSTEMS_HERE_H
#define TESTS_SYSTEMS_HERE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <pthread.h>
#include <sys/auxv.h>
#include <unistd.h>

static inline int issetugid(void)
{
    return (int)getauxval(AT_SECURE);
}

static inline pid_t getthrid(void)
{
    return gettid();
}

static inline int _lwp_self(void)
{
    return gettid();
}

#endif
