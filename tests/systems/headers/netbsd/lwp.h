/* SPDX-License-Identifier: MIT */
#pragma once
typedef int lwpid_t;
lwpid_t _lwp_self(void);
