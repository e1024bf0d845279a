/*
 * What is kept on disk: policies by domain, in LMDB. Each change is synced before the call returns.
 * This process is its one owner.
 */
#ifndef POLICY_STORE_H
#define POLICY_STORE_H

#include "base/str.h"

/* path is the directory, fd the same opened. -1 with a sentence in why. */
int store_open(const char *path, int fd, char why[256]);

/* 0, or -1: it is not on disk (logged). value NULL removes it. */
int store_put(struct str domain, const struct str *value);
/* Calls fn for each; borrowed for that call. */
void store_each(void (*fn)(struct str domain, struct str value));

#endif
