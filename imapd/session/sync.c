/*
 * The selected mailbox and other sessions: untagged EXPUNGE, EXISTS, RECENT and FETCH, and the
 * notices between sessions by way of services/notify. See session.h.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/ipc.h"
#include "io.h"
#include "proto/notify.h"
#include "proto/types.h"
#include "session.h"
#include "set.h"
#include "store/folder.h"

/* --- to the client --------------------------------------------------------------------------- */

/* FNV-1a over the names, to know whether the client has been told of them. */
static uint64_t keywords_hash(const struct store_view *v)
{
	uint64_t h = 0xcbf29ce484222325;

	for (uint32_t i = 0; i < v->nkeywords; i++) {
		for (size_t k = 0; k < v->keywords[i].n; k++)
			h = (h ^ (unsigned char)v->keywords[i].p[k]) * 0x100000001b3;
		h = (h ^ 0x100) * 0x100000001b3;
	}
	return h;
}

void sync_flags(struct session *s)
{
	static const char system[] = "\\Answered \\Flagged \\Deleted \\Seen \\Draft";
	const struct store_view *v = s->view;
	struct buf *b = &s->out;

	s->keywords_told = keywords_hash(v);
	buf_printf(b, "* FLAGS (%s", system);
	for (uint32_t i = 0; i < v->nkeywords; i++) {
		if (v->keywords[i].n > 0)
			buf_printf(b, " %.*s", STR_ARG(v->keywords[i]));
	}
	buf_z(b, ")\r\n");
	if (v->readonly) {
		buf_z(b, "* OK [PERMANENTFLAGS ()] No permanent flags\r\n");
		return;
	}
	buf_printf(b, "* OK [PERMANENTFLAGS (%s", system);
	for (uint32_t i = 0; i < v->nkeywords; i++) {
		if (v->keywords[i].n > 0)
			buf_printf(b, " %.*s", STR_ARG(v->keywords[i]));
	}
	buf_z(b, " \\*)] Limited\r\n");
}

void sync_view(struct session *s, bool expunges)
{
	struct store_changes c;
	enum store_error e;

	if (s->view == NULL)
		return;
	s->changed = false;
	e = store_refresh(s->view, expunges, &c);
	if (e != STORE_OK) {
		if (e != STORE_GONE)
			log_error(
			    &s->log, EV("store-failed"), KERRNO, KZ("what", store_strerror(e)));
		else if (s->end == END_NONE)
			s->end = END_DELETED;
		return;
	}
	for (uint32_t i = 0; i < c.nexpunged; i++) {
		buf_z(&s->out, "* ");
		out_number(&s->out, c.expunged[i].seq);
		buf_z(&s->out, " EXPUNGE\r\n");
		io_commit(s);
	}
	if (c.first_new < s->view->n)
		buf_printf(&s->out, "* %u EXISTS\r\n* %u RECENT\r\n", s->view->n, s->view->recent);
	if (c.keywords && keywords_hash(s->view) != s->keywords_told)
		sync_flags(s);
	for (uint32_t i = 0; i < c.nchanged; i++) {
		out_flags_fetch(s, c.changed[i], true);
		io_commit(s);
	}
}

void sync_unselect(struct session *s)
{
	store_unselect(s->view);
	s->view = NULL;
	s->changed = false;
}

/* --- between sessions ------------------------------------------------------------------------ */

void sync_tell(struct session *s, struct str folder)
{
	struct ipc_msg m = { .type = NOTIFY_CHANGED };
	struct put w;

	if (s->notify == -1)
		return;
	w = put_start();
	put_str(&w, folder);
	if (w.bad)
		return;
	m.body = put_view(&w);
	/* A full channel loses the notice; others then see the change at their next command. */
	if (ipc_send(s->notify, &m) == -1 && errno != EAGAIN)
		log_warning(&s->log, EV("notify-failed"), KERRNO);
}

void sync_tell_name(struct session *s, struct str name)
{
	struct folder f;

	if (folder_from_name(name, false, &f) == 0)
		sync_tell(s, folder_dir(&f));
}

bool sync_is_selected(const struct session *s, struct str name)
{
	struct folder f;

	return folder_from_name(name, false, &f) == 0 && str_eq(folder_dir(&f), s->view->folder);
}

void sync_heard(struct session *s)
{
	static char space[IPC_PACKET_MAX];
	struct ipc_msg m;
	struct get g;
	struct str folder;
	int r;

	while ((r = ipc_recv(s->notify, &m, space)) == 1) {
		ipc_close_fds(&m);
		g = get_start(m.body);
		folder = get_str(&g, FOLDER_MAX);
		if (m.type != NOTIFY_CHANGED || get_end(&g) == -1)
			continue;
		if (s->view != NULL &&
		    (str_eq(folder, s->view->folder) || str_eq(folder, STR(NOTIFY_ALL))))
			s->changed = true;
	}
	/* services/notify has restarted: spawn cannot give a new channel, so this one does without.
	 */
	if (r == 0 || (errno != EAGAIN && errno != EBADMSG)) {
		log_warning(&s->log, EV("notify-gone"));
		close(s->notify);
		s->notify = -1;
	}
}

/* --- which messages a set names -------------------------------------------------------------- */

static void add_range(
    const struct store_view *v, uint32_t from, uint32_t to, uint32_t *idx, size_t *n)
{
	for (uint32_t i = from; i < to && i < v->n; i++)
		idx[(*n)++] = i;
}

int sync_resolve(struct session *s, struct set *set, uint32_t **idx, size_t *n)
{
	const struct store_view *v = s->view;
	uint32_t last = s->uid ? (v->n == 0 ? 0 : v->msgs[v->n - 1].uid) : v->n;
	size_t total = 0;

	*n = 0;
	set_resolve(set, last);
	if (!s->uid && set->n > 0 && set->ranges[set->n - 1].to > v->n &&
	    !(v->n == 0 && set->star)) {
		reply_bad(s, "no such message");
		return -1;
	}
	for (size_t i = 0; i < set->n; i++) {
		struct range *r = &set->ranges[i];

		/* from here on: indexes, the end not included */
		r->from = s->uid ? store_lower(v, r->from) : r->from - (r->from > 0);
		if (s->uid)
			r->to = r->to == UINT32_MAX ? v->n : store_lower(v, r->to + 1);
		if (r->to > v->n)
			r->to = v->n;
		total += r->to > r->from ? r->to - r->from : 0;
	}
	*idx = arena_array(&s->arena, total, sizeof **idx);
	for (size_t i = 0; i < set->n; i++)
		add_range(v, set->ranges[i].from, set->ranges[i].to, *idx, n);
	return 0;
}
