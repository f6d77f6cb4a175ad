/* SPDX-License-Identifier: MIT
 *
 * refusal.c - see refusal.h.
 */
#include "refusal.h"

#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

/* Scripts that are run by scripts, as far as Linux goes; what is read of a loader. */
enum { SCRIPTS_MOST = 5, LOADER_MOST = 4 << 20 };

/* Our own header, which the linker knows: for this processor. */
extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

/* Of a loader, musl's and others have no audit libraries: it would have to know such a function. */
static bool is_auditing_loader(int fd)
{
    static const char text[] = "la_objopen";
    enum { LENGTH = sizeof text - 1 };
    char part[4096];
    ssize_t size;
    for (off_t at = 0; at < LOADER_MOST; at += size - LENGTH + 1) {
        size = pread(fd, part, sizeof part, at);
        if (size < LENGTH)
            return false;
        if (memmem(part, (size_t)size, text, LENGTH))
            return true;
    }
    return false;
}

/* Not open: not known. */
static bool is_other_loader(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool other = fd >= 0 && !is_auditing_loader(fd);
    if (fd >= 0)
        close(fd);
    return other;
}

/* False: it has none. */
static bool read_interpreter(int fd, const ElfW(Ehdr) *head, char *ret, size_t size)
{
    ElfW(Phdr) header;
    for (int i = 0; i < head->e_phnum; i++) {
        off_t at = (off_t)(head->e_phoff + (ElfW(Off))i * sizeof header);
        if (pread(fd, &header, sizeof header, at) != sizeof header || header.p_type != PT_INTERP)
            continue;
        ssize_t length = header.p_filesz < size ?
                         pread(fd, ret, header.p_filesz, (off_t)header.p_offset) : 0;
        ret[length > 0 ? length : 0] = '\0';
        return true;
    }
    return false;
}

static const char *refusal_of_binary(int fd, const ElfW(Ehdr) *head)
{
    char interpreter[PATH_MAX];
    if (head->e_ident[EI_CLASS] != __ehdr_start.e_ident[EI_CLASS] ||
        head->e_machine != __ehdr_start.e_machine || head->e_phentsize != sizeof(ElfW(Phdr)))
        return "it is for another processor, or of another word size";
    if (read_interpreter(fd, head, interpreter, sizeof interpreter))
        return is_other_loader(interpreter) ?
               "its loader is not glibc's, and has no audit libraries" : NULL;
    return "it is static, or a loader itself: nothing takes the agent in";
}

/* The program that a script is for; false: it is none. */
static bool read_script(int fd, char *ret, size_t size)
{
    ssize_t length = pread(fd, ret, size - 1, 0);
    ret[length > 0 ? length : 0] = '\0';
    if (strncmp(ret, "#!", 2) != 0)
        return false;
    char *name = ret + 2 + strspn(ret + 2, " \t");
    name[strcspn(name, " \t\n")] = '\0';
    memmove(ret, name, strlen(name) + 1);
    return true;
}

/* Capabilities count as little as the bits for root. */
static bool is_privileged(int fd)
{
    struct stat status;
    if (fstat(fd, &status) == 0 && status.st_mode & (S_ISUID | S_ISGID))
        return true;
    return geteuid() != 0 && fgetxattr(fd, "security.capability", NULL, 0) > 0;
}

static const char *refusal_of_depth(int fd, int depth)
{
    ElfW(Ehdr) head;
    char script[256];
    if (depth < SCRIPTS_MOST && read_script(fd, script, sizeof script)) {
        int program = open(script, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        const char *why = program < 0 ? NULL : refusal_of_depth(program, depth + 1);
        if (program >= 0)
            close(program);
        return why;
    }
    if (is_privileged(fd))
        return "it is set-user-ID or set-group-ID or has capabilities, and the loader takes "
               "nothing in there";
    if (pread(fd, &head, sizeof head, 0) != sizeof head || memcmp(head.e_ident, ELFMAG, SELFMAG))
        return NULL;
    return refusal_of_binary(fd, &head);
}

const char *refusal_of(int fd)
{
    return refusal_of_depth(fd, 0);
}

/* False: there is no such file. */
static bool look_at(const char *path, const char **ret)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    *ret = fd < 0 ? NULL : refusal_of(fd);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

const char *refusal_at(const char *path)
{
    const char *why;
    look_at(path, &why);
    return why;
}

const char *refusal_found(const char *program)
{
    const char *folders = getenv("PATH"), *why = NULL;
    char path[PATH_MAX];
    if (strchr(program, '/') || !folders)
        return refusal_at(program);
    for (bool more = true; more;) {
        int length = (int)strcspn(folders, ":");
        int size = snprintf(path, sizeof path, "%.*s%s%s", length, folders, length ? "/" : "",
                            program);
        if (size > 0 && size < PATH_MAX && look_at(path, &why))
            return why;
        more = folders[length] == ':';
        folders += length + more;
    }
    return NULL;
}
