/* SPDX-License-Identifier: MIT
 *
 * connections.c - a plugin that keeps a connection for each thread that uses it, so that threads
 * share none and need no lock. A thread that ends closes its connection politely. When the plugin
 * is unloaded, all are closed, whoever's they are. At exit the system does that.
 *
 *     cc -shared -fPIC connections.c fini.c -o connections.so
 */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fini.h"

struct connection {
    int socket;
    unsigned questions;
};

static struct fini_local connections = FINI_LOCAL_INIT;

/* The server's side, which here is in the same process. */
extern int server_accept(void);

static void close_connection(void *arg, fini_reason why)
{
    struct connection *c = arg;
    static const char bye[] = "bye";
    if (why == FINI_THREAD_EXIT) /* at unload there may be many: the end of the stream will do */
        send(c->socket, bye, sizeof bye - 1, MSG_NOSIGNAL);
    close(c->socket);
    free(c);
}

__attribute__((constructor)) static void set_up(void)
{
    if (fini_local_init(&connections, close_connection) != FINI_OK)
        abort();
}

static struct connection *connect_thread(void)
{
    struct connection *c = malloc(sizeof *c);
    if (c == NULL)
        return NULL;
    *c = (struct connection){.socket = server_accept()};
    if (c->socket < 0 || fini_local_set(&connections, c) != FINI_OK) {
        close(c->socket);
        free(c);
        return NULL;
    }
    return c;
}

/* How many questions this thread has asked; -1: no connection. */
extern int ask(const char *question, size_t length);
int ask(const char *question, size_t length)
{
    struct connection *c = fini_local_get(&connections);
    if (c == NULL)
        c = connect_thread();
    if (c == NULL || send(c->socket, question, length, MSG_NOSIGNAL) < 0)
        return -1;
    return (int)++c->questions;
}
