/* SPDX-License-Identifier: MIT */
#pragma once
#include <stddef.h>
#include <system.h>
typedef int pid_t;
typedef long ssize_t;
typedef char *caddr_t;
