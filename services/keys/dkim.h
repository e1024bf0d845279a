/*
 * The keys of DKIM: one per section "dkim". Whoever has them sign is taken to be an attacker's: a key signs
 * nothing but a text of DKIM that names it, and for services/policy only what comes from the address of reports.
 */
#ifndef KEYS_DKIM_H
#define KEYS_DKIM_H

#include "base/buf.h"
#include "proto/conf.h"
#include "proto/keys.h"
#include "proto/role.h"

/* The configuration, also a new one: sections that keep their title keep their key. */
void dkim_configure(const struct conf *c);
/* Looks at the files; find, loud, and what it returns as of anchors_take(). */
bool dkim_take(int (*find)(const char *path, char *why), bool loud);

/* What that role may have signed: calls fn for each key that is there. */
void dkim_each(enum role role, void (*fn)(void *arg, const struct keys_dkim *k), void *arg);
/*
 * Signs into out (KEYS_SIGNATURE_MAX bytes) and sets *n. NULL, or why not: there is no such key for that
 * role, or the text is not for it.
 */
const char *dkim_sign(uint64_t id, enum role role, struct str text, uint8_t *out, size_t *n);

size_t dkim_count(void); /* sections */
/* A JSON object for thurn dkim; false: that key is not the one of its file, or there is none. */
bool dkim_describe(size_t i, struct buf *out);
void dkim_clear(void); /* for tests */

#endif
