/*
 * Whose client certificates are trusted: the certificates in the files of tls_client_ca, for the
 * processes that ask clients for one.
 */
#ifndef KEYS_ANCHORS_H
#define KEYS_ANCHORS_H

#include "base/str.h"
#include "proto/conf.h"
#include "proto/keys.h"
#include "proto/role.h"

/* The configuration, also a new one. */
void anchors_configure(const struct conf *c);
/*
 * Looks at the files, each as find() gives it: a descriptor, or -1 with a sentence in why. A file
 * that cannot be read, or is damaged, changes nothing, and is logged once; loud: again. Returns
 * whether what is to be published has changed.
 */
bool anchors_take(int (*find)(const char *path, char *why), bool loud);
/* DER. */
const struct str *anchors(size_t *n);
/* Does that role have a listener that asks for certificates? */
bool anchors_for(enum role role);
void anchors_clear(void); /* for tests */

#endif
