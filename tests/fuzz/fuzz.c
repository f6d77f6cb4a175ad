/* SPDX-License-Identifier: MIT
 *
 * Runs the fuzzer for a bounded time, and its corpus, and a table made to be slow.
 *
 * Decides: that nothing strays, loops or takes long. Leaves right rows to rows.c.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"
#include "platform/unwind.h"

static int run_fuzzer(char *const *options)
{
    char path[PATH_MAX], folder[] = P_tmpdir "/fini-fuzz-XXXXXX", prefix[64];
    char *command[12] = {harness_path(path, "unwind-fuzz")};
    int count = 1, status;
    if (access(path, X_OK) != 0)
        skip("there is no clang to build the fuzzer");
    require(mkdtemp(folder));
    snprintf(prefix, sizeof prefix, "-artifact_prefix=%s/", folder);
    command[count++] = prefix;
    for (; *options; options++)
        command[count++] = strcmp(*options, "NEW") == 0 ? folder : *options;
    command[count++] = (char *)FUZZ_CORPUS;
    pid_t child = fork();
    if (child == 0) {
        dup2(STDERR_FILENO, STDOUT_FILENO);
        execv(path, command);
        _exit(99);
    }
    require_eq(waitpid(child, &status, 0), child);
    snprintf(prefix, sizeof prefix, "rm -rf '%s'", folder);
    require(status != 0 || system(prefix) == 0); /* what crashed it is kept */
    return status;
}

CASE(corpus)
{
    char *options[] = {"-runs=0", "-timeout=2", NULL};
    require_eq(run_fuzzer(options), 0);
}

CASE(mutations_of_the_corpus, .timeout = 60, .slow = true)
{
    char *options[] = {"-max_total_time=10", "-runs=3000000", "-timeout=2", "-max_len=2048",
                       "-seed=1", "NEW", NULL};
    require_eq(run_fuzzer(options), 0);
}

/* ---- slow tables ----------------------------------------------------------------------------- */

enum { FUNCTION = 64, LONG = 8 << 20 };

static const struct fini__unwind_registers registers = {
    .frame_pointer = 6, .stack_pointer = 7, .return_address = 16};

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void put_number(unsigned char *at, uint32_t number)
{
    memcpy(at, &number, sizeof number);
}

/* One function at the table's end, whose record is as long as that. */
static bool find_in_long_record(unsigned char fill, struct fini__unwind_row *ret)
{
    static const unsigned char common[] = {17, 0, 0, 0, 0, 0, 0, 0, 1, 'z', 'R', 0, 1, 0x78,
                                           16, 1, 0x1b, 0x0c, 7, 8, 0x90};
    static const unsigned char head[] = {1, 0x1b, 3, 0x3b, 0, 0, 0, 0, 1, 0, 0, 0};
    unsigned char *memory = malloc(LONG);
    require(memory);
    memset(memory, fill, LONG);
    memcpy(memory, head, sizeof head);
    put_number(memory + 12, LONG);
    put_number(memory + 16, FUNCTION);
    memcpy(memory + 24, common, sizeof common);
    memory[45] = 1;
    memory[24] = 18;
    put_number(memory + FUNCTION, LONG - FUNCTION - 4);
    put_number(memory + FUNCTION + 4, FUNCTION + 4 - 24);
    put_number(memory + FUNCTION + 8, LONG - FUNCTION - 8);
    put_number(memory + FUNCTION + 12, 100);
    memory[FUNCTION + 16] = 0;
    struct fini__unwind_table table = {memory, memory, memory + LONG};
    bool found = fini__unwind_find(&table, &registers, (uintptr_t)memory + LONG + 50, ret);
    free(memory);
    return found;
}

/* Eight million instructions, or one number of eight million digits. */
CASE(long_records)
{
    struct fini__unwind_row row;
    double before = seconds();
    require(find_in_long_record(0x00, &row));
    require(row.cfa_known && row.cfa_offset == 8 && row.return_address.offset == -8);
    require(!find_in_long_record(0x80, &row));
    require(!find_in_long_record(0x0e, &row) || row.cfa_offset == 0x0e);
    require(seconds() - before < 1);
}
