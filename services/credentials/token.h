/*
 * Access tokens (RFC 6749), by login: fetched when one is needed, kept until shortly before they expire.
 * One is on its way for a login at a time, whoever waits for it.
 */
#ifndef CREDENTIALS_TOKEN_H
#define CREDENTIALS_TOKEN_H

#include "base/chan.h"
#include "file.h"

struct token_answer {
	struct status status; /* code 0: there is one */
	struct str access;
	uint64_t id; /* of this token */
};
struct token_wait {
	struct chan *chan; /* who wants to know; for token_forget() */
	struct chan_ref ref;
	uint64_t login; /* entry.id */
	char user[CREDENTIAL_USER_MAX + 1];
	char rule[CREDENTIAL_RULE_MAX];
	LIST_ENTRY(token_wait) next;
};

/*
 * Calls done, now or later, once: with a token that is not the rejected one. What is in w->chan to w->rule is
 * copied.
 */
void token_get(const struct entry *e, uint64_t rejected, uint64_t trace, const struct token_wait *w,
    void (*done)(const struct token_wait *w, const struct token_answer *a));
void token_forget(struct chan *c); /* who waited has gone */
void token_sweep(void); /* now and then: drops what nobody has used for long */
unsigned token_count(void);

#endif
