/* SPDX-License-Identifier: MIT
 *
 * A process that may not use membarrier, as in a sandbox.
 */
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "crowd.h"
#include "filter.h"

void refuse_membarrier(void)
{
    struct filter_step steps[] = {FILTER_BEGIN,
                                  FILTER_CALL(SYS_membarrier, FILTER_REFUSE_WITH | EPERM),
                                  FILTER_END};
    if (filter_calls(steps, sizeof steps / sizeof *steps) != 0)
        skip("this kernel has no filters for system calls");
    require(syscall(SYS_membarrier, 0, 0) == -1 && errno == EPERM);
}
