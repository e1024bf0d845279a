/* The way back: from the files of a message to its layout, content and targets, all of it verified. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "file_impl.h"
#include "spool.h"

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

/*
 * Which recipients others stand for; -1 if a record names one that is not there. What was left of a record when the
 * next one was made has become what that says, whether or not its slot could still be written.
 */
static int mark_expanded(struct message *m)
{
	uint8_t *last = arena_array(&m->arena, m->layout.slots, sizeof *last);

	for (uint32_t i = m->layout.slots; i < m->ntargets; i++) {
		if (m->targets[i].rcpt >= m->layout.slots)
			return -1;
		m->targets[m->targets[i].rcpt].expanded = true;
		last[m->targets[i].rcpt] = m->targets[i].part;
	}
	for (uint32_t i = m->layout.slots; i < m->ntargets; i++) {
		struct target *t = &m->targets[i];

		if (t->part < last[t->rcpt] && !target_final(t))
			t->state = SLOT_BOUNCED;
	}
	return 0;
}

static int run_load(struct task *t)
{
	struct message *m = file_message(t);
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
	file_start(m, run_load, POOL_WORK, file_ended, done);
}
