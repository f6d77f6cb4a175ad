/* SPDX-License-Identifier: MIT */
#pragma once
#include <signal.h>
#include <system.h>
typedef struct system_attributes pthread_attr_t;
int pthread_create(pthread_t *ret, const pthread_attr_t *how, void *(*run)(void *), void *arg);
int pthread_join(pthread_t thread, void **ret);
int pthread_detach(pthread_t thread);
pthread_t pthread_self(void);
int pthread_sigmask(int how, const sigset_t *set, sigset_t *ret);
int pthread_key_create(pthread_key_t *ret, void (*destructor)(void *));
int pthread_key_delete(pthread_key_t key);
void *pthread_getspecific(pthread_key_t key);
int pthread_setspecific(pthread_key_t key, const void *value);
SYSTEM_PTHREAD
