/*
 * What is kept on disk, in LMDB: policies by domain ("data.mdb") and what is counted for reports
 * ("reports.mdb"). Each change, or each batch of them, is synced before the call returns. This process
 * is their one owner.
 */
#ifndef POLICY_STORE_H
#define POLICY_STORE_H

#include "base/str.h"

struct store;

/* fd is the directory, opened: locked for the life of the process. -1 with a sentence in why. */
int store_lock(const char *path, int fd, char why[256]);
/* path is the directory; file is made when it is not there. NULL with a sentence in why. */
struct store *store_open(const char *path, int fd, const char *file, char why[256]);

/* Until store_end(), changes are one. */
void store_begin(struct store *s);
int store_end(struct store *s); /* 0, or -1: none of them is on disk (logged) */
/* 0, or -1: it is not on disk (logged). value NULL removes it. */
int store_put(struct store *s, struct str key, const struct str *value);
/* Calls fn with the value, borrowed for that call; false = there is none. */
bool store_get(struct store *s, struct str key, void (*fn)(void *arg, struct str value), void *arg);
/* Calls fn for each, in the order of their keys; borrowed for that call, which changes nothing. */
void store_each(struct store *s, void (*fn)(struct str key, struct str value));

#endif
