/* SPDX-License-Identifier: MIT
 *
 * slow.c - a library that takes 20 ms to end, as one that talks to a device or a server does.
 *
 * The plugin and the host use it, so exit() comes here after the plugin's own end. Any thread
 * still inside the plugin then has 20 ms to fall over what that end has left. Without this, most
 * programs end too soon to crash: the mistake is there, and rarely shows.
 */
#include <time.h>

extern const int slow_used; /* whoever looks at it depends on this library */
const int slow_used = 1;

__attribute__((destructor)) static void end(void)
{
    const struct timespec twenty_milliseconds = {0, 20000000};
    nanosleep(&twenty_milliseconds, NULL);
}
