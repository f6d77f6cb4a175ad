/* SPDX-License-Identifier: MIT
 *
 * Holds where something has run out: thread keys, images in one thread, memory for the value.
 * Whatever is refused is still held, and nothing is lost.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "harness.h"
#include "host.h"

enum { ENDS = 64, MORE = 2, KEYS_MOST = 1024 + 1 };

static struct image images[ENDS + MORE];
static struct fini_hold holds[ENDS + MORE];

static void open_copies(void)
{
    char path[PATH_MAX], name[32];
    for (int n = 0; n < ENDS + MORE; n++) {
        snprintf(name, sizeof name, "copy%d.so", n);
        open_image_at(&images[n], copy_to_stage(path, "member.so", name));
        require_eq(images[n].m->hold(&holds[n]), FINI_OK);
        close_image(&images[n]);
    }
}

/* How many are mapped. */
static int copies_mapped(void)
{
    int count = 0;
    for (int n = 0; n < ENDS + MORE; n++)
        count += is_mapped(&images[n]);
    return count;
}

static void *release_all_copies(void *arg)
{
    (void)arg;
    for (int n = 0; n < ENDS; n++)
        require_eq(images[n].m->release(&holds[n]), FINI_OK);
    for (int n = ENDS; n < ENDS + MORE; n++) {
        require_eq(images[n].m->release(&holds[n]), FINI_EAGAIN);
        require_eq(images[n].m->hold(&holds[n]), FINI_EBUSY);
        require_eq(images[n].m->hold_for_thread(), FINI_EAGAIN);
    }
    require_eq(images[0].m->hold_for_thread(), FINI_OK);
    require_eq(copies_mapped(), ENDS + MORE);
    return NULL;
}

static void *release_the_rest(void *arg)
{
    (void)arg;
    for (int n = ENDS; n < ENDS + MORE; n++)
        require_eq(images[n].m->release(&holds[n]), FINI_OK);
    return NULL;
}

CASE(more_images_than_one_thread_can_end, .unloads = true)
{
    open_copies();
    require_eq(copies_mapped(), ENDS + MORE);
    in_thread(release_all_copies, NULL);
    require_eq(copies_mapped(), MORE);
    in_thread(release_the_rest, NULL);
    require_eq(copies_mapped(), 0);
    for (int n = 0; n < ENDS + MORE; n++)
        require_gone(&images[n], FINI_UNLOAD, 0);
}

/* ---- thread keys ----------------------------------------------------------------------------- */

static pthread_key_t keys[KEYS_MOST];
static int key_count;

static void use_up_keys(void)
{
    dlerror(); /* takes one before glibc 2.34 */
    while (key_count < KEYS_MOST && pthread_key_create(&keys[key_count], NULL) == 0)
        key_count++;
    require(key_count > 0 && key_count < KEYS_MOST);
}

/* One that ends a reference, and one that is older than all of those. */
static void leave_two_keys(void)
{
    for (int n = 0; n < 2; n++)
        require_eq(pthread_key_delete(keys[--key_count]), 0);
}

static void *refused_without_keys(void *arg)
{
    (void)arg;
    struct image *image = &images[0];
    require_eq(image->m->release(&holds[0]), FINI_EAGAIN);
    require_eq(image->m->hold(&holds[0]), FINI_EBUSY);
    require_eq(image->m->hold_for_thread(), FINI_EAGAIN);
    return NULL;
}

static void *released_with_a_key(void *arg)
{
    (void)arg;
    require_eq(images[0].m->release(&holds[0]), FINI_OK);
    return NULL;
}

CASE(thread_keys_used_up, .unloads = true)
{
    struct image *image = &images[0];
    use_up_keys();
    open_image(image, "member.so");
    require_eq(image->m->hold(&holds[0]), FINI_OK);
    close_image(image);
    in_thread(refused_without_keys, NULL);
    require_stays(image);
    pthread_key_delete(keys[--key_count]);
    in_thread(refused_without_keys, NULL);
    require_stays(image);
    pthread_key_delete(keys[--key_count]);
    in_thread(released_with_a_key, NULL);
    require_gone(image, FINI_UNLOAD, 0);
}

/* The key is beyond those for which a thread has room from the start (32 in glibc). */
CASE(high_thread_key, .unloads = true)
{
    struct image *image = &images[0];
    use_up_keys();
    leave_two_keys();
    open_image(image, "member.so");
    require_eq(image->m->hold(&holds[0]), FINI_OK);
    close_image(image);
    in_thread(released_with_a_key, NULL);
    require_gone(image, FINI_UNLOAD, 0);
}

/* Whatever images come and go: keys are used again. */
static void *release_first(void *arg)
{
    (void)arg;
    require_eq(images[0].m->hold(&holds[0]), FINI_OK);
    close_image(&images[0]);
    require_eq(images[0].m->release(&holds[0]), FINI_OK);
    return NULL;
}

CASE(keys_are_shared, .unloads = true)
{
    use_up_keys();
    leave_two_keys();
    for (int n = 0; n < 40; n++) {
        open_image(&images[0], n % 2 ? "member.so" : "other.so");
        in_thread(release_first, NULL);
        require_gone(&images[0], FINI_UNLOAD, 0);
    }
}

CASE(misuse)
{
    struct image *image = &images[0];
    open_image(image, "member.so");
    require_eq(image->m->hold(NULL), FINI_EINVAL);
    require_eq(image->m->release(NULL), FINI_EINVAL);
    require_eq(image->m->release(&holds[0]), FINI_ENOENT);
    close_image(image);
    require_gone(image, FINI_UNLOAD, 0);
}
