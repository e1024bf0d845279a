/* What becomes of the file of a message: its states as they change, and its end. See file.h. */
#include "file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/crash.h"
#include "file_impl.h"
#include "space.h"
#include "spool.h"
#include "transcript.h"

/* A slot as it is to be written: a copy, because the target may change meanwhile. */
struct slot_image {
	uint32_t index;
	uint8_t part;
	struct slot slot;
};

/* --- tasks ------------------------------------------------------------------------------------ */

struct message *file_message(struct task *t)
{
	return (struct message *)((char *)t - offsetof(struct message, task));
}

void file_ended(struct task *t, int error)
{
	struct message *m = file_message(t);
	file_done *done = m->task_done;

	m->task_busy = false;
	m->task_done = NULL;
	done(m, error);
}

void file_start(struct message *m, int (*run)(struct task *t), enum pool_lane lane,
    void (*ended)(struct task *t, int error), file_done *done)
{
	assert(!m->task_busy);
	m->task_busy = true;
	m->task_done = done;
	m->task.run = run;
	m->task.done = ended;
	m->task.sync = NULL;
	m->task.sync_failed = false;
	m->twin = m->renamed = m->set_aside = false;
	pool_submit(&m->task, lane);
}

struct slot file_slot(const struct target *t)
{
	struct slot s = {
		.generation = t->generation,
		.state = t->state,
		.flags = t->flags,
		.fault = t->fault,
		.attempts = t->attempts,
		.early = t->early,
		.changed = t->changed,
		.relay = t->relay,
	};

	if (t->status != NULL)
		s.status = *t->status;
	return s;
}

int file_sync(struct task *t, int fd)
{
	if (fsync(fd) == 0)
		return 0;
	t->sync_failed = true;
	return errno;
}

/* --- states ----------------------------------------------------------------------------------- */

static int open_part(const struct message *m, unsigned part)
{
	return part == 0 ? m->fd : spool_open_file(m->tag.queue, part, O_RDWR);
}

/* Writes the images of one part, which stand together; returns an errno. */
static int put_images(struct message *m, struct task *t, uint32_t from, uint32_t to)
{
	unsigned part = m->images[from].part;
	const struct spool_layout *l = part == 0 ? &m->layout : &m->part_layouts[part];
	int fd = open_part(m, part), error = 0;

	if (fd == -1)
		return errno;
	crash_point("result.before_slot");
	for (uint32_t i = from; i < to && error == 0; i++) {
		const struct slot_image *s = &m->images[i];

		if (spool_put_slot(fd, l, s->index, &s->slot) == -1)
			error = errno;
	}
	crash_point("result.after_slot");
	/* slots have their place already: nothing but their bytes changes */
	if (error == 0 && m->sync_file && fdatasync(fd) == -1) {
		error = errno;
		t->sync_failed = true;
	}
	crash_point("result.after_sync");
	if (part != 0)
		close(fd);
	return error;
}

/* Those of one part stand together. */
static int put_all_images(struct message *m, struct task *t)
{
	uint32_t from = 0;
	int error = 0;

	while (from < m->nimages && error == 0) {
		uint32_t to = from + 1;

		while (to < m->nimages && m->images[to].part == m->images[from].part)
			to++;
		error = put_images(m, t, from, to);
		from = to;
	}
	return error;
}

static int run_update(struct task *t)
{
	struct message *m = file_message(t);
	int error = put_all_images(m, t);

	if (error == 0)
		transcripts_write(m->writing, m->fd, &m->layout);
	/* the time comes last, because every write changes it; it need not survive a power cut,
	 * except where it means "held" */
	if (error == 0 && m->next_try != 0 &&
	    spool_set_next(m->fd, m->next_try, m->next_try == m->content.envelope.release) == -1)
		error = errno;
	if (error == 0 && m->next_try == SPOOL_HOLD)
		error = file_sync(t, m->fd);
	if (error == 0 && m->next_try != 0)
		m->stamp = spool_stamp(m->fd);
	return error;
}

static void update_done(struct task *t, int error)
{
	struct message *m = file_message(t);

	transcripts_free(m->writing);
	m->writing = NULL;
	free(m->images);
	m->images = NULL;
	m->nimages = 0;
	if (t->sync_failed)
		space_failed("results", error);
	file_ended(t, error);
}

/* Copies the dirty slots; targets of one part stand together in m->targets. */
static bool collect_images(struct message *m)
{
	bool hard = false;
	uint32_t n = 0;

	for (uint32_t i = 0; i < m->ntargets; i++)
		n += m->targets[i].dirty;
	m->images = n > 0 ? xcalloc(n, sizeof *m->images) : NULL;
	m->nimages = n;
	n = 0;
	for (uint32_t i = 0; i < m->ntargets; i++) {
		struct target *t = &m->targets[i];

		if (!t->dirty)
			continue;
		m->images[n++] = (struct slot_image){ t->index, t->part, file_slot(t) };
		hard |= t->hard;
		t->dirty = t->hard = false;
	}
	return hard;
}

void file_update(struct message *m, int64_t next, bool sync, file_done *done)
{
	bool hard = collect_images(m);

	m->next_try = next;
	m->sync_file = hard || sync;
	m->writing = m->transcripts;
	m->transcripts = NULL;
	m->task.sync_dir = POOL_NO_DIR;
	file_start(m, run_update, POOL_WORK, update_done, done);
}

/* --- the end ---------------------------------------------------------------------------------- */

static int run_remove(struct task *t)
{
	struct message *m = file_message(t);

	/* a process that is killed between here and the removal finds what is done */
	if (m->nimages > 0 && m->fd != -1)
		(void)put_images(m, t, 0, m->nimages);
	crash_point("remove.before_unlink");
	if (spool_remove_all(m->tag.queue, m->parts) == -1)
		return errno;
	crash_point("remove.after_unlink");
	/* with the last descriptor the file itself goes, which may take a while */
	if (m->fd != -1)
		close(m->fd);
	m->fd = -1;
	return 0;
}

/* Only now is there something for a sync of the directory to make last. */
static void remove_done(struct task *t, int error)
{
	pool_dirty(spool_dir_of(file_message(t)->tag.queue));
	update_done(t, error);
}

void file_remove(struct message *m, file_done *done)
{
	/* only its own slots: with an expansion there may be very many, and the result is the same
	 */
	if (m->parts == 1)
		(void)collect_images(m);
	m->next_try = 0;
	m->sync_file = false;
	m->task.sync_dir = POOL_NO_DIR;
	file_start(m, run_remove, POOL_REMOVE, remove_done, done);
}

static int run_trash(struct task *t)
{
	struct message *m = file_message(t);
	int error;

	m->sync_file = true;
	error = put_all_images(m, t);
	if (error == 0 && spool_trash(m->tag.queue, m->deleted) == -1)
		error = errno;
	m->renamed = error == 0;
	crash_point("trash.after_rename");
	if (error == 0)
		m->stamp = spool_stamp(m->fd);
	return error;
}

void file_trash(struct message *m, file_done *done)
{
	(void)collect_images(m);
	m->next_try = 0;
	m->task.sync_dir = (int)spool_dir_of(m->tag.queue);
	file_start(m, run_trash, POOL_WORK, update_done, done);
}

/* All of it: a message without its expansion would be delivered twice, and in part is no way. */
static int run_quarantine(struct task *t)
{
	const struct message *m = file_message(t);

	for (unsigned part = 0; part < SPOOL_PARTS; part++) {
		if (spool_quarantine(m->tag.queue, part) == -1)
			return errno == ENOENT && part > 0 ? 0 : errno;
	}
	return 0;
}

static void quarantine_done(struct task *t, int error)
{
	pool_dirty(spool_dir_of(file_message(t)->tag.queue));
	pool_dirty(SPOOL_CORRUPT);
	file_ended(t, error);
}

void file_quarantine(struct message *m, file_done *done)
{
	m->task.sync_dir = POOL_NO_DIR;
	file_start(m, run_quarantine, POOL_WORK, quarantine_done, done);
}
