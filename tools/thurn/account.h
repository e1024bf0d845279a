/*
 * What the commands about accounts share: requests to services/auth, a few at a time, so that
 * thousands are done at the speed of the password hash (account.c), and passwords (password.c).
 */
#ifndef THURN_ACCOUNT_H
#define THURN_ACCOUNT_H

#include <stdio.h>

#include "command.h"
#include "proto/auth.h"

enum { ACCOUNT_WINDOW = 64 };

/* Requests under way. */
struct account_batch {
	struct control control;
	bool json;
	char subjects[ACCOUNT_WINDOW][LOGIN_MAX + 1]; /* "" = free; the place is the id - 1 */
	unsigned under_way;
	int status; /* the first that was not 0 */
};

/* 0, or EX_UNAVAILABLE after a message. */
int account_begin(struct account_batch *b, bool json);
/* Sends a change as soon as there is room; `subject` names it in messages. -1: said why, stop. */
int account_request(
    struct account_batch *b, uint16_t type, const char *subject, const struct account_change *c);
/* A request that was never sent, because of what it says. */
void account_report(struct account_batch *b, const char *subject, uint32_t status, struct str text);
/* Waits for all answers. The exit status of the whole; r: what the last request returned. */
int account_end(struct account_batch *b, int r);
/* One change alone, from connecting to its answer. An exit status. */
int account_change(uint16_t type, bool json, const char *subject, const struct account_change *c);
/* Prints what there is (struct account_listing), each by fn, or as JSON if it is NULL. */
int account_list(const char *what, const char *key, bool secrets,
    void (*fn)(void *arg, struct str json, struct ipc_msg *m), void *arg);

/* --- password.c: -1 = said why --------------------------------------------------------------- */

enum { PASSWORD_SIZE = PASSWORD_MAX + 2 };

/* A line without its end; -1 at the end of the file, or when it is too long. */
int password_line(FILE *fp, char *out, size_t size);
/* Asks at the terminal without echo, twice if `twice`. */
int password_prompt(const char *whose, bool twice, char out[PASSWORD_SIZE]);
/* The first line of a file, "-" = standard input. */
int password_file(const char *path, char out[PASSWORD_SIZE]);

#endif
