/*
 * The file of logins at other hosts, thurn-credentials(5): read as a whole or not at all. Pure code, so that it can
 * be tested with any bytes.
 */
#ifndef CREDENTIALS_FILE_H
#define CREDENTIALS_FILE_H

#include <stdint.h>

#include "base/str.h"
#include "proto/credentials.h"

enum { FILE_BYTES_MAX = 1024 * 1024, FILE_ENTRIES_MAX = 20000, FILE_WHY = 256 };

/* One login. */
struct entry {
	struct str sender, nexthop; /* in lower case; empty = any */
	unsigned line;
	uint8_t kind; /* enum credential_kind */
	uint64_t id; /* differs when anything of it does */
	struct str user;
	struct str
	    secret; /* the password, or a refresh token; empty = the client asks for itself */
	struct str endpoint, client, client_secret, scope; /* of CREDENTIAL_TOKEN */
};

struct file {
	char *space; /* what the entries are in */
	size_t size;
	struct entry *at; /* by next hop and sender */
	size_t n;
};

/*
 * key: for the ids. 0, and f is yours to file_clear(); -1 with "LINE: sentence" in why, which holds
 * nothing of the file but names of items.
 */
int file_parse(struct file *f, struct str text, const uint64_t key[2], char why[FILE_WHY]);
/*
 * With what mail from that sender logs in at that next hop: what stands there for both, for the sender
 * (then its domain), for the next hop. NULL = nothing does.
 */
const struct entry *file_find(const struct file *f, struct str sender, struct str nexthop);
void file_clear(struct file *f); /* overwrites it; safe on zeroed memory */

#endif
