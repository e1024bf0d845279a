/* Files on disk and how they become messages: shared by scan.c and adopt.c. */
#ifndef STORE_SCAN_H
#define STORE_SCAN_H

#include "store/internal.h"

/* A file on disk that is to become a message. */
struct found {
	struct str name; /* in the scratch arena, with a NUL */
	struct msgname parsed;
	int dir; /* cur or new */
	uint32_t uid; /* to keep, or 0 */
	uint64_t mtime;
	uint32_t size;
};

struct found_list {
	struct found *f;
	size_t n, cap;
};

void found_push(struct found_list *l, const struct found *f);
/* Is it a file that can be a message? Fills in time and size. 0, or errno. */
int found_look(struct found *f);
/* Only one file is at fault; everything else ends the change. */
bool found_skippable(int rc);
/* Lists a directory: calls fn for each entry that is not hidden. -1 with errno. */
int each_entry(int dir, void (*fn)(void *arg, struct str name), void *arg);
/*
 * All of l become messages, with one mod-sequence. With `jump` those without a UID to keep get
 * theirs above all that may ever have been handed out.
 */
enum store_error adopt_all(struct store *s, struct box *b, struct found_list *l, bool jump);

#endif
