/* The limits of what one login may send. See charge.h. */
#include "charge.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "accept.h"
#include "base/id.h"
#include "base/loop.h"
#include "file.h"
#include "logins.h"
#include "mail/date.h"
#include "settings.h"
#include "spool.h"

enum {
	SAVE_MS = 10 * 1000,
	FILE_MAX = 48 * 1024 * 1024, /* LOGINS_MAX of them */
	NOTICE_MAX = 8 * 1024,
};

static struct save {
	struct task task;
	struct buf text;
	uint64_t last; /* ms on the loop's clock */
} save;

/* --- on disk ---------------------------------------------------------------------------------- */

void charge_open(void)
{
	struct buf b;

	buf_init(&b, FILE_MAX);
	if (spool_read_state(STATE_LOGINS, &b) == -1) {
		if (errno != ENOENT)
			log_error(NULL, EV("login-counts-lost"), KERRNO);
	} else if (logins_decode(buf_view(&b), wall_seconds()) == -1) {
		log_error(NULL, EV("login-counts-lost"), KZ("error", "the file is damaged"));
	}
	buf_clear(&b);
	buf_init(&save.text, FILE_MAX);
}

static int run_save(struct task *t)
{
	struct save *s = (struct save *)t;

	return spool_write_state(STATE_LOGINS, buf_view(&s->text)) == -1 ? errno : 0;
}

static void saved(struct task *t, int error)
{
	t->run = NULL;
	if (error != 0)
		log_warning(NULL, EV("login-counts-not-written"), KZ("error", strerror(error)));
	buf_clear(&save.text);
	buf_init(&save.text, FILE_MAX);
}

void charge_save(void)
{
	if (save.task.run != NULL || !logins_changed())
		return;
	if (logins_encode(&save.text, wall_seconds()) == -1) {
		buf_reset(&save.text);
		return;
	}
	save.last = loop_now();
	save.task = (struct task){ .run = run_save, .done = saved, .sync_dir = POOL_NO_DIR };
	pool_submit(&save.task, POOL_WORK);
}

void charge_tick(void)
{
	if (loop_now() - save.last >= SAVE_MS)
		charge_save();
}

/* --- the owner is told ------------------------------------------------------------------------ */

static const char *const period_names[LOGIN_PERIODS] = { "hour", "day" };

static void write_notice(struct message *n, struct str to, int period, uint32_t most)
{
	const struct login_count *c = &logins_find(to)->counts[period];
	char id[ID_TEXT + 1], date[DATE_TEXT], until[DATE_TEXT];

	id_format(n->tag.queue, id);
	date_format(wall_seconds(), date);
	date_format(c->until, until);
	buf_init(&n->text, NOTICE_MAX);
	buf_printf(&n->text,
	    "From: Mail Delivery System <MAILER-DAEMON@%s>\r\nTo: <%.*s>\r\n"
	    "Subject: Your mail account is near its limit\r\nDate: %s\r\nMessage-ID: <%s@%s>\r\n"
	    "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
	    "Content-Type: text/plain; charset=us-ascii\r\n\r\n",
	    settings.hostname, STR_ARG(to), date, id, settings.hostname);
	buf_printf(&n->text,
	    "This is the mail system at %s.\r\n\r\n"
	    "With your login, mail was sent to %u recipients within one %s. The limit\r\n"
	    "is %u. Beyond it, mail from your login is refused until\r\n%s.\r\n\r\n"
	    "If that was not you, somebody else knows your password: change it at once,\r\n"
	    "and tell your postmaster.\r\n",
	    settings.hostname, c->n, period_names[period], most, until);
}

static void notice_sealed(struct message *n, int error)
{
	struct entry *e = n->entry;

	if (error == 0) {
		accept_sealed(n);
		accept_go(n);
		return;
	}
	log_error(&n->tag, EV("commit-failed"), KZ("error", strerror(error)));
	message_free(n);
	entry_free(e);
}

/* A message from nobody, about which nobody else is told. */
static void send_notice(struct str to, int period, uint32_t most)
{
	struct message *n = message_new(message_id());
	struct envelope *e = &n->content.envelope;

	n->tag.trace = e->trace = id_random();
	n->flags = SPOOL_REPORT | SPOOL_DOUBLE;
	e->arrival = wall_millis() * 1000;
	e->client = STR("local");
	e->protocol = STR("internal");
	e->rcpts = arena_alloc(&n->arena, sizeof *e->rcpts);
	e->rcpts[0].addr = arena_str(&n->arena, to);
	e->nrcpts = 1;
	write_notice(n, to, period, most);
	n->layout.body_size = n->text.n;
	n->entry = entry_new(n->tag.queue, n->text.n, ENTRY_INCOMING);
	n->entry->m = n;
	accept_targets(n);
	message_state(n, M_SEALING);
	file_seal(n, notice_sealed);
}

/* --- messages --------------------------------------------------------------------------------- */

/* Whose limits count. */
static struct str charged(const struct message *m)
{
	return m->commit.charged.n > 0 ? m->commit.charged : m->content.envelope.login;
}

/* Root's programs, and what came without a login, are not limited. */
static bool limited(const struct envelope *e)
{
	return e->login.n > 0 && !str_eq(e->login, STR("uid:0"));
}

static struct login_limits limits_of(const struct queue_commit *c)
{
	return (struct login_limits){
		.most = { c->per_hour != 0 ? c->per_hour : settings.login_hour,
		    c->per_day != 0 ? c->per_day : settings.login_day },
		.notice = settings.login_notice,
	};
}

int charge_message(struct message *m, struct status *st)
{
	const struct envelope *e = &m->content.envelope;
	struct login_limits l = limits_of(&m->commit);
	int notice;

	if (!limited(e) || m->commit.outgoing == 0)
		return 0;
	if (logins_charge(charged(m), m->commit.outgoing, &l, wall_seconds(), &notice, st) == -1) {
		log_notice(&m->tag, EV("login-limit-reached"), KS("login", charged(m)),
		    KS("client", e->client), KI("nrcpt", m->commit.outgoing), KZ("text", st->text));
		return -1;
	}
	if (notice == -1)
		return 0;
	log_notice(&m->tag, EV("login-limit-near"), KS("login", charged(m)),
	    KZ("period", period_names[notice]), KI("limit", l.most[notice]));
	if (str_find(charged(m), '@') > 0)
		send_notice(charged(m), notice, l.most[notice]);
	return 0;
}

void charge_refund(const struct message *m)
{
	const struct envelope *e = &m->content.envelope;

	if (limited(e))
		logins_refund(charged(m), m->commit.outgoing, wall_seconds());
}
