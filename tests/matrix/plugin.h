/* SPDX-License-Identifier: MIT
 *
 * plugin.h - what a host can have the plugin do. See plugin.c.
 */
#ifndef MATRIX_PLUGIN_H
#define MATRIX_PLUGIN_H

#ifdef __cplusplus
extern "C" {
#endif

struct plugin_api {
    void (*spin)(void);          /* never returns */
    void (*leave)(void);         /* calls exit(0) */
    void (*leave_in_hook)(void); /* from now on the newest hook ends with exit(0) */
    void (*hold_by_thread)(void); /* until the calling thread ends, the loader keeps the image */
};

extern const struct plugin_api plugin_api;

#ifdef __cplusplus
}
#endif
#endif
