/* SPDX-License-Identifier: MIT
 *
 * bench: what libfini costs, beside the same thing without it.
 *
 * Decides: what is measured and how - ratios of medians, both sides interleaved in one run, so
 * that a slow or noisy machine changes the spread and not the ratio. The exit status is 0 whatever
 * the figures: a speed is no test.
 * Leaves to others: the images (image.c).
 */
#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 41, CYCLES = 200, IMAGES = 1000, EXIT_ROUNDS = 21 };

static char plain[PATH_MAX], embeds[PATH_MAX];

static double microseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void give_up(const char *what)
{
    perror(what);
    exit(1);
}

/* ---- the table ------------------------------------------------------------------------------- */

struct series {
    double of[ROUNDS];
    int count;
};

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double quantile(struct series *s, double q)
{
    qsort(s->of, (size_t)s->count, sizeof *s->of, by_size);
    return s->of[(int)(q * (s->count - 1) + 0.5)];
}

static void print_row(const char *id, const char *what, double goal, struct series *ours,
                      struct series *other)
{
    double base = quantile(other, 0.5);
    double ratio = quantile(ours, 0.5) / base;
    printf("%-4s %-52s %6.2f  <= %-5.2f %-6s (%.2f to %.2f; %.1f us beside %.1f us)\n", id, what,
           ratio, goal, ratio <= goal ? "met" : "missed", quantile(ours, 0.1) / base,
           quantile(ours, 0.9) / base, quantile(ours, 0.5), base);
}

/* ---- P9: loading and unloading --------------------------------------------------------------- */

static double load_and_unload(const char *path, int times)
{
    double start = microseconds();
    for (int n = 0; n < times; n++) {
        void *image = dlopen(path, RTLD_NOW);
        if (!image)
            give_up(dlerror());
        dlclose(image);
    }
    return (microseconds() - start) / times;
}

static void bench_cycle(void)
{
    struct series ours = {.count = ROUNDS}, other = {.count = ROUNDS};
    load_and_unload(plain, 1);
    load_and_unload(embeds, 1);
    for (int round = 0; round < ROUNDS; round++) {
        other.of[round] = load_and_unload(plain, CYCLES);
        ours.of[round] = load_and_unload(embeds, CYCLES);
    }
    print_row("P9", "dlopen + dlclose, with libfini : without", 1.10, &ours, &other);
}

static double *shared_number(void)
{
    double *number = mmap(NULL, sizeof *number, PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (number == MAP_FAILED)
        give_up("mmap");
    return number;
}

/* In a process of its own each time, because only one load there is the first. */
static double first_cycle(const char *path)
{
    double *took = shared_number();
    pid_t child = fork();
    if (child < 0)
        give_up("fork");
    if (child == 0) {
        *took = load_and_unload(path, 1);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    double result = *took;
    munmap(took, sizeof *took);
    return result;
}

static void bench_first_cycle(void)
{
    struct series ours = {.count = ROUNDS}, other = {.count = ROUNDS};
    for (int round = 0; round < ROUNDS; round++) {
        other.of[round] = first_cycle(plain);
        ours.of[round] = first_cycle(embeds);
    }
    print_row("P9", "the same, the first in a process", 1.10, &ours, &other);
}

/* ---- P13: exit with many images -------------------------------------------------------------- */

static void copy_file(const char *from, const char *to)
{
    char block[65536];
    ssize_t got;
    int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0755);
    if (in < 0 || out < 0)
        give_up(to);
    while ((got = read(in, block, sizeof block)) > 0)
        if (write(out, block, (size_t)got) != got)
            give_up(to);
    close(in);
    close(out);
}

static void image_path(char path[PATH_MAX], const char *folder, char kind, int n)
{
    snprintf(path, PATH_MAX, "%s/%c%d.so", folder, kind, n);
}

static void load_all(const char *folder, char kind)
{
    char path[PATH_MAX];
    for (int n = 0; n < IMAGES; n++) {
        image_path(path, folder, kind, n);
        if (!dlopen(path, RTLD_NOW))
            give_up(path);
    }
}

static double exit_with_images(const char *folder, char kind)
{
    double *start = shared_number();
    fflush(stdout);
    pid_t child = fork();
    if (child < 0)
        give_up("fork");
    if (child == 0) {
        load_all(folder, kind);
        *start = microseconds();
        exit(0);
    }
    waitpid(child, NULL, 0);
    double took = microseconds() - *start;
    munmap(start, sizeof *start);
    return took;
}

static void each_copy(const char *folder, int make)
{
    char path[PATH_MAX];
    for (int n = 0; n < 2 * IMAGES; n++) {
        image_path(path, folder, n % 2 ? 'p' : 'e', n / 2);
        if (make)
            copy_file(n % 2 ? plain : embeds, path);
        else
            unlink(path);
    }
}

static void bench_exit(void)
{
    struct series ours = {.count = EXIT_ROUNDS}, other = {.count = EXIT_ROUNDS};
    char folder[] = P_tmpdir "/fini-bench-XXXXXX";
    if (!mkdtemp(folder))
        give_up("mkdtemp");
    each_copy(folder, 1);
    for (int round = 0; round < EXIT_ROUNDS; round++) {
        other.of[round] = exit_with_images(folder, 'p');
        ours.of[round] = exit_with_images(folder, 'e');
    }
    each_copy(folder, 0);
    rmdir(folder);
    print_row("P13", "exit with 1000 images, with libfini : without", 1.40, &ours, &other);
}

/* ---- P14: size ------------------------------------------------------------------------------- */

/* What size(1) calls text and data: all that is allocated and stands in the file. */
static long loaded_size(const char *path)
{
    struct stat info;
    int file = open(path, O_RDONLY);
    if (file < 0 || fstat(file, &info) != 0)
        give_up(path);
    const char *bytes = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, file, 0);
    close(file);
    const Elf64_Ehdr *header = (const Elf64_Ehdr *)(const void *)bytes;
    const Elf64_Shdr *section = (const Elf64_Shdr *)(const void *)(bytes + header->e_shoff);
    long size = 0;
    for (int n = 0; n < header->e_shnum; n++, section++)
        if ((section->sh_flags & SHF_ALLOC) && section->sh_type != SHT_NOBITS)
            size += (long)section->sh_size;
    munmap((void *)(size_t)bytes, (size_t)info.st_size);
    return size;
}

static void bench_size(void)
{
    double added = (double)(loaded_size(embeds) - loaded_size(plain)) / 1024;
    printf("%-4s %-52s %6.1f  <= %-5.1f %-6s (KiB)\n", "P14",
           "text + data added to an image with hooks", added, 8.0, added <= 8 ? "met" : "missed");
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: bench PLAIN_IMAGE IMAGE_WITH_LIBFINI\n");
        return 2;
    }
    snprintf(plain, sizeof plain, "%s", argv[1]);
    snprintf(embeds, sizeof embeds, "%s", argv[2]);
    printf("%-4s %-52s %6s  %-8s\n", "", "median of interleaved rounds", "ratio", "goal");
    bench_cycle();
    bench_first_cycle();
    bench_exit();
    bench_size();
    return 0;
}
