/* SPDX-License-Identifier: MIT
 *
 * Rows of real unwind tables, compared with what readelf makes of the same files.
 *
 * Decides: for every function of the C library, the loader and this program, at every row that
 * readelf shows, that fini__unwind_find finds the same rule for the CFA, the return address and
 * rbp; that it finds nothing between functions; and that it gives up only where the table has an
 * expression, another register or a signal frame.
 * Leaves to others: tables that lie (fuzz.c), walking (tests/matrix).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "harness.h"
#include "tables.h"

enum { CIES_MOST = 4096, FUNCTIONS_MOST = 100000, STEP = 7 };

static const struct fini__unwind_registers registers = {
    .frame_pointer = 6, .stack_pointer = 7, .return_address = 16};

/* A function as readelf shows it, up to the row that was read last. */
struct function {
    uintptr_t begin, end; /* in the file */
    bool signal_frame;
    int frame_pointer, return_address; /* columns of a line; -1: none */
    uintptr_t at;
    char row[256]; /* empty: none yet */
};

struct comparison {
    struct tables_image image;
    struct {
        unsigned long offset;
        bool signal_frame;
    } cies[CIES_MOST];
    unsigned cie_count;
    struct function function;
    struct range {
        uintptr_t begin, end;
    } ranges[FUNCTIONS_MOST];
    unsigned long functions, rows, unknown, wrong;
};

/* ---- one row --------------------------------------------------------------------------------- */

/* A register is shown as two words, `r3 (rbx)`: the second does not count. */
static bool word_of(const char *line, int number, char *ret, size_t size)
{
    size_t length = 0;
    for (; number >= 0; line += length) {
        line += strspn(line, " \n");
        length = strcspn(line, " \n");
        if (length == 0 || length >= size)
            return false;
        if (line[0] == '(' || number-- > 0)
            continue;
        memcpy(ret, line, length);
        ret[length] = '\0';
    }
    return true;
}

/* readelf's word for a column. */
static bool same_column(const struct fini__unwind_column *column, const char *word)
{
    if (word[0] == 'c')
        return column->rule == FINI__UNWIND_SAVED && column->offset == atol(word + 1);
    if (strcmp(word, "u") == 0 || strcmp(word, "s") == 0)
        return column->rule == FINI__UNWIND_SAME;
    return column->rule == FINI__UNWIND_UNKNOWN;
}

static bool same_cfa(const struct fini__unwind_row *row, const char *word)
{
    if (strncmp(word, row->cfa_from_frame_pointer ? "rbp" : "rsp", 3) != 0)
        return false;
    return row->cfa_known && row->cfa_offset == atol(word + 3);
}

static bool is_understood(const struct function *f, const char *cfa)
{
    return !f->signal_frame && (strncmp(cfa, "rsp", 3) == 0 || strncmp(cfa, "rbp", 3) == 0);
}

static bool same_row(const struct function *f, bool found, const struct fini__unwind_row *row,
                     uintptr_t bias)
{
    char cfa[32], fp[32] = "u", ra[32];
    require(word_of(f->row, 1, cfa, sizeof cfa));
    require(word_of(f->row, f->return_address, ra, sizeof ra));
    require(f->frame_pointer < 0 || word_of(f->row, f->frame_pointer, fp, sizeof fp));
    bool outermost = strcmp(ra, "u") == 0;
    if (!found)
        return !is_understood(f, cfa) && !(outermost && !f->signal_frame);
    if (row->function != f->begin + bias || row->outermost != outermost)
        return false;
    if (outermost)
        return true;
    return same_cfa(row, cfa) && same_column(&row->frame_pointer, fp) &&
           same_column(&row->return_address, ra);
}

static void compare_at(struct comparison *c, uintptr_t at)
{
    struct fini__unwind_row row;
    bool found = fini__unwind_find(&c->image.table, &registers, at + c->image.bias, &row);
    c->rows++;
    c->unknown += !found;
    if (same_row(&c->function, found, &row, c->image.bias))
        return;
    if (c->wrong++ < 5)
        say("at %lx: found %d, cfa %d%+ld, outermost %d, rbp %d%+ld, ra %d%+ld; readelf: %s",
            (unsigned long)at, found, row.cfa_from_frame_pointer, (long)row.cfa_offset,
            row.outermost, row.frame_pointer.rule, (long)row.frame_pointer.offset,
            row.return_address.rule, (long)row.return_address.offset, c->function.row);
}

/* The row that was read last holds up to here. */
static void compare_row(struct comparison *c, uintptr_t end)
{
    if (!c->function.row[0] || c->function.at >= end)
        return;
    for (uintptr_t at = c->function.at; at < end; at += STEP)
        compare_at(c, at);
    compare_at(c, end - 1);
    c->function.row[0] = '\0';
}

static int by_begin(const void *a, const void *b)
{
    const struct range *x = a, *y = b;
    return (x->begin > y->begin) - (x->begin < y->begin);
}

/* There is nothing between functions, nor before the first and after the last. */
static void compare_gaps(struct comparison *c)
{
    struct fini__unwind_row row;
    qsort(c->ranges, c->functions, sizeof *c->ranges, by_begin);
    for (unsigned long n = 0; n < c->functions; n++) {
        uintptr_t before = c->ranges[n].begin - 1, after = c->ranges[n].end;
        if (n == 0 || c->ranges[n - 1].end <= before)
            require(!fini__unwind_find(&c->image.table, &registers, before + c->image.bias, &row));
        if (n + 1 == c->functions || after < c->ranges[n + 1].begin)
            require(!fini__unwind_find(&c->image.table, &registers, after + c->image.bias, &row));
    }
}

/* ---- what readelf says ----------------------------------------------------------------------- */

static void end_function(struct comparison *c)
{
    if (c->function.end != 0)
        compare_row(c, c->function.end);
    c->function.end = 0;
}

static void read_cie(struct comparison *c, unsigned long offset, const char *line)
{
    const char *letters = strchr(line, '"');
    require(letters && c->cie_count < CIES_MOST);
    c->cies[c->cie_count].offset = offset;
    c->cies[c->cie_count++].signal_frame = letters[strcspn(letters + 1, "S\"") + 1] == 'S';
}

static bool is_signal_frame(const struct comparison *c, unsigned long cie)
{
    for (unsigned n = 0; n < c->cie_count; n++)
        if (c->cies[n].offset == cie)
            return c->cies[n].signal_frame;
    require(!"the CIE is known");
    return false;
}

static void read_fde(struct comparison *c, const char *line)
{
    unsigned long cie, begin, end;
    require_eq(sscanf(line, "%*x %*x %*x FDE cie=%lx pc=%lx..%lx", &cie, &begin, &end), 3);
    c->function = (struct function){
        .begin = begin, .end = end, .signal_frame = is_signal_frame(c, cie)};
    require(c->functions < FUNCTIONS_MOST);
    c->ranges[c->functions++] = (struct range){begin, end};
}

static void read_columns(struct comparison *c, const char *line)
{
    char word[32];
    c->function.frame_pointer = c->function.return_address = -1;
    for (int n = 0; word_of(line, n, word, sizeof word); n++) {
        if (strcmp(word, "rbp") == 0)
            c->function.frame_pointer = n;
        if (strcmp(word, "ra") == 0)
            c->function.return_address = n;
    }
    require(c->function.return_address > 0);
}

static void read_row(struct comparison *c, uintptr_t at, const char *line)
{
    compare_row(c, at);
    c->function.at = at;
    snprintf(c->function.row, sizeof c->function.row, "%.*s", (int)strcspn(line, "\n"), line);
}

static void read_line(struct comparison *c, const char *line)
{
    char *rest;
    unsigned long number = strtoul(line, &rest, 16);
    if (strstr(line, " CIE \"")) {
        end_function(c);
        read_cie(c, number, line);
    } else if (strstr(line, " FDE cie=")) {
        end_function(c);
        read_fde(c, line);
    } else if (strncmp(line, "   LOC ", 7) == 0) {
        read_columns(c, line);
    } else if (c->function.end != 0 && rest - line == 16) {
        read_row(c, number, line);
    }
}

/* Other sections, of files with debug information, follow under a heading of their own. */
static void read_all(struct comparison *c, FILE *in)
{
    char line[512];
    bool wanted = false;
    while (fgets(line, sizeof line, in)) {
        if (strncmp(line, "Contents of the ", 16) == 0) {
            end_function(c);
            wanted = strstr(line, ".eh_frame section") && c->functions == 0;
        }
        if (wanted)
            read_line(c, line);
    }
    end_function(c);
}

/* ---- cases ----------------------------------------------------------------------------------- */

/* Seen in binutils 2.35. */
static const char is_old_readelf[] =
    "readelf --version | sed -n '1s/.* 2[.]//p' | grep -Eq '^[1-3][0-9]([^0-9]|$)'";

static void compare(const char *part, unsigned long functions_least)
{
    static struct comparison c;
    char command[sizeof c.image.path + 100];
    if (system("readelf --version > /dev/null 2>&1") != 0)
        skip("there is no readelf");
    if (system(is_old_readelf) == 0)
        skip("a readelf as old as this shows no return address before it goes to a register");
    if (!tables_find(part, &c.image))
        skip("no image is called %s", part);
    snprintf(command, sizeof command, "readelf --wide --debug-dump=frames-interp '%s'",
             c.image.path);
    FILE *in = popen(command, "r");
    require(in);
    read_all(&c, in);
    pclose(in); /* it complains of stripped files; what it has shown is counted below */
    compare_gaps(&c);
    fprintf(stderr, "%lu functions, %lu rows, %lu unknown, %lu wrong\n", c.functions, c.rows,
            c.unknown, c.wrong);
    require_eq(c.wrong, 0);
    require(c.functions >= functions_least && c.rows > 3 * c.functions);
}

CASE(rows_of_the_c_library, .timeout = 30, .slow = true)
{
    compare("libc.so", 2000);
}

CASE(rows_of_the_loader)
{
    compare("ld-linux", 100);
}

CASE(rows_of_this_program)
{
    compare("", 20);
}
