/* thurn map: what its two halves share, asking tables and making them. */
#ifndef THURN_MAP_H
#define THURN_MAP_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"
#include "table/table.h"

struct map_options {
	bool aliases; /* -t: the text is aliases(5) */
	bool no_fold; /* -f */
	bool ascii; /* -u: any bytes, and only ASCII letters are folded */
	bool files; /* -F: a value names files, the table has their content in base64 */
	bool header, body, mime; /* -h, -b, -m: standard input is a message */
	bool no_nul; /* -n */
	bool keep_root; /* -o */
	bool own_mode; /* -p: not the mode of the text */
	bool incremental; /* -i */
	bool replace; /* -r */
	bool silent; /* -w */
	bool json; /* -j */
	bool verbose; /* -v */
};

/* How keys are folded: TABLE_NO_FOLD, TABLE_ASCII. */
static inline unsigned map_fold(const struct map_options *o)
{
	return o->no_fold ? TABLE_NO_FOLD : o->ascii ? TABLE_ASCII : 0;
}

/* The type and the path of an argument; names are relative to the working directory. */
struct map_name {
	struct str type;
	char *path; /* NUL-terminated */
	char *spec; /* "type:path" */
};

/*
 * Prints the value of key from the first table that has it, or (NULL) all entries. key "-": keys
 * from standard input. 0 = something was found, 1 = nothing, or a failure.
 */
int map_read(const struct map_options *o, const struct map_name *names, size_t n, const char *key);
/* An exit status: 0, or 1 after a message. */
int map_make(const struct map_options *o, const struct map_name *m);
/* key "-": keys from standard input. 0 = there was one, 1 = there was none, or a failure. */
int map_delete(const struct map_options *o, const struct map_name *m, const char *key);

/*
 * The next line of standard input without its line end; false at the end.
 */
bool map_stdin_line(struct str *line);
/* All of standard input into b, which is initialised. -1 with errno. */
int map_stdin(struct buf *b);

/*
 * map_message.c: calls key() for each header line (with its continuation lines) and each body line
 * of the message that -h, -b and -m ask for, until it returns other than 0; returns that.
 */
int map_message(const struct map_options *o, struct str message,
    int (*key)(void *arg, struct str key), void *arg);

/*
 * map_files.c: the content of the files that a value names (separated by blanks or commas), with
 * line ends between them, in base64, into a. -1 with a sentence.
 */
int map_files_encode(struct str names, struct arena *a, struct str *out, char why[TABLE_WHY]);
/* The content back, into a. -1 when it is no base64. */
int map_files_decode(struct str value, struct arena *a, struct str *out);

#endif
