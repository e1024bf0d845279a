/* What a token endpoint answers (RFC 6749 5): JSON of a server that is known, and no more trusted for it. */
#ifndef CREDENTIALS_ANSWER_H
#define CREDENTIALS_ANSWER_H

#include "proto/credentials.h"

enum {
	ANSWER_WHY = 200,
	ANSWER_SECONDS = 300, /* of a token whose life is not told (RFC 6749 5.1) */
	ANSWER_SECONDS_MAX = 86400,
};

struct answer {
	char access[CREDENTIAL_SECRET_MAX + 1];
	char refresh[CREDENTIAL_SECRET_MAX + 1]; /* to be used from now on; empty = as before */
	uint64_t seconds; /* that it is good for */
	char why[ANSWER_WHY]; /* when there is none, in words */
};

/* 0, or -1 with why, which has nothing of a token in it. Whoever asks overwrites a. */
int answer_read(struct str json, unsigned http_status, struct answer *a);

#endif
