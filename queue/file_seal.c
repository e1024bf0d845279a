/*
 * How the file of a message comes to be, and those of its expansions: written whole, sealed and
 * synced before anybody learns of it.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/crash.h"
#include "file.h"
#include "file_impl.h"
#include "space.h"
#include "spool.h"

static void encode_slots(struct message *m)
{
	const struct spool_layout *l = &m->layout;

	m->slots = xcalloc(l->slots, l->slot_size);
	for (uint32_t i = 0; i < l->slots; i++) {
		struct target *t = &m->targets[i];
		struct slot s = file_slot(t);

		slot_encode(
		    &s, l->id, l->kind, i, m->slots + (size_t)i * l->slot_size, l->slot_size);
		t->dirty = t->hard = false;
	}
}

/*
 * The body of a memfd, yours; NULL when there is none (it is in the file, or empty). Read, because
 * a map of a few kilobytes costs more: all processors have to hear of its end.
 */
static void *read_body(const struct message *m, int *error)
{
	size_t size = m->layout.body_size, done = 0;
	char *body;

	*error = 0;
	if (m->memfd == -1 || size == 0)
		return NULL;
	body = xmalloc(size);
	while (done < size && *error == 0) {
		ssize_t n = pread(m->memfd, body + done, size - done, (off_t)done);

		if (n > 0)
			done += (size_t)n;
		else if (n == 0 || errno != EINTR)
			*error = n == 0 ? EBADMSG : errno;
	}
	return body;
}

static int write_sealed(struct message *m)
{
	int error = 0;
	void *copy = m->text.n > 0 ? NULL : read_body(m, &error);
	const void *body = m->text.n > 0 ? m->text.p : copy;

	if (error == 0 &&
	    spool_write(m->fd, &m->layout, body, buf_view(&m->records), m->slots) == -1)
		error = errno;
	free(copy);
	return error;
}

/* Not at once: never, or when its sender wants it. */
static int64_t first_try(const struct message *m)
{
	return m->hold ? SPOOL_HOLD : message_waits(m) ? m->content.envelope.release : 0;
}

/*
 * What stands under that name. error: 0 when it is whole, and durable once the task's directory has
 * been synced: whoever made it may have been killed before that.
 */
static enum spool_state look_at_twin(struct message *m, int *error)
{
	struct spool_layout l;
	enum spool_state s;
	const char *why;
	int fd = spool_open_file(m->tag.queue, 0, O_RDONLY);

	if (fd == -1) {
		*error = errno;
		return SPOOL_UNREADABLE;
	}
	s = spool_check(fd, true, &l, &why);
	*error = s == SPOOL_GOOD ? file_sync(&m->task, fd) : EAGAIN;
	m->twin = *error == 0;
	close(fd);
	return s;
}

/* A killed process may have left an unfinished one, which nobody has been promised. */
static int replace_twin(struct message *m)
{
	int error, r;

	switch (look_at_twin(m, &error)) {
	case SPOOL_UNFINISHED:
		r = spool_remove(m->tag.queue, 0);
		break;
	case SPOOL_DAMAGED:
		r = spool_quarantine(m->tag.queue, 0);
		m->set_aside = r == 0;
		break;
	default:
		return error;
	}
	if (r == 0)
		m->fd = spool_new_file(m->tag.queue, 0);
	return m->fd == -1 ? errno : 0;
}

static int sync_sealed(struct task *t)
{
	int error = fsync(file_message(t)->fd) == 0 ? 0 : errno;

	crash_point("accept.after_file_sync");
	return error;
}

static int run_seal(struct task *t)
{
	struct message *m = file_message(t);
	int error = 0;

	if (m->fd == -1)
		m->fd = spool_new_file(m->tag.queue, 0);
	if (m->fd == -1)
		error = errno == EEXIST ? replace_twin(m) : errno;
	if (error != 0 || m->twin)
		return error;
	crash_point("accept.after_create");
	error = write_sealed(m);
	crash_point("accept.after_write");
	/* from the beginning, so that no restart sends it off */
	if (error == 0 && first_try(m) != 0 && spool_set_next(m->fd, first_try(m), !m->hold) == -1)
		error = errno;
	if (error == 0)
		t->sync = sync_sealed;
	return error;
}

static void seal_done(struct task *t, int error)
{
	struct message *m = file_message(t);

	if (error == 0)
		crash_point("accept.after_dir_sync");
	else if (t->sync_failed)
		space_failed("accept", error);
	if (m->set_aside)
		pool_dirty(SPOOL_CORRUPT);
	if (error == 0 && m->twin)
		error = EEXIST;
	buf_clear(&m->records);
	free(m->slots);
	m->slots = NULL;
	if (error == 0) {
		buf_clear(&m->text);
		if (m->memfd != -1)
			close(m->memfd);
		m->memfd = -1;
	} else if (m->fd != -1) {
		spool_remove(m->tag.queue, 0);
	}
	file_ended(t, error);
}

void file_seal(struct message *m, file_done *done)
{
	struct spool_layout *l = &m->layout;
	int r;

	buf_init(&m->records, SPOOL_RECORDS_MAX);
	r = records_encode(&m->records, &m->content);
	assert(r == 0); /* every field of an envelope is bounded */
	l->id = m->tag.queue;
	l->kind = SPOOL_MESSAGE;
	l->flags = m->flags;
	l->parent = m->parent;
	l->arrival = m->content.envelope.arrival;
	l->records_size = m->records.n;
	l->slots = m->content.envelope.nrcpts;
	layout_fill(l);
	encode_slots(m);
	m->task.sync_dir = (int)spool_dir_of(m->tag.queue);
	file_start(m, run_seal, POOL_COMMIT, seal_done, done);
}

static int run_look(struct task *t)
{
	int error;

	look_at_twin(file_message(t), &error);
	return error;
}

void file_look(struct message *m, file_done *done)
{
	m->task.sync_dir = (int)spool_dir_of(m->tag.queue);
	file_start(m, run_look, POOL_WORK, seal_done, done);
}

/* --- expansions ------------------------------------------------------------------------------- */

static int run_expand(struct task *t)
{
	struct message *m = file_message(t);
	unsigned part = m->parts;
	struct spool_layout *l = &m->part_layouts[part];
	int fd, error = 0;

	/* one that was left behind by a crash was never used: what is used was synced and read */
	if (spool_remove(m->tag.queue, part) == -1)
		return errno;
	fd = spool_new_file(m->tag.queue, part);
	if (fd == -1)
		return errno;
	if (spool_write(fd, l, NULL, buf_view(&m->records), m->slots) == -1)
		error = errno;
	crash_point("expand.after_write");
	if (error == 0)
		error = file_sync(t, fd);
	if (close(fd) == -1 && error == 0)
		error = errno;
	crash_point("expand.after_file_sync");
	return error;
}

static void expand_done(struct task *t, int error)
{
	struct message *m = file_message(t);

	buf_clear(&m->records);
	free(m->slots);
	m->slots = NULL;
	if (error == 0)
		m->parts++;
	else
		spool_remove(m->tag.queue, m->parts);
	if (t->sync_failed)
		space_failed("expansion", error);
	file_ended(t, error);
}

int file_expand(struct message *m, file_done *done)
{
	const struct spool_content c = {
		.envelope.trace = m->tag.trace,
		.targets = m->expansion,
		.ntargets = m->nexpansion,
	};
	const struct slot fresh = { .state = SLOT_PENDING };
	struct spool_layout *l;

	if (m->parts == SPOOL_PARTS || m->nexpansion > SPOOL_SLOTS_MAX)
		return -1;
	if (m->part_layouts == NULL)
		m->part_layouts = arena_array(&m->arena, SPOOL_PARTS, sizeof *m->part_layouts);
	l = &m->part_layouts[m->parts];
	buf_init(&m->records, SPOOL_RECORDS_MAX);
	if (records_encode(&m->records, &c) == -1) {
		buf_clear(&m->records);
		return -1;
	}
	*l = (struct spool_layout){ .id = m->tag.queue,
		.kind = SPOOL_EXPANSION,
		.parent = m->tag.queue,
		.records_size = m->records.n,
		.slots = m->nexpansion };
	layout_fill(l);
	m->slots = xcalloc(l->slots, l->slot_size);
	for (uint32_t i = 0; i < l->slots; i++)
		slot_encode(
		    &fresh, l->id, l->kind, i, m->slots + (size_t)i * l->slot_size, l->slot_size);
	m->task.sync_dir = (int)spool_dir_of(m->tag.queue);
	file_start(m, run_expand, POOL_WORK, expand_done, done);
	return 0;
}
