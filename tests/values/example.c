/* SPDX-License-Identifier: MIT
 *
 * The example of a connection for each thread: what the server reads at each end.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "host.h"

enum { CONNECTIONS = 2 };
static int at_server[CONNECTIONS], connections;

extern int server_accept(void);
int server_accept(void)
{
    int ends[2];
    require_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    require(connections < CONNECTIONS);
    at_server[connections++] = ends[0];
    return ends[1];
}

static int (*ask)(const char *question, size_t length);

static void ask_twice(void *unused)
{
    (void)unused;
    require_eq(ask("one ", 4), 1);
    require_eq(ask("two ", 4), 2);
}

static void say_all(int from)
{
    char text[64];
    size_t length = 0;
    ssize_t n;
    while ((n = read(from, text + length, sizeof text - 1 - length)) > 0)
        length += (size_t)n;
    text[length] = '\0';
    say("%s", text);
}

CASE(connections, .expect = "one two bye\n" WHERE_UNLOADED("one two \n", "one two bye\n"))
{
    char path[PATH_MAX];
    struct guest guest = {.first = ask_twice};
    void *plugin = dlopen(harness_path(path, "values-connections.so"), RTLD_NOW);
    require(plugin != NULL);
    *(void **)&ask = dlsym(plugin, "ask");
    in_thread(ask_twice, NULL);
    guest_starts(&guest);
    require_eq(dlclose(plugin), 0);
    require_eq(dlopen(path, RTLD_NOW | RTLD_NOLOAD) != NULL, WHERE_UNLOADED(false, true));
    guest_ends(&guest);
    say_all(at_server[0]);
    say_all(at_server[1]);
}
