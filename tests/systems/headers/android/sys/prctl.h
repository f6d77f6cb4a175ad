/* SPDX-License-Identifier: MIT */
#pragma once
#define PR_SET_NAME 15
int prctl(int option, ...);
