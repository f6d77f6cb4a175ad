/* SPDX-License-Identifier: MIT
 *
 * agent_audit.c - the agent as an audit library (rtld-audit(7)): sees each load and unload, in all
 * namespaces, and whatever has asked for it.
 *
 * Decides: how the agent gets into a program, and that its children are as they would be without
 * it: what is in the environment for the agent is gone before anything of the program runs. Asks
 * for no binding to be shown (la_symbind), so that calls cost what they always do.
 *
 * glibc 2.36, seen: at dlclose la_objclose comes after an image's finalizers, then
 * la_activity(LA_ACT_DELETE), then the memory is unmapped. At exit LA_ACT_DELETE comes first, then
 * finalizers and la_objclose for each image.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent_calls.h"
#include "agent_keep.h"
#include "agent_leak.h"
#include "agent_ring.h"

extern char **environ;

static struct link_map *program;
static bool started;
static const char *keep, *ring_path;
static struct agent_leaks *leaks;
/* What is written of one load; under the loader's lock. */
static char text[8192];
static size_t text_length;

static void open_ring(const char *path)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return;
    struct agent_ring *ring =
        mmap(NULL, sizeof *ring, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (ring != MAP_FAILED && ring->size == sizeof *ring && getppid() == ring->tracer) {
        atomic_store(&ring->traced, getpid());
        agent_ring = ring;
    }
}

static bool is_setting(const char *entry, const char *name)
{
    size_t length = strlen(name);
    return strncmp(entry, name, length) == 0 && entry[length] == '=';
}

/* LD_AUDIT and LD_PRELOAD as they were before the agent was put in front. The string itself stays:
 * the loader has yet to read it. */
static char *without_agent(char *entry)
{
    char *rest = strchr(entry, ':');
    if (!rest)
        return NULL;
    size_t name = (size_t)(strchr(entry, '=') + 1 - entry);
    char *plain = malloc(name + strlen(rest));
    if (plain) {
        memcpy(plain, entry, name);
        strcpy(plain + name, rest + 1);
    }
    return plain;
}

/* NULL: nothing is left of it. */
static char *cleaned(char *entry)
{
    if (is_setting(entry, AGENT_TRACE))
        return NULL;
    if (is_setting(entry, "LD_AUDIT") || is_setting(entry, "LD_PRELOAD"))
        return without_agent(entry);
    return entry;
}

static void clean_environment(void)
{
    char **to = environ;
    for (char **from = environ; *from; from++) {
        char *entry = cleaned(*from);
        if (entry)
            *to++ = entry;
    }
    *to = NULL;
}

EXPORTED unsigned la_version(unsigned version)
{
    const char *pattern = getenv(AGENT_KEEP);
    ring_path = getenv(AGENT_TRACE);
    keep = pattern ? strdup(pattern) : NULL; /* a program may write its title over that place */
    leaks = agent_leak_open();
    if (ring_path) {
        open_ring(ring_path);
        clean_environment();
    }
    return version < LAV_CURRENT ? version : LAV_CURRENT;
}

static void add_text(const char *string)
{
    size_t size = strlen(string) + 1;
    if (text_length + size > sizeof text)
        return;
    memcpy(text + text_length, string, size);
    text_length += size;
}

static const ElfW(Dyn) *dynamic(const struct link_map *map, ElfW(Sxword) tag)
{
    for (const ElfW(Dyn) *entry = map->l_ld; entry && entry->d_tag != DT_NULL; entry++)
        if (entry->d_tag == tag)
            return entry;
    return NULL;
}

/* The loader relocates these pointers in some versions, and in some not. */
static const char *strings(const struct link_map *map)
{
    const ElfW(Dyn) *entry = dynamic(map, DT_STRTAB);
    if (!entry)
        return NULL;
    return (const char *)(entry->d_un.d_ptr < map->l_addr ? entry->d_un.d_ptr + map->l_addr :
                          entry->d_un.d_ptr);
}

static void describe(const struct link_map *map)
{
    const char *names = strings(map);
    const ElfW(Dyn) *soname = dynamic(map, DT_SONAME);
    static char path[4096];
    ssize_t length = map == program ? readlink("/proc/self/exe", path, sizeof path - 1) : -1;
    text_length = 0;
    path[length < 0 ? 0 : length] = '\0';
    add_text(length < 0 ? map->l_name : path);
    add_text(names && soname ? names + soname->d_un.d_val : "");
    for (const ElfW(Dyn) *entry = map->l_ld; names && entry && entry->d_tag != DT_NULL; entry++)
        if (entry->d_tag == DT_NEEDED)
            add_text(names + entry->d_un.d_val);
}

static uint64_t flags_of(const struct link_map *map, Lmid_t space)
{
    const ElfW(Dyn) *flags = dynamic(map, DT_FLAGS_1), *finalizers = dynamic(map, DT_FINI_ARRAYSZ);
    uint64_t found = started ? 0 : AGENT_STARTUP;
    if (flags && flags->d_un.d_val & DF_1_NODELETE)
        found |= AGENT_NODELETE;
    /* The compiler's start files have one. */
    if (finalizers && finalizers->d_un.d_val > sizeof(void *))
        found |= AGENT_FINALIZERS;
    return space == LM_ID_BASE ? found : found | AGENT_OTHER_NAMESPACE;
}

EXPORTED unsigned la_objopen(struct link_map *map, Lmid_t space, uintptr_t *cookie)
{
    uintptr_t begin = 0, end = 0;
    *cookie = (uintptr_t)map;
    if (!program && space == LM_ID_BASE) {
        program = map;
        AGENT_SAY(AGENT_HELLO, (uintptr_t)map);
    }
    /* Other audit libraries come before the program. */
    if (!program)
        return 0;
    agent_keep_range(map, map == program, &begin, &end);
    agent_leak_loaded(leaks, map);
    if (!agent_ring)
        return 0;
    describe(map);
    struct stat file = {.st_ino = 0};
    int known = stat(map == program ? "/proc/self/exe" : map->l_name, &file);
    uint64_t words[AGENT_WORDS] = {(uintptr_t)map, begin, end, flags_of(map, space), file.st_ino,
                                   known == 0 ? agent_changed(&file) : 0};
    agent_say(AGENT_LOAD, words, text, text_length);
    return 0;
}

/* All images that start with the program are bound, and no constructor has run. la_preinit would be
 * too late: glibc calls it in __libc_start_main, behind the constructors of libraries. */
static void connect_preloaded(void)
{
    if (started || !program)
        return;
    started = true;
    agent_connect_fn *connect =
        (agent_connect_fn *)(uintptr_t)dlsym(program, "fini_agent_connect");
    if (connect)
        connect(agent_ring, ring_path, leaks);
}

static __thread bool closing, ending;

EXPORTED unsigned la_objclose(uintptr_t *cookie)
{
    struct link_map *map = (struct link_map *)*cookie;
    if (keep && map->l_name[0] && agent_matches(keep, map->l_name))
        agent_keep(map);
    agent_leak_unloads(leaks, map);
    closing = !ending;
    AGENT_ASK(AGENT_CLOSE, (uintptr_t)map);
    return 0;
}

EXPORTED void la_activity(uintptr_t *cookie, unsigned flag)
{
    (void)cookie;
    if (flag == LA_ACT_CONSISTENT)
        connect_preloaded();
    if (flag == LA_ACT_DELETE && !closing)
        ending = true;
    if (flag == LA_ACT_DELETE && ending)
        AGENT_ASK(AGENT_ACTIVITY, 0);
    closing = closing && flag == LA_ACT_DELETE;
    ending = ending && flag != LA_ACT_CONSISTENT;
}
