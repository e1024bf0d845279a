/* The file of a message. See file.h. */
#include "file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/crash.h"
#include "space.h"
#include "spool.h"
#include "transcript.h"

/* A slot as it is to be written: a copy, because the target may change meanwhile. */
struct slot_image {
	uint32_t index;
	uint8_t part;
	struct slot slot;
};

static struct message *message_of(struct task *t)
{
	return (struct message *)((char *)t - offsetof(struct message, task));
}

static void task_done(struct task *t, int error)
{
	struct message *m = message_of(t);
	file_done *done = m->task_done;

	m->task_busy = false;
	m->task_done = NULL;
	done(m, error);
}

static void start(
    struct message *m, int (*run)(struct task *t), enum pool_lane lane, file_done *done)
{
	assert(!m->task_busy);
	m->task_busy = true;
	m->task_done = done;
	m->task.run = run;
	m->task.done = task_done;
	m->task.sync = NULL;
	m->task.sync_failed = false;
	m->twin = m->renamed = m->set_aside = false;
	pool_submit(&m->task, lane);
}

static struct slot slot_of(const struct target *t)
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

/* --- sealing ---------------------------------------------------------------------------------- */

/* A failed sync is never repeated: the task says so, and the queue stops accepting. */
static int sync_file(struct task *t, int fd)
{
	if (fsync(fd) == 0)
		return 0;
	t->sync_failed = true;
	return errno;
}

static void encode_slots(struct message *m)
{
	const struct spool_layout *l = &m->layout;

	m->slots = xcalloc(l->slots, l->slot_size);
	for (uint32_t i = 0; i < l->slots; i++) {
		struct target *t = &m->targets[i];
		struct slot s = slot_of(t);

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
	*error = s == SPOOL_GOOD ? sync_file(&m->task, fd) : EAGAIN;
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
	int error = fsync(message_of(t)->fd) == 0 ? 0 : errno;

	crash_point("accept.after_file_sync");
	return error;
}

static int run_seal(struct task *t)
{
	struct message *m = message_of(t);
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
	struct message *m = message_of(t);

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
	task_done(t, error);
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
	start(m, run_seal, POOL_COMMIT, done);
	m->task.done = seal_done;
}

static int run_look(struct task *t)
{
	int error;

	look_at_twin(message_of(t), &error);
	return error;
}

void file_look(struct message *m, file_done *done)
{
	m->task.sync_dir = (int)spool_dir_of(m->tag.queue);
	start(m, run_look, POOL_WORK, done);
	m->task.done = seal_done;
}

/* --- expansions ------------------------------------------------------------------------------- */

static int run_expand(struct task *t)
{
	struct message *m = message_of(t);
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
		error = sync_file(t, fd);
	if (close(fd) == -1 && error == 0)
		error = errno;
	crash_point("expand.after_file_sync");
	return error;
}

static void expand_done(struct task *t, int error)
{
	struct message *m = message_of(t);

	buf_clear(&m->records);
	free(m->slots);
	m->slots = NULL;
	if (error == 0)
		m->parts++;
	else
		spool_remove(m->tag.queue, m->parts);
	if (t->sync_failed)
		space_failed("expansion", error);
	task_done(t, error);
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
	start(m, run_expand, POOL_WORK, done);
	m->task.done = expand_done;
	return 0;
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
	struct message *m = message_of(t);
	int error = put_all_images(m, t);

	if (error == 0)
		transcripts_write(m->writing, m->fd, &m->layout);
	/* the time comes last, because every write changes it; it need not survive a power cut,
	 * except where it means "held" */
	if (error == 0 && m->next_try != 0 &&
	    spool_set_next(m->fd, m->next_try, m->next_try == m->content.envelope.release) == -1)
		error = errno;
	if (error == 0 && m->next_try == SPOOL_HOLD)
		error = sync_file(t, m->fd);
	if (error == 0 && m->next_try != 0)
		m->stamp = spool_stamp(m->fd);
	return error;
}

static void update_done(struct task *t, int error)
{
	struct message *m = message_of(t);

	transcripts_free(m->writing);
	m->writing = NULL;
	free(m->images);
	m->images = NULL;
	m->nimages = 0;
	if (t->sync_failed)
		space_failed("results", error);
	task_done(t, error);
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
		m->images[n++] = (struct slot_image){ t->index, t->part, slot_of(t) };
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
	start(m, run_update, POOL_WORK, done);
	m->task.done = update_done;
}

/* --- the end ---------------------------------------------------------------------------------- */

static int run_remove(struct task *t)
{
	struct message *m = message_of(t);

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
	pool_dirty(spool_dir_of(message_of(t)->tag.queue));
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
	start(m, run_remove, POOL_REMOVE, done);
	m->task.done = remove_done;
}

static int run_trash(struct task *t)
{
	struct message *m = message_of(t);
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
	start(m, run_trash, POOL_WORK, done);
	m->task.done = update_done;
}

/* All of it: a message without its expansion would be delivered twice, and in part is no way. */
static int run_quarantine(struct task *t)
{
	const struct message *m = message_of(t);

	for (unsigned part = 0; part < SPOOL_PARTS; part++) {
		if (spool_quarantine(m->tag.queue, part) == -1)
			return errno == ENOENT && part > 0 ? 0 : errno;
	}
	return 0;
}

static void quarantine_done(struct task *t, int error)
{
	pool_dirty(spool_dir_of(message_of(t)->tag.queue));
	pool_dirty(SPOOL_CORRUPT);
	task_done(t, error);
}

void file_quarantine(struct message *m, file_done *done)
{
	m->task.sync_dir = POOL_NO_DIR;
	start(m, run_quarantine, POOL_WORK, done);
	m->task.done = quarantine_done;
}

/* --- loading ---------------------------------------------------------------------------------- */

static void add_targets(struct message *m, unsigned part, const struct spool_layout *l,
    const struct spool_content *c, const struct slot *slots)
{
	for (uint32_t i = 0; i < l->slots; i++) {
		struct target *t = &m->targets[m->ntargets++];

		*t = (struct target){
			.rcpt = part == 0 ? i : c->targets[i].rcpt,
			.index = i,
			.part = (uint8_t)part,
			.state = slots[i].state,
			.flags = slots[i].flags,
			.fault = slots[i].fault,
			.attempts = slots[i].attempts,
			.early = slots[i].early,
			.generation = slots[i].generation,
			.changed = slots[i].changed,
			.relay = slots[i].relay,
			.status = slots[i].status.code != 0 ? &slots[i].status : NULL,
			.route = part == 0 ? NULL : &c->targets[i].route,
		};
	}
}

static int state_error(struct message *m, enum spool_state s, unsigned part, const char *why)
{
	int error = errno;

	m->bad_part = (uint8_t)part;
	m->load_why = why;
	if (s == SPOOL_UNREADABLE)
		return error != 0 ? error : EIO;
	return s == SPOOL_UNFINISHED ? ENODATA : EBADMSG;
}

/* Reads one file of the message; ENOENT when there is none. */
static int load_part(struct message *m, unsigned part)
{
	struct spool_layout *l = part == 0 ? &m->layout : &m->part_layouts[part];
	struct spool_content content, *c = part == 0 ? &m->content : &content;
	int fd = spool_open_file(m->tag.queue, part, O_RDWR);
	struct slot *slots;
	const char *why;
	enum spool_state s;

	if (fd == -1)
		return errno;
	s = spool_check(fd, true, l, &why);
	if (s == SPOOL_GOOD && (l->id != m->tag.queue || l->kind != (part > 0))) {
		s = SPOOL_DAMAGED;
		why = "it belongs to another message";
	}
	if (s == SPOOL_GOOD)
		s = spool_read(fd, l, &m->arena, c, &slots, &why);
	if (part == 0)
		m->fd = fd;
	else
		close(fd);
	if (s != SPOOL_GOOD)
		return state_error(m, s, part, why);
	if (m->ntargets + l->slots > m->cap_targets) {
		struct target *more = arena_array(&m->arena, m->ntargets + l->slots, sizeof *more);

		if (m->ntargets > 0)
			memcpy(more, m->targets, m->ntargets * sizeof *more);
		m->targets = more;
		m->cap_targets = m->ntargets + l->slots;
	}
	add_targets(m, part, l, c, slots);
	return 0;
}

/* Which recipients others stand for; -1 if a record names one that is not there. */
static int mark_expanded(struct message *m)
{
	for (uint32_t i = m->layout.slots; i < m->ntargets; i++) {
		if (m->targets[i].rcpt >= m->layout.slots)
			return -1;
		m->targets[m->targets[i].rcpt].expanded = true;
	}
	return 0;
}

static int run_load(struct task *t)
{
	struct message *m = message_of(t);
	int error = load_part(m, 0);
	struct stat st;

	if (error != 0)
		return error;
	if (fstat(m->fd, &st) == -1)
		return errno;
	m->next_found = st.st_mtim.tv_sec;
	m->never_timed = st.st_mtim.tv_nsec > SPOOL_SCHEDULED;
	m->part_layouts = arena_array(&m->arena, SPOOL_PARTS, sizeof *m->part_layouts);
	while (m->parts < SPOOL_PARTS) {
		error = load_part(m, m->parts);
		if (error != 0)
			break;
		m->parts++;
	}
	/* an expansion that was never finished was never used */
	if (error == ENODATA && m->bad_part > 0)
		error = ENOENT;
	if (error != 0 && error != ENOENT)
		return error;
	if (mark_expanded(m) == -1)
		return state_error(m, SPOOL_DAMAGED, m->parts - 1u, "an expansion of nobody");
	return 0;
}

void file_load(struct message *m, file_done *done)
{
	m->task.sync_dir = POOL_NO_DIR;
	start(m, run_load, POOL_WORK, done);
}
