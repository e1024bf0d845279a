/*
 * The text of a configuration, before libconfuse sees it: files put together (`include "FILE"`),
 * comments blanked, and everything refused that libconfuse would take silently for something else:
 * characters it drops ('*', '+', a '/' at the end of a word), comments in the middle of a word,
 * ${VARIABLES}, strings over several lines, escapes that lose their backslash. Its line numbers are
 * wrong behind comments; behind this they are right.
 */
#ifndef CONFIG_SCAN_H
#define CONFIG_SCAN_H

#include "base/arena.h"
#include "base/buf.h"
#include "faults.h"

enum {
	SCAN_TEXT_MAX = 1024 * 1024, /* all files together */
	SCAN_INCLUDES_MAX = 8, /* depth */
	SCAN_FILES_MAX = 100,
};

/* From line `out` of the text on, it is `file` from `line` on. */
struct scan_part {
	unsigned out;
	const char *file;
	unsigned line;
};

struct scan {
	struct arena mem;
	struct buf text;
	unsigned lines; /* of text, so far */
	unsigned depth, files;
	struct scan_part *parts;
	size_t nparts;
	struct faults *faults;
};

void scan_init(struct scan *s, struct faults *f);
void scan_clear(struct scan *s);
/* Reads a file and what it includes into s->text; faults are added to s->faults. */
void scan_file(struct scan *s, const char *path);
/* The same for a text that is there already. */
void scan_text(struct scan *s, const char *name, struct str text);
/* Where a line of s->text comes from. */
void scan_place(const struct scan *s, unsigned line, const char **file, unsigned *in_file);

#endif
