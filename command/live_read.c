/* SPDX-License-Identifier: MIT
 *
 * live_read.c - the one way in which memory of another process is read; see live_memory.h.
 */
#include <stdint.h>
#include <sys/uio.h>
#include <unistd.h>

#include "live_memory.h"

enum { PIECES = 64 };

/* process_vm_readv(2) promises to stop between elements only, so each lies within a page. */
static size_t pieces(uint64_t address, size_t size, struct iovec *ret, size_t *ret_bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), count = 0;
    *ret_bytes = 0;
    while (size && count < PIECES) {
        size_t length = page - (size_t)(address % page);
        if (length > size)
            length = size;
        ret[count].iov_base = (void *)(uintptr_t)address;
        ret[count++].iov_len = length;
        address += length;
        size -= length;
        *ret_bytes += length;
    }
    return count;
}

size_t live_read(pid_t pid, uint64_t address, void *ret, size_t size)
{
    size_t done = 0;
    while (done < size) {
        struct iovec there[PIECES], here = {(char *)ret + done, 0};
        size_t count = pieces(address + done, size - done, there, &here.iov_len);
        ssize_t got = process_vm_readv(pid, &here, 1, there, count, 0);
        if (got <= 0)
            break;
        done += (size_t)got;
        if ((size_t)got < here.iov_len)
            break;
    }
    return done;
}
