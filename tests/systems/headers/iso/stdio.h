/* SPDX-License-Identifier: MIT */
#pragma once
#include <stddef.h>
typedef struct file FILE;
extern FILE *stderr;
size_t fwrite(const void *from, size_t size, size_t count, FILE *file);
