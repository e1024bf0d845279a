/* The message on its way out. See body.h. */
#include "body.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

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

static int put_wire(void *arg, struct str s)
{
	struct body *b = arg;

	if (b->form == BODY_DATA)
		return dots_out_feed(&b->dots, s, b->out);
	dots_in_feed(&b->lines, &s, b->out);
	return b->out->full ? -1 : 0;
}

void body_start(struct body *b, const struct deliver_job *job, int fd, enum body_form form)
{
	b->job = job;
	b->fd = fd;
	b->form = form;
	b->done = 0;
	b->ended = false;
	edit_start(&b->edit, job->edits, job->nedits, put_wire, b);
	dots_out_start(&b->dots);
	dots_in_start(&b->lines, false, true);
}

static int finish(struct body *b)
{
	if (edit_finish(&b->edit) == -1)
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
