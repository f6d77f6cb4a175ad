/* SPDX-License-Identifier: MIT
 *
 * ways-linked.c - the ways of a host that the plugin is linked into. In place of ways-in.c and
 * ways-loader.c: a static program has no dlopen.
 */
#include "host.h"

const char image_file[] = "/linked";

static void already_there(void)
{
    image.api = &plugin_api;
}

void sweep(void)
{
}

const struct way_in ways_in[] = {
    {"linked", IN_MAIN, already_there},
    {"linked-nopie", IN_MAIN, already_there},
    {"linked-static", IN_MAIN, already_there},
    {"linked-static-pie", IN_MAIN, already_there},
    {NULL, IN_MAIN, NULL},
};

const struct way_out ways_by_loader[] = {{NULL, NULL, NULL}};
