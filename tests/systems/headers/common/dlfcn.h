/* SPDX-License-Identifier: MIT */
#pragma once
#include <system.h>
#define RTLD_LAZY 1
#define RTLD_NOLOAD 0x2000
typedef struct {
    const char *dli_fname;
    void *dli_fbase;
    const char *dli_sname;
    void *dli_saddr;
} Dl_info;
void *dlopen(const char *path, int mode);
int dlclose(void *handle);
SYSTEM_DLFCN
