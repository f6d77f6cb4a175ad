/* SPDX-License-Identifier: MIT */
#pragma once
#include <stddef.h>
#include <sys/types.h>
#define STDERR_FILENO 2
pid_t getpid(void);
ssize_t write(int file, const void *bytes, size_t size);
SYSTEM_UNISTD
