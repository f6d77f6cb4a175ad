/* SPDX-License-Identifier: MIT */
#pragma once
char *bindtextdomain(const char *domain, const char *folder);
