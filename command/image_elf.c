/* SPDX-License-Identifier: MIT
 *
 * image_elf.c - what an ELF image says of its unloading.
 *
 * Decides which marks, symbols and calls are findings, by what glibc does (cited at each). Leaves
 * to elf_view.c where they are in the file, to elf_calls.c the machine code, to elf_lines.c the
 * lines.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "demangle.h"
#include "elf_bind.h"
#include "elf_calls.h"
#include "elf_closure.h"
#include "elf_lines.h"
#include "elf_view.h"
#include "image.h"

/* What an image may ask other images for, one bit each. */
#define IMPORTS(X)                                                                                \
    X(CXX_THREAD_ATEXIT, "__cxa_thread_atexit") X(THREAD_ATEXIT, "__cxa_thread_atexit_impl")      \
    X(KEY_CREATE, "pthread_key_create") X(KEY_CREATE_OLD, "__pthread_key_create")                 \
    X(KEY_DELETE, "pthread_key_delete") X(TSS_CREATE, "tss_create") X(TSS_DELETE, "tss_delete")   \
    X(ATEXIT, "__cxa_atexit") X(QUICK_EXIT, "__cxa_at_quick_exit") X(ON_EXIT, "on_exit")          \
    X(FINALIZE, "__cxa_finalize") X(ATFORK, "__register_atfork") X(ATFORK_OLD, "pthread_atfork")  \
    X(DLOPEN, "dlopen")

enum import {
#define IMPORTS_NAME(name, text) IMPORT_##name,
    IMPORTS(IMPORTS_NAME)
#undef IMPORTS_NAME
    IMPORT_COUNT
};

static const char *const import_names[] = {
#define IMPORTS_TEXT(name, text) text,
    IMPORTS(IMPORTS_TEXT)
#undef IMPORTS_TEXT
};

struct reading {
    struct elf_view view;
    struct elf_lines lines;
    struct image *image;
    bool imports[IMPORT_COUNT];
    unsigned char *bound;       /* for each symbol: a relocation of the image refers to it, or,
                                   where that is known, the image is the first to define it */
    bool own_tls_offsets;       /* relocations by offset from the thread pointer */
};

/* ---- marks --------------------------------------------------------------------------------- */

static void find_nodelete(struct reading *r)
{
    uint64_t flags = 0;
    elf_view_tag(&r->view, DT_FLAGS_1, &flags);
    if (flags & DF_1_NODELETE)
        image_add(r->image, FINDING_NODELETE, "DT_FLAGS_1: NODELETE", ".dynamic");
}

/* Only a program has an interpreter, but libc.so.6 and a few others say their version when run. */
static bool is_program(const struct reading *r)
{
    GElf_Phdr segment;
    uint64_t flags = 0, name;
    if (r->view.header.e_type == ET_EXEC)
        return true;
    if (elf_view_tag(&r->view, DT_FLAGS_1, &flags) && flags & DF_1_PIE)
        return true;
    for (size_t i = 0; elf_view_segment(&r->view, i, &segment); i++)
        if (segment.p_type == PT_INTERP)
            return !elf_view_tag(&r->view, DT_SONAME, &name);
    return false;
}

/* Go's linker marks shared libraries as NODELETE itself (cmd/link, BuildModeCShared). Without the
 * mark they do go: Go 1.19 leaves five threads and the handlers of five signals. */
static void find_go(struct reading *r)
{
    static const char *const sections[] = {".go.buildinfo", ".gopclntab", ".note.go.buildid"};
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
        if (!elf_view_section_named(&r->view, sections[i]))
            continue;
        image_add(r->image, FINDING_GO, "runtime", sections[i]);
        return;
    }
}

/* ---- symbols ------------------------------------------------------------------------------- */

static void note_import(struct reading *r, const char *name)
{
    for (int i = 0; i < IMPORT_COUNT; i++)
        if (strcmp(name, import_names[i]) == 0)
            r->imports[i] = true;
}

static void read_symbols(struct reading *r)
{
    GElf_Sym symbol;
    for (size_t i = 1; i < r->view.symbol_count; i++) {
        const char *name = elf_view_symbol(&r->view, i, &symbol);
        if (!name)
            continue;
        if (symbol.st_shndx == SHN_UNDEF)
            note_import(r, name);
    }
}

static bool is_thread_offset(unsigned machine, uint32_t type)
{
    switch (machine) {
    case EM_X86_64: return type == R_X86_64_TPOFF64 || type == R_X86_64_TPOFF32;
    case EM_386: return type == R_386_TLS_TPOFF || type == R_386_TLS_TPOFF32;
    case EM_AARCH64: return type == R_AARCH64_TLS_TPREL;
    case EM_ARM: return type == R_ARM_TLS_TPOFF32;
    case EM_RISCV: return type == R_RISCV_TLS_TPREL32 || type == R_RISCV_TLS_TPREL64;
    case EM_PPC64: return type == R_PPC64_TPREL64;
    case EM_S390: return type == R_390_TLS_TPOFF;
    default: return false;
    }
}

/* An offset of another image's variable (libc's errno, say) takes nothing from the reserve. */
static void look_at_relocation(void *context, const struct elf_relocation *relocation)
{
    struct reading *r = context;
    GElf_Sym symbol = {.st_shndx = SHN_ABS};
    if (relocation->symbol && relocation->symbol < r->view.symbol_count) {
        r->bound[relocation->symbol] = 1;
        elf_view_symbol(&r->view, relocation->symbol, &symbol);
    }
    if (is_thread_offset(r->view.header.e_machine, relocation->type) &&
        symbol.st_shndx != SHN_UNDEF)
        r->own_tls_offsets = true;
}

static bool is_unique(const GElf_Sym *symbol)
{
    return GELF_ST_BIND(symbol->st_info) == STB_GNU_UNIQUE && symbol->st_shndx != SHN_UNDEF;
}

struct shown {
    size_t count;
    struct elf_variable variable[EVIDENCE_MOST];
    char place[EVIDENCE_MOST][PLACE_SIZE];
};

static void show_variable(struct reading *r, const GElf_Sym *symbol, const char *name,
                          const char *place)
{
    char plain[NAME_SIZE];
    demangle(name, plain, sizeof plain);
    image_add(r->image, FINDING_UNIQUE, plain,
              place && place[0] ? place : elf_view_section(&r->view, symbol->st_value));
}

/* A unique symbol pins the image when the loader binds something to it (glibc, elf/dl-lookup.c,
 * do_lookup_unique). The image's own relocations do, as soon as it is loaded. */
static const char *bound_unique(struct reading *r, size_t index, GElf_Sym *symbol)
{
    const char *name = elf_view_symbol(&r->view, index, symbol);
    return r->bound[index] && name && is_unique(symbol) ? name : NULL;
}

static void find_unique(struct reading *r)
{
    struct shown shown = {0};
    GElf_Sym symbol;
    const char *name;
    for (size_t i = 1; i < r->view.symbol_count && shown.count < EVIDENCE_MOST; i++) {
        if (!(name = bound_unique(r, i, &symbol)))
            continue;
        shown.variable[shown.count] = (struct elf_variable){name, shown.place[shown.count]};
        shown.count++;
    }
    if (shown.count)
        elf_lines_of_variables(&r->lines, shown.variable, shown.count);
    size_t done = 0;
    for (size_t i = 1; i < r->view.symbol_count; i++) {
        if (!(name = bound_unique(r, i, &symbol)))
            continue;
        show_variable(r, &symbol, name, done < shown.count ? shown.place[done] : NULL);
        done++;
    }
}

static void show_bound(struct reading *r, const struct elf_bound *bound, enum finding finding)
{
    char plain[NAME_SIZE];
    for (size_t i = 0; i < bound->total; i++) {
        size_t shown = i < BOUND_SHOWN ? i : 0;
        demangle(bound->symbol[shown], plain, sizeof plain);
        image_add(r->image, finding, plain, bound->user[shown]);
    }
}

/* The loader's own rules, where all that the image needs is there. */
static void find_bindings(struct reading *r, const char *path)
{
    static struct elf_closure closure;
    static struct elf_bound bound;
    char user[PLACE_SIZE];
    if (elf_closure_open(&r->view, path, &closure)) {
        unsigned char *later = calloc(r->view.symbol_count + 1, 1);
        elf_bind(&closure, false, r->bound, &bound);
        show_bound(r, &bound, FINDING_BOUND_BY_RESIDENT);
        if (later && !bound.total) {
            elf_bind(&closure, true, later, &bound);
            show_bound(r, &bound, FINDING_BOUND_LATER);
        }
        free(later);
    } else if (closure.missing) {
        snprintf(user, sizeof user, "needed by %s", closure.missed_by);
        image_add(r->image, FINDING_MISSING, closure.missing, user);
    }
    elf_closure_close(&closure);
}

/* ---- calls --------------------------------------------------------------------------------- */

struct calls {
    struct reading *reading;
    enum finding finding;
    const char *name;
    bool (*wanted)(const unsigned char *before, size_t length);
    size_t count;
};

static void add_call(void *context, uint64_t address, const unsigned char *before, size_t length)
{
    struct calls *calls = context;
    char place[PLACE_SIZE] = "";
    if (calls->wanted && !calls->wanted(before, length))
        return;
    if (calls->count < EVIDENCE_MOST)
        elf_lines_of_code(&calls->reading->lines, address, place, sizeof place);
    if (!place[0])
        snprintf(place, sizeof place, "at 0x%llx", (unsigned long long)address);
    image_add(calls->reading->image, calls->finding, calls->name, place);
    calls->count++;
}

/* Notes each call of an import that is wanted; NULL: all. */
static size_t find_calls(struct reading *r, enum import import, enum finding finding,
                         const char *shown, bool (*wanted)(const unsigned char *, size_t))
{
    struct calls calls = {r, finding, shown, wanted, 0};
    if (r->imports[import])
        elf_calls(&r->view, import_names[import], add_call, &calls);
    return calls.count;
}

/* The import is evidence enough; the calls, where they can be found, are better. */
static void find_import(struct reading *r, enum import import, enum finding finding,
                        const char *shown)
{
    if (r->imports[import] && !find_calls(r, import, finding, shown, NULL))
        image_add(r->image, finding, shown, NULL);
}

static bool has_rust(const struct reading *r)
{
    Elf_Scn *section = elf_view_section_named(&r->view, ".comment");
    Elf_Data *data = section ? elf_rawdata(section, NULL) : NULL;
    return data && data->d_buf && memmem(data->d_buf, data->d_size, "rustc version", 13);
}

/* glibc, stdlib/cxa_thread_atexit_impl.c: each such destructor counts as a use of the image until
 * its thread has ended. LD_DEBUG says nothing of it. */
static void find_thread_locals(struct reading *r)
{
    find_import(r, IMPORT_CXX_THREAD_ATEXIT, FINDING_THREAD_LOCAL_CXX, "__cxa_thread_atexit");
    find_import(r, IMPORT_THREAD_ATEXIT, FINDING_THREAD_LOCAL_OTHER,
                has_rust(r) ? "__cxa_thread_atexit_impl, in Rust's standard library"
                            : "__cxa_thread_atexit_impl");
}

/* C++ code of older glibcs refers to __pthread_key_create only to learn whether there are threads
 * (libgcc, gthr-posix.h): the import alone says nothing. */
static void find_keys(struct reading *r)
{
    bool deletes = r->imports[IMPORT_KEY_DELETE] || r->imports[IMPORT_TSS_DELETE];
    if (deletes)
        return;
    find_import(r, IMPORT_KEY_CREATE, FINDING_KEY_LEFT, "pthread_key_create");
    find_calls(r, IMPORT_KEY_CREATE_OLD, FINDING_KEY_LEFT, "__pthread_key_create", NULL);
    find_import(r, IMPORT_TSS_CREATE, FINDING_KEY_LEFT, "tss_create");
}

/* crtbeginS.o's __do_global_dtors_aux is what calls __cxa_finalize at an unload, not the loader. */
static void find_handlers(struct reading *r)
{
    bool handlers = r->imports[IMPORT_ATEXIT] || r->imports[IMPORT_ATFORK];
    find_import(r, IMPORT_ON_EXIT, FINDING_HANDLER_NO_OWNER, "on_exit");
    find_calls(r, IMPORT_ATEXIT, FINDING_HANDLER_NO_OWNER, "__cxa_atexit(..., ..., NULL)",
               elf_call_third_is_zero);
    if (handlers && !r->imports[IMPORT_FINALIZE])
        image_add(r->image, FINDING_NO_FINALIZE, r->imports[IMPORT_ATEXIT] ?
                  import_names[IMPORT_ATEXIT] : import_names[IMPORT_ATFORK], NULL);
    find_import(r, IMPORT_ATFORK, FINDING_FORK_HANDLER, "pthread_atfork");
    find_import(r, IMPORT_ATFORK_OLD, FINDING_FORK_HANDLER, "pthread_atfork");
}

static bool never_deletes(const unsigned char *before, size_t length)
{
    return elf_call_second_has(before, length, 0x1000); /* RTLD_NODELETE of glibc and musl */
}

/* glibc, elf/dl-reloc.c: a surplus of some 1.6 KB serves all images that are not there at
 * start-up, and is given back only from its end. */
static void find_static_tls(struct reading *r)
{
    GElf_Phdr segment;
    uint64_t flags = 0;
    char text[NAME_SIZE];
    elf_view_tag(&r->view, DT_FLAGS, &flags);
    for (size_t i = 0; elf_view_segment(&r->view, i, &segment); i++) {
        if (segment.p_type != PT_TLS || !segment.p_memsz ||
            !(r->own_tls_offsets || flags & DF_STATIC_TLS))
            continue;
        snprintf(text, sizeof text, "%llu bytes for each thread",
                 (unsigned long long)segment.p_memsz);
        image_add(r->image, FINDING_STATIC_TLS, text,
                  flags & DF_STATIC_TLS ? "DT_FLAGS: STATIC_TLS" : "relocations");
    }
}

static void find_all(struct reading *r, const char *path)
{
    read_symbols(r);
    elf_view_relocations(&r->view, look_at_relocation, r);
    if (path)
        find_bindings(r, path);
    find_nodelete(r);
    find_unique(r);
    find_thread_locals(r);
    find_go(r);
    find_static_tls(r);
    find_keys(r);
    find_handlers(r);
    find_calls(r, IMPORT_DLOPEN, FINDING_PINS_ITSELF, "dlopen(..., RTLD_NODELETE)",
               never_deletes);
}

static void read_dynamic(struct reading *r, const char *path)
{
    r->image->kind = is_program(r) ? KIND_PROGRAM : KIND_LIBRARY;
    r->bound = calloc(r->view.symbol_count + 1, 1);
    if (!r->bound) {
        image_fail(r->image, "too large: no memory for %zu symbols", r->view.symbol_count);
        return;
    }
    elf_lines_open(r->view.elf, &r->lines);
    find_all(r, path);
    elf_lines_close(&r->lines);
    free(r->bound);
}

void image_elf_read(const void *bytes, size_t size, const char *path, struct image *image)
{
    struct reading r = {.image = image};
    const char *error = elf_view_open(bytes, size, &r.view);
    if (error)
        image_fail(image, "%s", error);
    else if (r.view.dynamic)
        read_dynamic(&r, path);
    else
        image->kind = elf_view_is_linked(&r.view) ? KIND_PROGRAM : KIND_OTHER;
    elf_view_close(&r.view);
}
