/* SPDX-License-Identifier: MIT
 *
 * sqlite_guest.c - makes the guest an extension of SQLite: one that goes with the connection, and
 * under a second name one that SQLite never unloads.
 */
#include <sqlite3ext.h>

#include "guest.h"

SQLITE_EXTENSION_INIT1

typedef int init_fn(sqlite3 *db, char **error, const sqlite3_api_routines *api);
init_fn sqlite3_extension_init, sqlite3_stay_init;

int sqlite3_extension_init(sqlite3 *db, char **error, const sqlite3_api_routines *api)
{
    SQLITE_EXTENSION_INIT2(api);
    (void)db, (void)error;
    guest_start();
    return SQLITE_OK;
}

int sqlite3_stay_init(sqlite3 *db, char **error, const sqlite3_api_routines *api)
{
    int result = sqlite3_extension_init(db, error, api);
    return result == SQLITE_OK ? SQLITE_OK_LOAD_PERMANENTLY : result;
}
