/* SPDX-License-Identifier: MIT
 *
 * host.c - a host: takes the plugin in and out as the environment says.
 *
 * Decides: when each of the two happens, and what the oracle sees: whether the plugin is in the
 * process's map after the way out, and at the very end of exit().
 * Leaves to others: how (ways-in.c, ways-exit.c, ways-loader.c), what is right (matrix.c).
 *
 *   MATRIX_IN, MATRIX_OUT   names of the two ways; the environment, as some are needed before main
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"

static const struct way_in *in;
static const struct way_out *out;
static bool spinning;
struct image image;

/* ---- the oracle ------------------------------------------------------------------------------ */

/* Not with stdio: it is also asked when stdio is being closed. Not of "self": that is the main
 * thread, which may have ended. */
static char *read_maps(void)
{
    enum { MOST = 1 << 18 };
    static __thread char text[MOST];
    size_t length = 0;
    ssize_t n;
    int fd = open("/proc/thread-self/maps", O_RDONLY | O_CLOEXEC);
    while ((n = read(fd, text + length, MOST - 1 - length)) > 0)
        length += (size_t)n;
    close(fd);
    text[length] = '\0';
    return text;
}

bool is_mapped(void)
{
    return strstr(read_maps(), image.name) != NULL;
}

/* What unloads only at the next opportunity gets one; threads inside it get time to fall. Some
 * libcs write nothing, too. */
static ssize_t look_at_end(void *cookie, const char *text, size_t size)
{
    (void)cookie;
    (void)text;
    if (size == 0)
        return 0;
    sweep();
    if (spinning)
        usleep(3000);
    line("end: mapped %d", is_mapped());
    return (ssize_t)size;
}

/* exit() flushes streams when all handlers and finalizers have run. */
static void look_when_exit_has_done_all(void)
{
    FILE *stream = fopencookie(NULL, "w", (cookie_io_functions_t){.write = look_at_end});
    if (!stream || setvbuf(stream, NULL, _IOFBF, 64) != 0 || fputc('\n', stream) == EOF)
        abort();
}

/* ---- helpers of the ways --------------------------------------------------------------------- */

void start_thread(void *(*run)(void *))
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, run, NULL) != 0)
        abort();
}

void run_in_thread(void *(*run)(void *))
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, run, NULL) != 0 || pthread_join(thread, NULL) != 0)
        abort();
}

static void *spin(void *arg)
{
    (void)arg;
    image.api->spin();
    return NULL;
}

void spin_in_image(void)
{
    spinning = true;
    start_thread(spin);
    usleep(2000);
}

/* ---- the two ways ---------------------------------------------------------------------------- */

static const struct way_out *find_out(const struct way_out *way, const char *name)
{
    while (way->name && strcmp(way->name, name) != 0)
        way++;
    return way->name ? way : NULL;
}

static const struct way_in *find_in(const struct way_in *way, const char *name)
{
    while (way->name && strcmp(way->name, name) != 0)
        way++;
    return way->name ? way : NULL;
}

static void choose_ways(void)
{
    const char *in_name = getenv("MATRIX_IN"), *out_name = getenv("MATRIX_OUT");
    if (in || !in_name || !out_name)
        return;
    strcpy(image.name, image_file);
    in = find_in(ways_in, in_name);
    out = find_out(ways_by_exit, out_name);
    if (!out)
        out = find_out(ways_by_loader, out_name);
    look_when_exit_has_done_all();
}

static void arrive(enum moment now)
{
    choose_ways();
    if (!in || !out || in->when != now)
        return;
    if (out->before_load)
        out->before_load();
    in->load();
}

static void leave(void)
{
    out->leave();
    line("went on: mapped %d", is_mapped());
}

static void arrive_and_leave(void)
{
    arrive(IN_ATEXIT);
    leave();
}

void host_in_startup_constructor(void);

void host_in_startup_constructor(void)
{
    arrive(IN_STARTUP_CONSTRUCTOR);
}

__attribute__((constructor)) static void constructed(void)
{
    arrive(IN_CONSTRUCTOR);
}

int main(void)
{
    arrive(IN_MAIN);
    if (!in || !out) {
        line("no such way");
        return 2;
    }
    if (in->when == IN_ATEXIT)
        atexit(arrive_and_leave);
    else
        leave();
    return 0;
}
