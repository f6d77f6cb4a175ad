/* SPDX-License-Identifier: MIT
 *
 * trace.c - fini trace: runs a program with the agent in it, and reads what that says.
 *
 * Decides: the program itself is traced, not its children; its status is the status, and its death
 * by a signal is ours. A signal that is sent to us is passed on, and when the program stops, so do
 * we; signals from the terminal it has had itself.
 */
#include <errno.h>
#include <getopt.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent.h"
#include "command.h"
#include "refusal.h"
#include "text.h"
#include "trace_show.h"
#include "with_agent.h"

struct options {
    const char *format, *output, *colour;
    bool quiet;
    int findings_status;        /* 0: the program's own */
};

static struct agent_ring *ring;
static const struct show *show;
static FILE *output;
static volatile pid_t child;

static int help(void)
{
    puts("Usage: fini trace [OPTION...] [--] COMMAND [ARGUMENT...]\n"
         "\n"
         "Runs a program and reports what it loads and unloads, what kept a library from\n"
         "unloading, what pointed into a library when it went, and which threads were inside one\n"
         "that was finalized. A crash because of that is reported with its cause.\n"
         "\n"
         "  -f, --format=FORMAT           text, json or trace-event, for Perfetto (text)\n"
         "  -o, --output=FILE             write the report there, not to standard error\n"
         "  -q, --quiet                   only findings and crashes\n"
         "  -s, --findings-status=NUMBER  exit with that status when something was found\n"
         "  -c, --color=WHEN              auto, always or never (auto)\n"
         "  -h, --help                    this\n"
         "\n"
         "Exit status: that of COMMAND, or death by the same signal; 2 wrong usage, or nothing\n"
         "could be traced before it began; 126 it cannot be run, 127 there is none.");
    return STATUS_NOTHING;
}

/* ---- the ring -------------------------------------------------------------------------------- */

static bool open_ring(int *ret)
{
    int fd = memfd_create("fini-trace", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, sizeof *ring) != 0)
        return false;
    ring = mmap(NULL, sizeof *ring, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (ring == MAP_FAILED)
        return false;
    ring->size = sizeof *ring;
    ring->tracer = getpid();
    *ret = fd;
    return true;
}

/* What has been read; the ring has a copy for the program. */
static uint64_t tail;

static struct agent_slot *slot_at(uint64_t index)
{
    return &ring->slot[index % AGENT_SLOTS];
}

static void read_text(uint64_t index, size_t length, char *ret)
{
    size_t part = length < AGENT_TEXT ? length : AGENT_TEXT;
    memcpy(ret, slot_at(index)->text, part); /* no more than there is room for: see slots_of */
    for (size_t at = part; at < length; at += part) {
        part = length - at < AGENT_MORE ? length - at : AGENT_MORE;
        memcpy(ret + at, (char *)slot_at(++index) + sizeof(uint64_t), part);
    }
    ret[length] = '\0';
}

/* The program can write anything there. */
static uint32_t slots_of(const struct agent_slot *slot)
{
    size_t most = AGENT_TEXT + (size_t)(slot->slots - 1) * AGENT_MORE;
    bool sound = slot->slots >= 1 && slot->slots <= 256 && slot->length <= most;
    return sound ? slot->slots : 0;
}

static void answer(uint64_t behind)
{
    tail = behind;
    atomic_store(&ring->tail, tail);
    atomic_fetch_add(&ring->answered, 1);
    syscall(SYS_futex, &ring->answered, FUTEX_WAKE, 1 << 20, NULL, NULL, 0);
}

/* False: there is none yet. */
static bool read_event(struct model *model)
{
    static char text[AGENT_TEXT + 256 * AGENT_MORE + 1];
    if (atomic_load_explicit(&slot_at(tail)->turn, memory_order_acquire) != tail + 1)
        return false;
    /* A copy: the program may change it meanwhile. */
    struct agent_slot slot = *slot_at(tail);
    uint32_t slots = slots_of(&slot);
    if (slots) {
        struct event event = {slot.type, slot.thread, slot.time, {0}, text, slot.length};
        memcpy(event.word, slot.word, sizeof event.word);
        read_text(tail, event.length, text);
        model_event(model, &event);
    }
    answer(tail + (slots ? slots : 1));
    return true;
}

static void read_events(struct model *model)
{
    while (read_event(model))
        ;
}

/* After its death: what a thread took and did not fill is passed over. What it took and had no room
 * for is beyond that. */
static void read_rest(struct model *model)
{
    uint64_t there = atomic_load(&ring->head) - tail;
    uint64_t end = tail + (there < AGENT_SLOTS ? there : AGENT_SLOTS);
    while (tail < end)
        if (!read_event(model))
            answer(tail + 1);
}

/* ---- the program ----------------------------------------------------------------------------- */

static volatile sig_atomic_t stopped_along;
static struct sigaction signals_before[NSIG];

/* The terminal sends its own to all processes that are in front, so that the program has them. */
static bool is_of_terminal(const siginfo_t *info)
{
    int number = info->si_signo;
    return info->si_code == SI_KERNEL && (number == SIGINT || number == SIGQUIT ||
                                          number == SIGHUP || number == SIGWINCH);
}

static void pass_on(int number, siginfo_t *info, void *context)
{
    (void)context;
    if (child <= 0 || info->si_pid == getpid() || is_of_terminal(info))
        return;
    if (info->si_code == SI_QUEUE)
        sigqueue(child, number, info->si_value);
    else
        kill(child, number);
}

static void ends_sleep(int number, siginfo_t *info, void *context)
{
    (void)number, (void)info, (void)context;
}

static void continues(int number, siginfo_t *info, void *context)
{
    (void)info, (void)context;
    if (stopped_along && child > 0)
        kill(child, number);
    stopped_along = 0;
}

/* What is left to the system: our own mistakes, and to be stopped. */
static bool is_ours(int number)
{
    static const int ours[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS, SIGXCPU,
                               SIGTSTP, SIGTTIN, SIGTTOU};
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if (number == ours[i])
            return true;
    return false;
}

static void set_signals(void)
{
    for (int number = 1; number < NSIG; number++) {
        struct sigaction action = {.sa_sigaction = pass_on, .sa_flags = SA_SIGINFO | SA_RESTART};
        if (number == SIGPIPE || number == SIGXFSZ)
            action = (struct sigaction){.sa_handler = SIG_IGN};
        else if (number == SIGCHLD)
            action.sa_sigaction = ends_sleep;
        else if (number == SIGCONT)
            action.sa_sigaction = continues;
        sigaction(number, is_ours(number) ? NULL : &action, &signals_before[number]);
    }
}

static void restore_signals(void)
{
    for (int number = 1; number < NSIG; number++)
        sigaction(number, &signals_before[number], NULL);
}

/* A shell waits for us, and is to see that the program stops. It is looked at twice: of a job that
 * is continued one process comes first. */
static void stop_along(pid_t process)
{
    static bool stood;
    siginfo_t info = {.si_pid = 0};
    waitid(P_PID, (id_t)process, &info, WSTOPPED | WNOHANG | WNOWAIT);
    bool stands = info.si_pid == process;
    if (stands && stood) {
        waitid(P_PID, (id_t)process, &info, WSTOPPED | WNOHANG);
        stopped_along = 1;
        raise(info.si_status);
    }
    stood = stands && !stood;
}

static int become(char **command, int fd)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd/%d", ring->tracer, fd);
    if (setenv(AGENT_TRACE, path, 1) != 0 || !with_agent_environment(true, true))
        return STATUS_ERROR;
    return with_agent_become(command);
}

/* The program has signals as we had them. None is lost meanwhile: from the first moment on they are
 * the program's. */
static pid_t start(char **command, int fd)
{
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    set_signals();
    child = fork();
    if (child == 0)
        restore_signals();
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (child == 0)
        _exit(become(command, fd));
    return child;
}

/* A thread that took a slot may have been ended by an exec before it filled it. */
enum { ROUNDS_FOR_A_SLOT = 100 };

static void pass_over_lost(void)
{
    static uint64_t stands_at;
    static int rounds;
    rounds = tail == stands_at && atomic_load(&ring->head) > tail ? rounds + 1 : 0;
    stands_at = tail;
    if (rounds >= ROUNDS_FOR_A_SLOT)
        answer(tail + 1);
}

static void sleep_for_events(void)
{
    static const struct timespec most = {0, 20000000};
    atomic_store(&ring->asleep, 1);
    if (atomic_load_explicit(&slot_at(tail)->turn, memory_order_acquire) != tail + 1)
        syscall(SYS_futex, &ring->asleep, FUTEX_WAIT, 1, &most, NULL, 0);
    atomic_store(&ring->asleep, 0);
}

static int follow(struct model *model)
{
    int status = 0;
    for (;;) {
        read_events(model);
        pid_t ended = waitpid(model->process, &status, WNOHANG);
        if (ended == model->process || (ended < 0 && errno != EINTR))
            break;
        stop_along(model->process);
        sleep_for_events();
        pass_over_lost();
    }
    read_rest(model);
    return status;
}

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void tell_end(struct model *model, int status)
{
    char text[80];
    if (WIFSIGNALED(status))
        snprintf(text, sizeof text, "by %s", model_signal((uint64_t)WTERMSIG(status)));
    else
        snprintf(text, sizeof text, "with status %d", WEXITSTATUS(status));
    model_end(model, now(), text);
}

/* As the program has died; without a core file, which would be of us. */
static int die_of(int number)
{
    static const struct rlimit none = {0, 0};
    sigset_t only;
    setrlimit(RLIMIT_CORE, &none);
    signal(number, SIG_DFL);
    sigemptyset(&only);
    sigaddset(&only, number);
    sigprocmask(SIG_UNBLOCK, &only, NULL);
    fflush(NULL);
    raise(number);
    return 128 + number;
}

static void show_note(struct model *model, const struct note *note)
{
    show->note(output, model, note);
}

static int finish(struct model *model, int status, const struct options *options)
{
    tell_end(model, status);
    show->end(output, model);
    bool written = fflush(output) == 0 && !ferror(output);
    if (!written)
        text_error(options->output, "the report could not be written");
    if (!model->connected)
        text_error(NULL, "nothing was traced: the loader did not take the agent in");
    if (model->findings && options->findings_status)
        return options->findings_status;
    if (WIFSIGNALED(status))
        return die_of(WTERMSIG(status));
    return WEXITSTATUS(status);
}

static int trace(char **command, const struct options *options)
{
    static struct model model = {.show = show_note};
    int fd;
    if (!open_ring(&fd)) {
        text_error(NULL, "no memory to be shared: %s", strerror(errno));
        return STATUS_ERROR;
    }
    model.begin = now();
    model.process = start(command, fd);
    if (model.process < 0) {
        text_error(NULL, "%s", strerror(errno));
        return STATUS_ERROR;
    }
    unsetenv("DEBUGINFOD_URLS");
    show->begin(output, &model, command);
    int status = follow(&model);
    child = 0;
    status = finish(&model, status, options);
    model_free(&model);
    return status;
}

/* ---- options --------------------------------------------------------------------------------- */

static bool parse_status(const char *text, int *ret)
{
    char *end;
    long status = strtol(text, &end, 10);
    *ret = (int)status;
    return end != text && !*end && status >= 1 && status <= 255;
}

static const struct option long_options[] = {
    {"format", required_argument, NULL, 'f'}, {"output", required_argument, NULL, 'o'},
    {"quiet", no_argument, NULL, 'q'}, {"findings-status", required_argument, NULL, 's'},
    {"color", required_argument, NULL, 'c'}, {"help", no_argument, NULL, 'h'}, {0}};

/* -1: go on; else the exit status. */
static int parse(int argc, char **argv, struct options *ret)
{
    for (int option; (option = getopt_long(argc, argv, "+f:o:qs:c:h", long_options, NULL)) != -1;) {
        switch (option) {
        case 'f': ret->format = optarg; break;
        case 'o': ret->output = optarg; break;
        case 'c': ret->colour = optarg; break;
        case 'q': ret->quiet = true; break;
        case 'h': return help();
        case 's':
            if (!parse_status(optarg, &ret->findings_status))
                return command_misused("trace", "--findings-status is a number, 1 to 255");
            break;
        default: return command_misused("trace", NULL);
        }
    }
    return -1;
}

/* As text.h has it, for the file that the report goes to. */
static int choose_colour(const struct options *options)
{
    bool shown = strcmp(options->colour, "always") == 0;
    if (!text_choose_colour(options->colour))
        return command_misused("trace", "--color is auto, always or never");
    if (strcmp(options->colour, "auto") == 0)
        shown = text_may_be_coloured(output);
    trace_text_choose(options->output ? "" : "fini: ", shown, options->quiet);
    return -1;
}

static int open_output(const struct options *options)
{
    output = options->output ? fopen(options->output, "we") : stderr;
    if (output)
        return -1;
    text_error(options->output, "%s", strerror(errno));
    return STATUS_ERROR;
}

static int check(const struct options *options, int argc, char **argv)
{
    show = trace_show_find(options->format);
    if (!show)
        return command_misused("trace", "--format is text, json or trace-event");
    if (optind == argc)
        return command_misused("trace", "no command");
    const char *why = refusal_found(argv[optind]);
    if (!why)
        return -1;
    text_error(argv[optind], "%s", why);
    return STATUS_ERROR;
}

int trace_run(int argc, char **argv)
{
    struct options options = {.format = "text", .colour = "auto"};
    int status = parse(argc, argv, &options);
    if (status < 0)
        status = check(&options, argc, argv);
    if (status < 0)
        status = open_output(&options);
    if (status < 0)
        status = choose_colour(&options);
    return status < 0 ? trace(argv + optind, &options) : status;
}
