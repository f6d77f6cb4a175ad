/* SPDX-License-Identifier: MIT */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
/* ELF, 64 bits. */
#define PT_LOAD 1
#define ElfW(type) Elf64_##type
typedef struct {
    unsigned char e_ident[16];
    uint16_t e_type, e_machine;
    uint32_t e_version;
    uint64_t e_entry, e_phoff, e_shoff;
} Elf64_Ehdr;
typedef struct {
    uint32_t p_type, p_flags;
    uint64_t p_offset, p_vaddr, p_paddr, p_filesz, p_memsz, p_align;
} Elf64_Phdr;
struct dl_phdr_info {
    uint64_t dlpi_addr;
    const char *dlpi_name;
    const Elf64_Phdr *dlpi_phdr;
    uint16_t dlpi_phnum;
};
int dl_iterate_phdr(int (*each)(struct dl_phdr_info *info, size_t size, void *arg), void *arg);
struct link_map {
    SYSTEM_LINK_ADDRESS l_addr;
    const char *l_name;
    SYSTEM_DYNAMIC *l_ld;
    struct link_map *l_next, *l_prev;
};
