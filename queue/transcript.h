/*
 * What was said with other hosts about the recipients of a message that are deferred (deliver_results):
 * the last time for each, in a few places of fixed size behind the trailer of its spool file. Nothing
 * depends on it: it is written without a sync, checked when it is read, and left out when the disk does
 * not want it. In memory it is only from a result to the next write.
 */
#ifndef QUEUE_TRANSCRIPT_H
#define QUEUE_TRANSCRIPT_H

#include "base/arena.h"
#include "format.h"

enum {
	TRANSCRIPTS = 16, /* of one message: the latest */
	TRANSCRIPT_PLACE = 9 * 512, /* bytes in the file */
};

struct transcript {
	int64_t time; /* ms since 1970 */
	uint32_t n;
	uint32_t targets[JOB_RCPTS]; /* numbers of targets */
	struct str text; /* lines, as deliver/remote wrote them */
};

/* Those that are to be written. */
struct transcripts;

/* Adds one, the text copied; *all is made when it is NULL. */
void transcripts_add(struct transcripts **all, const struct transcript *t);
void transcripts_free(struct transcripts *all); /* NULL is fine */
/* Writes them: over what is about the same targets, or the oldest. In a helper thread. */
void transcripts_write(const struct transcripts *all, int fd, const struct spool_layout *l);

/*
 * Those of a file, the latest first, texts in a; each target is only in the latest that it is in.
 * Returns how many.
 */
unsigned transcripts_read(
    int fd, const struct spool_layout *l, struct arena *a, struct transcript out[TRANSCRIPTS]);

#endif
