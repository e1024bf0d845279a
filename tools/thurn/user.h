/* thurn user: its options, and its parts. */
#ifndef THURN_USER_H
#define THURN_USER_H

#include "account.h"

struct user_options {
	const char *password_file; /* "-" = standard input */
	const char *import; /* lines of address and password */
	const char *table; /* "hash:path" */
	struct account_change change; /* what the options set */
	const char *scopes;
	bool json, dry, deleted;
};

int user_usage(void);

/* --- user_transfer.c ------------------------------------------------------------------------- */

/* Lines "ADDRESS PASSWORD", blank lines and #comments. */
int user_add_lines(struct account_batch *b, const struct user_options *o);
/* CSV with a line of headings; o->dry only says what would happen. An exit status. */
int user_import(const char *path, const struct user_options *o);
/* The same CSV to standard output; or o->table is made, of addresses and homes. */
int user_export(const struct user_options *o);

/* --- user_show.c ----------------------------------------------------------------------------- */

int user_list(int argc, char **argv, const struct user_options *o);
int user_show(int argc, char **argv, const struct user_options *o);
int user_log(int argc, char **argv, const struct user_options *o);

#endif
