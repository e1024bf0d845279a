/* What the files of lib/table share; nobody else includes it. */
#ifndef TABLE_IMPL_H
#define TABLE_IMPL_H

#include <stdarg.h>
#include <sys/stat.h>

#include "table/table.h"

/* How a type gets its content. */
enum table_source {
	SOURCE_SPEC, /* out of the spec itself */
	SOURCE_TEXT, /* a text file, read whole */
	SOURCE_DB, /* a built file, read page by page: the descriptor stays open */
};

struct table_type {
	const char *name;
	enum table_source source;
	const char *suffix; /* of the file, behind the name */
	bool pattern; /* see table_is_pattern() */
	bool fold; /* keys are matched in lower case */
	/* New content, or NULL with why. text: of the spec or of the file (not kept). fd becomes
	 * the content's when that is not NULL. */
	void *(*load)(struct table *t, struct str text, int fd, char *why);
	void (*unload)(void *content);
	enum table_result (*lookup)(
	    struct table *t, struct str key, struct arena *a, struct table_answer *out);
	int (*each)(struct table *t, table_each_fn *fn, void *arg, char *why);
	/* SOURCE_SPEC with tables inside: */
	bool (*any_pattern)(const struct table *t);
	bool (*refresh)(struct table *t, uint64_t now);
};

extern const struct table_type table_texthash, table_inline, table_static, table_cidr, table_pcre,
    table_regexp, table_hash, table_btree, table_lmdb, table_unionmap, table_pipemap;

struct table {
	const struct table_type *type;
	char *spec;
	char *name; /* behind "type:" */
	char *path; /* name with suffix */
	int dir;
	unsigned flags, depth;
	unsigned postponed; /* times that a file changed just now was left for the next look */
	void *content; /* NULL while it cannot be read */
	struct stat seen;
	uint64_t checked;
	char why[TABLE_WHY]; /* why there is no content */
	char stale[TABLE_WHY];
};

/* table_open() inside another table, depth levels down. */
struct table *table_open_nested(
    int dir, struct str spec, unsigned flags, unsigned depth, char *why);

/* Writes a reason and returns -1 (or NULL for the callers that make content). */
int table_why(char *why, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* out->rule and out->why of a failure; returns TABLE_FAILED. */
enum table_result table_fail(struct arena *a, struct table_answer *out, struct str rule,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* "type:name:line". */
struct str table_rule(const struct table *t, unsigned line, struct arena *a);

/*
 * The answer of a built file: the value without the NUL that ends it there. A value with a line end
 * or a NUL inside is a failure.
 */
enum table_result table_db_value(
    struct table *t, struct str key, struct str value, struct arena *a, struct table_answer *out);

#endif
