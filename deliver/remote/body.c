/* The message on its way out. See body.h. */
#include "body.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "limits.h"

/* One process, one thread, and nothing is kept in it between two calls. */
static char block[BLOCK];

/* Up to BLOCK bytes of the stored body at offset `at`; 0 never comes before its end. */
static ssize_t read_block(const struct deliver_job *job, int fd, uint64_t at)
{
	uint64_t left = job->body_size - at;
	ssize_t n;

	do {
		n = pread(
		    fd, block, left < BLOCK ? (size_t)left : BLOCK, (off_t)(job->body_offset + at));
	} while (n == -1 && errno == EINTR);
	if (n == 0)
		errno = EBADMSG;
	return n > 0 ? n : -1;
}

static int put_encoded(struct body *b, struct str s)
{
	if (b->form == BODY_DATA)
		return dots_out_feed(&b->dots, s, b->out);
	dots_in_feed(&b->lines, &s, b->out);
	return b->out->full ? -1 : 0;
}

/* How much of text goes onto a line that has room for so much: no UTF-8 character is cut in two. */
static size_t fitting(struct str text, size_t room)
{
	size_t n = room;

	while (n > 0 && room - n < 3 && (text.p[n] & 0xc0) == 0x80)
		n--;
	return n;
}

/*
 * A line that is longer than the protocol allows is folded: other servers would cut it, or refuse
 * the message. In a header that is what it looks like; in a body the line has a blank more.
 */
static int put_wire(void *arg, struct str s)
{
	struct body *b = arg;
	struct str line = s;
	int r = 0;

	while (line.n > 0 && r == 0) {
		ssize_t lf = str_find(line, '\n');
		struct str text = str_take(line, lf == -1 ? line.n : (size_t)lf);
		size_t end = str_ends(text, STR("\r")) ? text.n - 1 : text.n;
		size_t room = b->column < LINE_LENGTH ? LINE_LENGTH - b->column : 0;

		if (end > room) {
			line = str_skip(line, fitting(text, room));
			r = put_encoded(b, str_take(s, s.n - line.n));
			if (r == 0)
				r = put_encoded(b, STR("\r\n "));
			s = line;
			b->column = 1;
			b->folds++;
			continue;
		}
		b->column = lf == -1 ? b->column + text.n : 0;
		line = str_skip(line, text.n + (lf != -1));
	}
	return r == 0 ? put_encoded(b, s) : r;
}

static int put_down(void *arg, struct str s)
{
	struct body *b = arg;

	return downgrade_feed(b->down, s);
}

void body_start(struct body *b, const struct deliver_job *job, int fd, enum body_form form,
    struct downgrade *down)
{
	b->job = job;
	b->fd = fd;
	b->form = form;
	b->done = 0;
	b->ended = false;
	b->column = 0;
	b->folds = 0;
	b->down = down;
	if (down != NULL)
		downgrade_start(down, put_wire, b);
	edit_start(&b->edit, job->edits, job->nedits, down != NULL ? put_down : put_wire, b);
	dots_out_start(&b->dots);
	dots_in_start(&b->lines, false, true);
}

static int finish(struct body *b)
{
	if (edit_finish(&b->edit) == -1 || (b->down != NULL && downgrade_finish(b->down) == -1))
		return -1;
	b->ended = true;
	if (b->form == BODY_DATA)
		dots_out_finish(&b->dots, b->out);
	else
		dots_in_finish(&b->lines, b->out);
	return 0;
}

int body_next(struct body *b, struct buf *out)
{
	b->out = out;
	if (b->done < b->job->body_size) {
		ssize_t n = read_block(b->job, b->fd, b->done);

		if (n == -1 || edit_feed(&b->edit, str_bytes(block, (size_t)n)) == -1)
			return -1;
		b->done += (uint64_t)n;
	}
	if (b->done == b->job->body_size && !b->ended && finish(b) == -1)
		return -1;
	if (out->full) {
		errno = EMSGSIZE;
		return -1;
	}
	return b->ended ? 0 : 1;
}

uint64_t body_size(const struct deliver_job *job)
{
	uint64_t n = job->body_size;

	for (uint32_t i = 0; i < job->nedits; i++)
		if (job->edits[i].kind != EDIT_DELETE)
			n += job->edits[i].name.n + job->edits[i].value.n + strlen(":\r\n");
	return n;
}

static bool has_high(struct str s)
{
	size_t i = 0;

	for (; i + sizeof(uint64_t) <= s.n; i += sizeof(uint64_t)) {
		uint64_t v;

		memcpy(&v, s.p + i, sizeof v);
		if ((v & UINT64_C(0x8080808080808080)) != 0)
			return true;
	}
	for (; i < s.n; i++)
		if ((s.p[i] & 0x80) != 0)
			return true;
	return false;
}

static void look_at_edits(const struct deliver_job *job, struct body_look *look)
{
	for (uint32_t i = 0; i < job->nedits; i++)
		if (has_high(job->edits[i].value))
			look->header = look->any = true;
}

int body_look(const struct deliver_job *job, int fd, uint64_t limit, struct body_look *look)
{
	bool in_header = true;

	*look = (struct body_look){ 0 };
	look_at_edits(job, look);
	if (limit > job->body_size)
		limit = job->body_size;
	for (uint64_t at = 0; at < limit && !(look->any && !in_header);) {
		ssize_t n = read_block(job, fd, at);
		struct str s;
		ssize_t end;

		if (n == -1)
			return -1;
		s = str_bytes(block, (size_t)n);
		at += (uint64_t)n;
		if (has_high(s))
			look->any = true;
		if (!in_header)
			continue;
		/* a blank line across two blocks is missed: then a little more counts as header */
		end = str_starts(s, STR("\r\n")) ? 0 : str_search(s, STR("\r\n\r\n"));
		in_header = end == -1;
		if (has_high(end == -1 ? s : str_take(s, (size_t)end)))
			look->header = true;
	}
	return 0;
}

/* --- 7 bits ----------------------------------------------------------------------------------- */

static int look(void *arg, struct str s)
{
	downgrade_look(arg, s);
	return 0;
}

struct downgrade *body_downgrade(const struct deliver_job *job, int fd)
{
	struct downgrade *d = xmalloc(sizeof *d);
	struct edit_copy edit;
	ssize_t n = 0;

	downgrade_init(d);
	edit_start(&edit, job->edits, job->nedits, look, d);
	for (uint64_t at = 0; at < job->body_size; at += (uint64_t)n) {
		n = read_block(job, fd, at);
		if (n == -1) {
			body_downgrade_free(d);
			return NULL;
		}
		edit_feed(&edit, str_bytes(block, (size_t)n));
	}
	edit_finish(&edit);
	if (downgrade_plan(d) == 0)
		return d;
	body_downgrade_free(d);
	errno = EILSEQ;
	return NULL;
}

void body_downgrade_free(struct downgrade *d)
{
	if (d != NULL)
		downgrade_clear(d);
	free(d);
}
