/*
 * Files with private keys. Their bytes are in memory of OpenSSL's secure heap, locked and not in dumps.
 */
#ifndef KEYS_KEYFILE_H
#define KEYS_KEYFILE_H

#include <openssl/evp.h>

#include "base/str.h"

enum { KEYFILE_MAX = 256 * 1024 - 1, KEYFILE_WHY = 160 };

/* Before confinement: the secure heap, and everything that OpenSSL sets up at first use. -1 = not
 * locked. */
int keyfile_open(void);
/*
 * Reads a file whole into locked memory; `what` names it in why. The text is to be wiped by
 * keyfile_wipe(), also after -1.
 */
int keyfile_read(int fd, struct str *text, const char *what, char *why);
void keyfile_wipe(struct str text);
/* The private key in a PEM text, yours; or NULL with a sentence in why (KEYFILE_WHY bytes). */
EVP_PKEY *keyfile_key(struct str pem, char *why);

#endif
