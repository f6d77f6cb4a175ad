/* SPDX-License-Identifier: MIT
 *
 * say.h - one line of the transcript, by the system alone: at exit the C run-time's locks may be
 * those of threads that have been killed.
 */
#ifndef SAY_H
#define SAY_H

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include <string.h>

static inline void say3(const char *first, const char *second, const char *third)
{
    char line[6000]; /* what a process has written, at most */
    DWORD written;
    strcpy(line, first);
    strcat(line, second);
    strcat(line, third);
    strcat(line, "\n");
    WriteFile(GetStdHandle(STD_OUTPUT_HANDLE), line, (DWORD)strlen(line), &written, NULL);
}

static inline void say(const char *text)
{
    say3(text, "", "");
}

static inline void say_number(const char *text, int number)
{
    char digits[12] = {0};
    char *digit = digits + sizeof digits - 1;
    unsigned rest = number < 0 ? 0u - (unsigned)number : (unsigned)number;
    do
        *--digit = (char)('0' + rest % 10);
    while ((rest /= 10) != 0);
    say3(text, number < 0 ? " -" : " ", digit);
}

#endif
