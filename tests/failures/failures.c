/* SPDX-License-Identifier: MIT
 *
 * failures.c - runs the hosts of this folder, each with a naive module and with a cured one, and
 * judges how they end.
 *
 * A case is one way in which a host ends. The naive module has to fail in it as the public thread
 * says, or the case proves nothing. It does in nearly all runs, but a tenth is enough: on a busy
 * machine its threads may not get to run in time. The cured module may fail in none. In the ways
 * that the naive module masters, both have to do the same: the cure must not be a leak.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "children.h"
#include "harness.h"

enum { SECONDS = 10, SECONDS_TO_HANG = 1 };

/* CRASHES_OR_HANGS: by the version of libc. */
enum naive_end { CRASHES, HANGS, CRASHES_OR_HANGS, STAYS_MAPPED, DOES_AS_WELL };

struct failure {
    const char *name;
    const char *host;
    const char *modules[2];    /* the naive one and the cured one, without `.so` */
    const char *ending;        /* the host's second argument */
    enum naive_end naive;
    int runs;
    const char *transcript;    /* of the cured module, and of window.c */
    const char *other_transcript; /* where two orders of events are right */
    bool at_startup;           /* the module is loaded with the host, as if linked to it */
};

#define MODULES(number) {number "-naive", number "-cured"}

static const struct failure failures[] = {
    {"01_openssl_6214_exit", "thread-host", MODULES("01"), "exit", CRASHES, 20,
     .transcript = "mapped\n"},
    {"01_openssl_6214_exit_linked", "thread-host", MODULES("01"), "exit", CRASHES, 10,
     .transcript = "mapped\n", .at_startup = true},
    {"01_openssl_6214_unload", "thread-host", MODULES("01"), "unload", DOES_AS_WELL, 3,
     .transcript = "cleaned up\ngone\n"},

    {"02_llvm_132452_exit", "thread-host", MODULES("02"), "exit", CRASHES, 20,
     .transcript = "mapped\n"},
    {"02_llvm_132452_exit_linked", "thread-host", MODULES("02"), "exit", CRASHES, 10,
     .transcript = "mapped\n", .at_startup = true},
    {"02_llvm_132452_unload", "thread-host", MODULES("02"), "unload", DOES_AS_WELL, 3,
     .transcript = "passes destroyed\ngone\n"},

    {"03_rocm_3004_exit", "thread-host", MODULES("03"), "exit", CRASHES, 20,
     .transcript = "mapped\n"},
    {"03_rocm_3004_exit_linked", "thread-host", MODULES("03"), "exit", CRASHES, 10,
     .transcript = "mapped\n", .at_startup = true},
    {"03_rocm_3004_exit_cured_runtime", "thread-host", {"03-naive", "03-on-cured"}, "exit", CRASHES,
     20, .transcript = "proxy stopped\nmapped\n"},
    {"03_rocm_3004_unload", "thread-host", MODULES("03"), "unload", DOES_AS_WELL, 3,
     .transcript = "proxy stopped\ngone\n"},

    {"04_rust_91979_unload", "04-host", MODULES("04"), "unload", CRASHES, 5,
     .transcript = "buffer freed\ngone\n"},
    {"04_rust_91979_thread", "04-host", MODULES("04"), "thread", DOES_AS_WELL, 3,
     .transcript = "buffer freed\ngone\n"},
    {"04_rust_91979_exit", "04-host", MODULES("04"), "exit", DOES_AS_WELL, 3,
     .transcript = "mapped\n"},

    {"05_rust_59629_unload", "04-host", MODULES("05"), "unload", STAYS_MAPPED, 5,
     .transcript = "cache destroyed\ngone\n"},
    {"05_rust_59629_thread", "04-host", MODULES("05"), "thread", DOES_AS_WELL, 3,
     .transcript = "cache destroyed\ngone\n"},
    {"05_rust_59629_exit", "04-host", MODULES("05"), "exit", DOES_AS_WELL, 3,
     .transcript = "mapped\n"},

    {"06_rust_ctor_94_unload", "06-host", MODULES("06"), "unload", CRASHES, 5,
     .transcript = "cleaned up\ncleaned up\ncleaned up\ngone\n"},
    {"06_rust_ctor_94_exit", "06-host", MODULES("06"), "exit", DOES_AS_WELL, 3,
     .transcript = "cleaned up\nmapped\n"},

    {"07_openssl_9914_unload", "07-host", MODULES("07"), "unload", CRASHES, 5,
     .transcript = "ssl stopped\ngone\n"},
    {"07_openssl_9914_exit", "07-host", MODULES("07"), "exit", DOES_AS_WELL, 3,
     .transcript = "ssl stopped\nmapped\n"},

    {"08_opentelemetry_3295_unload", "08-host", MODULES("08"), "unload", CRASHES, 5,
     .transcript = "last batch sent\ngone\n"},
    {"08_opentelemetry_3295_forgets", "08-host", MODULES("08"), "forgets", CRASHES, 5,
     .transcript = "last batch sent\ngone\n"},
    {"08_opentelemetry_3295_exit", "08-host", MODULES("08"), "exit", DOES_AS_WELL, 3,
     .transcript = "mapped\n"},
    {"08_opentelemetry_3295_exit_linked", "08-host", MODULES("08"), "exit", DOES_AS_WELL, 3,
     .transcript = "mapped\n", .at_startup = true},
    {"08_opentelemetry_3295_fork", "08-host", MODULES("08"), "fork", DOES_AS_WELL, 3,
     .transcript = "mapped\n"},

    {"09_onetbb_977_unload", "09-host", MODULES("09"), "unload", CRASHES, 5,
     .transcript = "pool gone\ngone\n"},
    {"09_onetbb_977_exit", "09-host", MODULES("09"), "exit", CRASHES, 20,
     .transcript = "mapped\n"},
    {"09_onetbb_977_exit_waits", "09-host", {"09-naive-waits", "09-cured"}, "blocked", HANGS, 2,
     .transcript = "mapped\n"},
    {"09_onetbb_977_exit_waits_linked", "09-host", {"09-naive-waits", "09-cured"}, "blocked", HANGS,
     2, .transcript = "mapped\n", .at_startup = true},
    {"09_onetbb_977_fork_waits", "09-host", {"09-naive-waits", "09-cured"}, "fork",
     CRASHES_OR_HANGS, 3,
     .transcript = "mapped\n"},
    {"09_onetbb_977_unload_waits", "09-host", {"09-naive-waits", "09-cured"}, "unload",
     DOES_AS_WELL, 3, .transcript = "pool gone\ngone\n"},

    {"10_wgpu_5084_exit", "10-host", MODULES("10"), "exit", CRASHES, 20,
     .transcript = "finished\ngone\n", .other_transcript = "finished\nmapped\n"},
    {"10_wgpu_5084_unload", "10-host", MODULES("10"), "unload", DOES_AS_WELL, 3,
     .transcript = "finished\ngone\n"},

    {"11_krb5_576_exit", "thread-host", MODULES("11"), "exit", CRASHES, 20,
     .transcript = "mapped\n"},
    {"11_krb5_576_exit_linked", "thread-host", MODULES("11"), "exit", CRASHES, 10,
     .transcript = "mapped\n", .at_startup = true},
    {"11_krb5_576_exit_cured_plugin", "thread-host", {"11-naive", "11-with-cured"}, "exit", CRASHES,
     20, .transcript = "mechanism closed\nmapped\n"},
    {"11_krb5_576_unload", "thread-host", {"11-naive-apart", "11-cured-apart"}, "unload",
     DOES_AS_WELL, 3, .transcript = "mechanism closed\ngone\n"},

    {"12_wil_567_exit", "12-host", MODULES("12"), "exit", HANGS, 2,
     .transcript = "left alone\nmapped\n"},
    {"12_wil_567_fork", "12-host", MODULES("12"), "fork", HANGS, 2,
     .transcript = "left alone\nmapped\n"},
    {"12_wil_567_crash_in_malloc", "12-host", {"12-naive-walks", "12-cured"}, "crash", HANGS, 2,
     .transcript = "left alone\nmapped\n"},
    {"12_wil_567_unload", "12-host", MODULES("12"), "unload", DOES_AS_WELL, 3,
     .transcript = "freed\ngone\n"},
    {"12_wil_567_unload_walks", "12-host", {"12-naive-walks", "12-cured"}, "unload", DOES_AS_WELL,
     3, .transcript = "freed\ngone\n"},
};

/* ---- one run ------------------------------------------------------------------------------- */

struct attempt {
    const struct failure *failure;
    const char *module;
    unsigned seconds;
};

/* The alarm stays set across exec: nothing that hangs outlives its time. */
static void become_host(void *arg)
{
    const struct attempt *attempt = arg;
    const struct failure *failure = attempt->failure;
    char host[PATH_MAX], file[PATH_MAX];
    const struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    snprintf(file, sizeof file, "./%s.so", attempt->module);
    if (failure->at_startup)
        setenv("LD_PRELOAD", file, 1);
    alarm(attempt->seconds);
    if (chdir(harness_dir()) == 0)
        execl(harness_path(host, failure->host), failure->host, file, failure->ending,
              (char *)NULL);
}

static void run(const struct failure *failure, const char *module, unsigned seconds,
                struct outcome *ret)
{
    struct attempt attempt = {failure, module, seconds};
    in_child_recorded(become_host, &attempt, ret);
}

/* ---- how it ended -------------------------------------------------------------------------- */

static bool ended_well(const struct failure *failure, const struct outcome *outcome)
{
    const char *other = failure->other_transcript;
    if (!WIFEXITED(outcome->wait_status) || WEXITSTATUS(outcome->wait_status) != 0)
        return false;
    return strcmp(outcome->transcript, failure->transcript) == 0 ||
           (other != NULL && strcmp(outcome->transcript, other) == 0);
}

static bool crashed(int wait_status)
{
    int number = WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : 0;
    return number == SIGSEGV || number == SIGBUS || number == SIGABRT || number == SIGILL;
}

static bool hung(int wait_status)
{
    return WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == SIGALRM;
}

/* Although it was to be unloaded. */
static bool stayed_mapped(const struct outcome *outcome)
{
    return outcome->wait_status == 0 && strstr(outcome->transcript, "mapped\n") != NULL;
}

/* A naive module that could not be loaded, or said something wrong, is no proof. */
static bool failed_as_told(const struct failure *failure, const struct outcome *outcome)
{
    int status = outcome->wait_status;
    bool failed = failure->naive == HANGS              ? hung(status)
                : failure->naive == CRASHES_OR_HANGS   ? hung(status) || crashed(status)
                : failure->naive == STAYS_MAPPED       ? stayed_mapped(outcome)
                                                       : crashed(status);
    require(failed || (WIFEXITED(outcome->wait_status) && WEXITSTATUS(outcome->wait_status) == 0));
    return failed;
}

/* ---- all runs ------------------------------------------------------------------------------ */

static int runs_that_went_wrong(const struct failure *failure, const char *module)
{
    struct outcome outcome;
    int wrong = 0;
    for (int i = 0; i < failure->runs; i++) {
        run(failure, module, SECONDS, &outcome);
        if (ended_well(failure, &outcome))
            continue;
        wrong++;
        fprintf(stderr, "%s: wait status %#x, and: %s\n", module, outcome.wait_status,
                outcome.transcript);
    }
    return wrong;
}

static int failures_of_naive(const struct failure *failure)
{
    struct outcome outcome;
    int failed = 0;
    bool may_hang = failure->naive == HANGS || failure->naive == CRASHES_OR_HANGS;
    unsigned seconds = may_hang ? SECONDS_TO_HANG : SECONDS;
    for (int i = 0; i < failure->runs; i++) {
        run(failure, failure->modules[0], seconds, &outcome);
        failed += failed_as_told(failure, &outcome);
    }
    return failed;
}

static void check_naive(const struct failure *failure)
{
    if (failure->naive == DOES_AS_WELL) {
        require_eq(runs_that_went_wrong(failure, failure->modules[0]), 0);
        return;
    }
    int failed = failures_of_naive(failure);
    say("naive: %d of %d failed", failed, failure->runs);
    require(10 * failed >= failure->runs);
}

static void check_failure(const void *data)
{
    const struct failure *failure = data;
    require_eq(runs_that_went_wrong(failure, failure->modules[1]), 0);
    check_naive(failure);
}

void harness_setup(void)
{
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++)
        harness_add(&(struct test_case){
            .name = failures[i].name,
            .run = check_failure,
            .data = &failures[i],
            .expect = failures[i].naive == DOES_AS_WELL ? "" : "naive: * failed\n",
            .timeout = 120,
            .slow = failures[i].runs >= 10,
        });
}
