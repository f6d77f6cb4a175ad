/* SPDX-License-Identifier: MIT */
#pragma once
#include <system.h>
#define errno (*SYSTEM_ERRNO())
int *SYSTEM_ERRNO(void);
#define EPIPE 32
