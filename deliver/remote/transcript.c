/* What was said about a job. See transcript.h. */
#include "transcript.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/loop.h"
#include "proto/deliver.h"

enum {
	HEAD_MAX = TRANSCRIPT_MAX / 3, /* of the beginning */
	LINE_MAX = 400, /* of one line */
	USUAL = 1000, /* bytes of all of a short dialogue */
	STAMP_MAX = 32,
};
static const struct str left_out = STR("      ...\n");

void transcript_init(struct transcript *t)
{
	buf_init(&t->text, TRANSCRIPT_MAX);
	(void)buf_room(&t->text, USUAL); /* once, instead of step by step */
	t->begun = loop_now();
	t->head = 0;
}

void transcript_clear(struct transcript *t)
{
	buf_clear(&t->text);
}

/* Where the line behind that place begins. */
static size_t next_line(const struct buf *b, size_t at)
{
	const char *end = memchr(b->p + at, '\n', b->n - at);

	return end == NULL ? b->n : (size_t)(end - b->p) + 1;
}

/* Leaves out lines behind the beginning until so many bytes fit. */
static void make_room(struct transcript *t, size_t bytes)
{
	struct buf *b = &t->text;
	size_t from = 0, to;

	if (b->n + bytes <= TRANSCRIPT_MAX)
		return;
	for (size_t at = 0; t->head == 0 && at < HEAD_MAX; at = next_line(b, at))
		from = at;
	if (t->head == 0)
		t->head = from;
	from = to = t->head;
	/* the first that goes is the mark of the last time */
	bytes += left_out.n;
	while (b->n - (to - from) + bytes > TRANSCRIPT_MAX && to < b->n)
		to = next_line(b, to);
	memmove(b->p + from + left_out.n, b->p + to, b->n - to);
	memcpy(b->p + from, left_out.p, left_out.n);
	b->n -= to - from - left_out.n;
}

/* "12.345 "; every line of every job begins so, which printf() would make its largest part. */
static size_t put_stamp(char text[STAMP_MAX], uint64_t ms)
{
	char digits[STAMP_MAX];
	size_t n = 0, at = 0;

	for (; ms > 0 || n < 4; ms /= 10)
		digits[n++] = (char)('0' + ms % 10);
	while (n > 0) {
		if (n == 3)
			text[at++] = '.';
		text[at++] = digits[--n];
	}
	text[at++] = ' ';
	return at;
}

void transcript_add(struct transcript *t, enum transcript_mark mark, struct str line)
{
	char text[STAMP_MAX + LINE_MAX + 1];
	size_t at = put_stamp(text, loop_now() - t->begun);

	text[at++] = (char)mark;
	text[at++] = ' ';
	while (line.n > 0 && (line.p[line.n - 1] == '\n' || line.p[line.n - 1] == '\r'))
		line.n--;
	line = str_take(line, LINE_MAX);
	for (size_t i = 0; i < line.n; i++)
		text[at + i] = line.p[i] < ' ' || line.p[i] > '~' ? '?' : line.p[i];
	at += line.n;
	text[at++] = '\n';
	make_room(t, at);
	buf_put(&t->text, text, at);
}

void transcript_note(struct transcript *t, const char *fmt, ...)
{
	char text[LINE_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	transcript_add(t, TRANSCRIPT_NOTE, str_of(text));
}
