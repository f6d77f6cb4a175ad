/* SPDX-License-Identifier: MIT
 *
 * reader.h - reads a file that may be made to harm its reader.
 *
 * Decides: each file is read by a child process with little memory and time. libelf and libdw have
 * crashed on files that were made for it, and to look at headers first does not help against false
 * debug data; a child that dies costs one clear line.
 */
#ifndef COMMAND_READER_H
#define COMMAND_READER_H

#include "image.h"

/* Where it cannot be read, ret->error says why. */
void reader_read(const char *path, struct image *ret);

#endif
