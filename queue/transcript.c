/* What was said with other hosts. See transcript.h. */
#include "transcript.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/crc32c.h"
#include "base/fd.h"

enum {
	HEAD = 4, /* checksum of what follows */
};
_Static_assert(HEAD + 8 + 4 + 4 * JOB_RCPTS + 4 + TRANSCRIPT_MAX <= TRANSCRIPT_PLACE, "must fit");

struct transcripts {
	unsigned n, next; /* so many; the oldest, once there are as many as may be */
	struct transcript at[TRANSCRIPTS]; /* texts on the heap */
};

void transcripts_add(struct transcripts **all, const struct transcript *t)
{
	struct transcripts *x = *all;
	struct transcript *to;

	if (x == NULL)
		x = *all = xcalloc(1, sizeof *x);
	to = &x->at[x->next];
	x->next = (x->next + 1) % TRANSCRIPTS;
	x->n += x->n < TRANSCRIPTS;
	str_free(&to->text);
	*to = *t;
	to->text = str_clone(t->text);
}

void transcripts_free(struct transcripts *all)
{
	for (unsigned i = 0; all != NULL && i < all->n; i++)
		str_free(&all->at[i].text);
	free(all);
}

/* --- in the file ------------------------------------------------------------------------------ */

static uint64_t place(const struct spool_layout *l, unsigned i)
{
	return l->trailer_offset + SPOOL_TRAILER + (uint64_t)i * TRANSCRIPT_PLACE;
}

/* For which message it is stands in the checksum alone. */
static uint32_t checksum(const struct spool_layout *l, const uint8_t *bytes)
{
	return crc32c(crc32c(0, &l->id, sizeof l->id), bytes + HEAD, TRANSCRIPT_PLACE - HEAD);
}

static void encode(
    const struct spool_layout *l, const struct transcript *t, uint8_t out[TRANSCRIPT_PLACE])
{
	struct put w = put_into(out, TRANSCRIPT_PLACE);

	memset(out, 0, TRANSCRIPT_PLACE);
	put_u32(&w, 0);
	put_i64(&w, t->time);
	put_u32(&w, t->n);
	for (uint32_t i = 0; i < t->n; i++)
		put_u32(&w, t->targets[i]);
	put_str(&w, str_take(t->text, TRANSCRIPT_MAX));
	w = put_into(out, HEAD);
	put_u32(&w, checksum(l, out));
}

/* The text borrows from in. */
static int decode(
    const struct spool_layout *l, const uint8_t in[TRANSCRIPT_PLACE], struct transcript *t)
{
	struct get g = get_start(str_bytes(in, TRANSCRIPT_PLACE));

	if (get_u32(&g) != checksum(l, in))
		return -1;
	t->time = get_i64(&g);
	t->n = get_u32(&g);
	if (get_ok(&g) == -1 || t->n > JOB_RCPTS)
		return -1;
	for (uint32_t i = 0; i < t->n; i++)
		t->targets[i] = get_u32(&g);
	t->text = get_str(&g, TRANSCRIPT_MAX);
	return get_ok(&g);
}

static int read_place(int fd, const struct spool_layout *l, unsigned i,
    uint8_t bytes[TRANSCRIPT_PLACE], struct transcript *t)
{
	if (fd_read_at(fd, bytes, TRANSCRIPT_PLACE, place(l, i)) == -1)
		return -1;
	return decode(l, bytes, t);
}

static bool is_in(const struct transcript *t, uint32_t target)
{
	for (uint32_t i = 0; i < t->n; i++)
		if (t->targets[i] == target)
			return true;
	return false;
}

/* All of a's targets are in b. */
static bool covered(const struct transcript *a, const struct transcript *b)
{
	for (uint32_t i = 0; i < a->n; i++)
		if (!is_in(b, a->targets[i]))
			return false;
	return true;
}

/* The first place that is free or about the same, else the oldest. */
static unsigned choose(int fd, const struct spool_layout *l, const struct transcript *t)
{
	uint8_t bytes[TRANSCRIPT_PLACE];
	struct transcript old;
	unsigned oldest = 0;
	int64_t time = INT64_MAX;

	for (unsigned i = 0; i < TRANSCRIPTS; i++) {
		if (read_place(fd, l, i, bytes, &old) == -1 || covered(&old, t))
			return i;
		if (old.time < time) {
			time = old.time;
			oldest = i;
		}
	}
	return oldest;
}

void transcripts_write(const struct transcripts *all, int fd, const struct spool_layout *l)
{
	uint8_t bytes[TRANSCRIPT_PLACE];

	for (unsigned i = 0; all != NULL && i < all->n; i++) {
		/* in the order in which they came */
		const struct transcript *t =
		    &all->at[all->n < TRANSCRIPTS ? i : (all->next + i) % TRANSCRIPTS];
		unsigned at = choose(fd, l, t);

		encode(l, t, bytes);
		if (fd_write_at(fd, bytes, TRANSCRIPT_PLACE, place(l, at)) == -1)
			return; /* no space: then without */
	}
}

/* --- reading ---------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	const struct transcript *x = a, *y = b;

	return x->time < y->time ? 1 : x->time > y->time ? -1 : 0;
}

/* What a later one knows better. */
static void drop_known(struct transcript *t, const struct transcript *later, unsigned n)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < t->n; i++) {
		bool known = false;

		for (unsigned k = 0; k < n; k++)
			known |= is_in(&later[k], t->targets[i]);
		if (!known)
			t->targets[kept++] = t->targets[i];
	}
	t->n = kept;
}

unsigned transcripts_read(
    int fd, const struct spool_layout *l, struct arena *a, struct transcript out[TRANSCRIPTS])
{
	uint8_t bytes[TRANSCRIPT_PLACE];
	unsigned n = 0, kept = 0;

	for (unsigned i = 0; i < TRANSCRIPTS; i++) {
		if (read_place(fd, l, i, bytes, &out[n]) == -1)
			continue;
		out[n].text = arena_str(a, out[n].text);
		n++;
	}
	qsort(out, n, sizeof out[0], compare);
	for (unsigned i = 0; i < n; i++) {
		struct transcript t = out[i];

		drop_known(&t, out, kept);
		if (t.n > 0)
			out[kept++] = t;
	}
	return kept;
}
