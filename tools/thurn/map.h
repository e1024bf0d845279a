/* thurn map: what its two halves share, asking tables and making them. */
#ifndef THURN_MAP_H
#define THURN_MAP_H

#include <stdbool.h>

#include "base/str.h"
#include "table/table.h"

struct map_options {
	bool aliases; /* -t: the text is aliases(5) */
	bool no_fold; /* -f */
	bool no_nul; /* -n */
	bool keep_root; /* -o */
	bool own_mode; /* -p: not the mode of the text */
	bool incremental; /* -i */
	bool replace; /* -r */
	bool silent; /* -w */
	bool json; /* -j */
	bool verbose; /* -v */
};

/* The type and the path of an argument; names are relative to the working directory. */
struct map_name {
	struct str type;
	char *path; /* NUL-terminated */
	char *spec; /* "type:path" */
};

/* An exit status: 0, or 1 after a message. */
int map_make(const struct map_options *o, const struct map_name *m);
/* key "-": keys from standard input. 0 = there was one, 1 = there was none, or a failure. */
int map_delete(const struct map_options *o, const struct map_name *m, const char *key);

/* Where an entry is written to standard output as -s and -q - do. */
void map_print(const struct map_options *o, struct str key, struct str value);

/*
 * The next line of standard input without its line end; false at the end.
 */
bool map_stdin_line(struct str *line);

#endif
