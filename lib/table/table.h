/*
 * Tables: "type:name" as Postfix writes them. A table answers a key with a value, with "no such
 * key", or with "I cannot tell"; the last is never the same as the second, and whoever asks must
 * defer on it.
 *
 *	hash: btree: lmdb:      files built by `thurn map`, never changed in place
 *	texthash: cidr: pcre: regexp:  text files, read whole
 *	inline:{k=v, ...} static:value unionmap:{t, ...} pipemap:{t, ...}
 *
 * Files are opened below a directory descriptor, so a confined process needs that directory only.
 * Formats: thurn-tables(5).
 */
#ifndef TABLE_TABLE_H
#define TABLE_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

enum {
	TABLE_WHY = 256, /* bytes for a reason, with NUL */
	TABLE_KEY_MAX = 4096, /* longer keys are a failure, not a miss */
	TABLE_VALUE_MAX = 1024 * 1024, /* bytes in one value */
	TABLE_TEXT_MAX = 256 << 20, /* bytes in a text table */
	TABLE_NEST_MAX = 8, /* unionmap: in pipemap: in ... */
};

enum table_result { TABLE_FAILED = -1, TABLE_NONE = 0, TABLE_FOUND = 1 };

struct table_answer {
	struct str value;
	struct str rule; /* "cidr:clients:12"; of a failure: the table, or the rule that failed */
	struct str why; /* of a failure: a sentence */
};

enum {
	/* A command-line tool: names may be absolute and lie anywhere, and nobody's mode bits are
	 * looked at, as the one who asks could read the file anyway. */
	TABLE_ANYWHERE = 1,
	TABLE_NO_FOLD = 2, /* keys are taken as they are, not case-folded */
	TABLE_ASCII = 8, /* only ASCII letters are folded, whatever the other bytes are */
	TABLE_NO_SUBST = 4, /* pcre:, regexp: answer the text of the rule, without $1 replaced */
};

struct table;

/*
 * key as it stands in a table whose keys are matched without regard to case: folded as Unicode
 * wants it, and where it is not UTF-8 (or with TABLE_ASCII in flags), its ASCII letters in lower
 * case; as it is with TABLE_NO_FOLD. In a, or key itself.
 */
struct str table_fold(struct arena *a, struct str key, unsigned flags);

/*
 * Opens the table `spec` below the directory descriptor dir (which must stay open). NULL with a
 * sentence in why when the type is unknown, the name is not allowed, the file or its directory is
 * writable by others, or the content does not parse (then with file:line).
 */
struct table *table_open(int dir, struct str spec, unsigned flags, char why[TABLE_WHY]);
void table_close(struct table *t); /* NULL is allowed */

/* What it was opened as. */
struct str table_spec(const struct table *t);
/* The name behind "type:", or "" where the table has no file. */
struct str table_file(const struct table *t);
/*
 * True for pcre:, regexp:, cidr: and static:, which are asked for whole addresses only: where the
 * formats say "then the domain alone", such a table is not asked again.
 */
bool table_is_pattern(const struct table *t);
/* The built file is older than its text: a sentence, or "". Known after table_open() and refresh.
 */
const char *table_stale(const struct table *t);

/* Why every lookup fails now, or "". */
const char *table_trouble(const struct table *t);

/*
 * Looks the file up again when the last look was a second or more ago, and reads it when it was
 * replaced or changed. A file that has gone or no longer parses makes every lookup fail until it is
 * good again. now: milliseconds of any monotonic clock. True when the content is another than
 * before.
 */
bool table_refresh(struct table *t, uint64_t now);

/* The answer's strings are allocated in a. */
enum table_result table_lookup(
    struct table *t, struct str key, struct arena *a, struct table_answer *out);

/*
 * Calls fn for every entry until it returns non-zero, and returns that; 0 at the end; -1 when the
 * table cannot be read, or has no entries to list (static:, unionmap:, pipemap:): a sentence in
 * why. Entries of cidr:, pcre: and regexp: are listed as their text.
 */
typedef int table_each_fn(void *arg, struct str key, struct str value);
int table_each(struct table *t, table_each_fn *fn, void *arg, char why[TABLE_WHY]);

/* The i-th known type, NULL at the end; whether it is a file that `thurn map` builds, and its
 * suffix. */
const char *table_type_name(unsigned i);
const char *table_type_suffix(struct str type); /* ".db", ".lmdb", or NULL */

/*
 * The next item of a list separated by commas and white space; braces protect what is inside them
 * and are kept. False at the end.
 */
bool table_list_item(struct str *rest, struct str *item);

/* True when spec looks like "type:name" of a known type, as opposed to a plain domain or address.
 */
bool table_is_spec(struct str spec);

#endif
