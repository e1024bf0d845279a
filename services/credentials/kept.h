/*
 * Refresh tokens that endpoints have given in place of those of the file (RFC 6749 6): one file each, because
 * the one before may be good for nothing from then on. Each is kept for what the file has, so that a new one
 * there is used at once.
 */
#ifndef CREDENTIALS_KEPT_H
#define CREDENTIALS_KEPT_H

#include "file.h"

enum { KEPT_NAME = 64 + 1 };

/* Before confinement. dir is borrowed, for good. */
void kept_open(int dir);
/* What stands for that login, an entry of CREDENTIAL_TOKEN. */
void kept_name(const struct entry *e, char name[KEPT_NAME]);
/* 1 = it is in out; 0 = none is kept; -1 with errno. */
int kept_read(const char *name, char out[CREDENTIAL_SECRET_MAX + 1]);
/* It is on the disk; or -1 with errno, and the one before still is. */
int kept_write(const char *name, struct str token);
/* Removes those that no line of the file has led to, nor any been written, for a month. */
void kept_tidy(const struct file *f, int64_t now);

#endif
