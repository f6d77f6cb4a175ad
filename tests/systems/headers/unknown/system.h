/* SPDX-License-Identifier: MIT */
/* Nothing but ISO C. */
#pragma once
#define SYSTEM_ERRNO error_number
#define SYSTEM_TIME
