/* SPDX-License-Identifier: MIT
 *
 * lua_guest.c - makes the guest a module of Lua. Lua ignores what is before the hyphen in the
 * name of a module, so that both builds have the same function.
 */
#include <lua.h>

#include "guest.h"

int luaopen_lua_guest(lua_State *lua);

int luaopen_lua_guest(lua_State *lua)
{
    guest_start();
    lua_pushboolean(lua, 1);
    return 1;
}
