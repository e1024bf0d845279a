/*
 * Changes of the account database: each is recorded with who and when, and what it found and left,
 * so that it can be shown and undone. Within a batch (database.h):
 *
 *	change_begin("disable", "alice@example.org", by);
 *	change_put(DB_ACCOUNTS, key, &value);     any number, up to CHANGE_ITEMS
 *	change_end();
 */
#ifndef AUTH_JOURNAL_H
#define AUTH_JOURNAL_H

#include "database.h"
#include "proto/auth.h"

enum { CHANGE_ITEMS = 4, CHANGE_VERB_MAX = 32 };

/* Who changes, for the log. */
struct change_by {
	uint32_t uid, pid; /* of the peer at the control socket; auth itself is 0, 0 */
};

void change_begin(const char *verb, const char *subject, struct change_by by);
/* value NULL = removes. Nothing is recorded where nothing changes. */
enum db_result change_put(enum db_table t, struct str key, const struct str *value);
/* Records it under the next number, if anything has changed. */
enum db_result change_end(void);

/* One change, borrowed from the database. */
struct change_entry {
	uint32_t number;
	int64_t time; /* seconds since 1970 */
	struct change_by by;
	struct str verb, subject;
	unsigned n;
	struct change_item {
		uint8_t table; /* enum db_table */
		struct str key;
		bool had, has;
		struct str before, after;
	} items[CHANGE_ITEMS];
};
int get_change_entry(struct str key, struct str value, struct change_entry *e);
/* Calls fn for each change with a number below `before` (0 = all), the newest first. */
enum db_result change_each(
    uint32_t before, bool (*fn)(const struct change_entry *e, void *arg), void *arg);

/* What change `number` was; DB_MISSING: there is none. */
enum db_result change_find(uint32_t number, struct change_entry *e);

/*
 * Puts back what change `number` found, as a change of its own; *subject (LOGIN_MAX + 1 bytes) says
 * of what. DB_MISSING: there is no such change; DB_EXISTS: what it left has changed since.
 */
enum db_result change_undo(uint32_t number, struct change_by by);

#endif
