/* SPDX-License-Identifier: MIT
 *
 * 07-crypto.c - openssl #9914, the lower library: others ask it to call them when it is cleaned
 * up. It has no function to take that back, as the real one had none.
 */
#include <stdlib.h>

enum { MOST = 8 };

static void (*stop_handlers[MOST])(void);
static int handlers;

extern int crypto_at_exit(void (*handler)(void));
int crypto_at_exit(void (*handler)(void))
{
    if (handlers == MOST)
        return -1;
    stop_handlers[handlers++] = handler;
    return 0;
}

static void clean_up(void)
{
    while (handlers > 0)
        stop_handlers[--handlers]();
}

__attribute__((constructor)) static void arrange(void)
{
    atexit(clean_up);
}
