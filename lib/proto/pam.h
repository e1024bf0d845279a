/*
 * PAM_CHECK (request, auth -> pam): is that the password, and may the user log in? Answered by
 * {u8 enum auth_verdict}.
 */
#ifndef PROTO_PAM_H
#define PROTO_PAM_H

#include "proto/auth.h"

enum { PAM_USER_MAX = 255, PAM_DEADLINE = 25 * 1000 /* less than sasl waits */ };

struct pam_question {
	uint64_t trace;
	struct str user; /* as PAM knows it */
	struct str client; /* numeric address */
	struct str password; /* without NUL */
};
void put_pam_question(struct put *w, const struct pam_question *q);
int get_pam_question(struct get *g, struct pam_question *q); /* borrows from the packet */

#endif
