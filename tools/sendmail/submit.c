/* The message over the local submission socket. See submit.h. */
#include "submit.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mail/address.h"
#include "mail/envelope.h"
#include "mail/utf8.h"
#include "mail/xtext.h"
#include "socket.h"

/* --- replies to exit codes ------------------------------------------------------------------- */

/* What a refusal means to a script: RFC 3463 classes to sysexits(3). */
static int refusal(const struct smtp *s)
{
	struct str text = str_of(s->text);

	if (s->code < 500)
		return EX_TEMPFAIL;
	if (str_starts(text, STR("5.7.")))
		return EX_NOPERM;
	if (str_starts(text, STR("5.1.")))
		return EX_NOUSER;
	if (str_starts(text, STR("5.3.4")) || str_starts(text, STR("5.6.")))
		return EX_DATAERR;
	return EX_UNAVAILABLE;
}

static int refused(const struct smtp *s, const char *what)
{
	if (s->code == 0)
		return complain(EX_TEMPFAIL, "the mail system has gone during the transaction");
	return complain(refusal(s), "%s: %d %s", what, s->code, s->text);
}

/* --- the envelope ---------------------------------------------------------------------------- */

static int say_mail(struct smtp *s, const struct message *m, size_t bytes)
{
	const struct request *r = s->request;
	struct buf args;
	int code;

	buf_init(&args, 4096);
	if (s->size && bytes > 0)
		buf_printf(&args, " SIZE=%zu", bytes);
	if (s->eightbitmime && (r->eightbit || m->eightbit))
		buf_z(&args, " BODY=8BITMIME");
	if (s->smtputf8 && (m->utf8 || !str_is_ascii(r->sender)))
		buf_z(&args, " SMTPUTF8");
	if (s->dsn && r->ret != NULL)
		buf_printf(&args, " RET=%s", r->ret);
	if (s->dsn && r->envid != NULL) {
		buf_z(&args, " ENVID=");
		xtext_encode(&args, str_of(r->envid));
	}
	code = smtp_say(s, "MAIL FROM:<%.*s>%s", STR_ARG(r->sender), buf_cstr(&args));
	buf_clear(&args);
	return code;
}

static int say_rcpt(struct smtp *s, struct str to)
{
	const struct request *r = s->request;

	if (s->dsn && r->notify.n > 0)
		return smtp_say(s, "RCPT TO:<%.*s> NOTIFY=%.*s", STR_ARG(to), STR_ARG(r->notify));
	return smtp_say(s, "RCPT TO:<%.*s>", STR_ARG(to));
}

/*
 * Names recipients from *next on, as many as one transaction takes. Those that are refused for good
 * are told and left out; one that cannot be decided now fails the whole, or the caller's next try
 * would reach the others twice.
 */
static int say_rcpts(struct smtp *s, size_t *next, size_t *accepted, int *worst)
{
	const struct recipients *to = &s->request->to;

	for (*accepted = 0; *next < to->n && *accepted < ENVELOPE_RCPTS; ++*next) {
		struct str rcpt = to->list[*next];
		int code = say_rcpt(s, rcpt);

		if (code / 100 == 2) {
			++*accepted;
		} else if (code == 452 && *accepted > 0) {
			break; /* enough for one: RFC 5321 4.5.3.1.10 */
		} else if (code / 100 == 5) {
			*worst = complain(refusal(s), "%.*s: %d %s", STR_ARG(rcpt), code, s->text);
		} else {
			return code == 0 ? refused(s, "")
					 : complain(EX_TEMPFAIL, "%.*s: %d %s", STR_ARG(rcpt), code,
					       s->text);
		}
	}
	return EX_OK;
}

/* --- the text -------------------------------------------------------------------------------- */

/* With CRLF line ends and dots doubled; *last = what the text before ended with. */
static void put_text(FILE *out, struct str text, char *last)
{
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (*last == '\n' && c == '.')
			putc_unlocked('.', out);
		if (c == '\n' && *last != '\r')
			putc_unlocked('\r', out);
		putc_unlocked(c, out);
		*last = c;
	}
}

static int say_data(struct smtp *s, const struct message *m)
{
	char last = '\n';

	if (smtp_say(s, "DATA") != 354)
		return refused(s, "the message was refused");
	put_text(s->out, buf_view(&m->header), &last);
	put_text(s->out, m->body, &last);
	if (last != '\n')
		fputs("\r\n", s->out);
	if (smtp_say(s, ".") / 100 != 2)
		return refused(s, "the message was refused");
	return EX_OK;
}

/* One transaction for recipients from *next on. */
static int transaction(struct smtp *s, const struct message *m, size_t *next, int *worst)
{
	size_t accepted;
	int status;

	if (say_mail(s, m, m->header.n + m->body.n) / 100 != 2)
		return refused(s, "the sender was refused");
	status = say_rcpts(s, next, &accepted, worst);
	if (status != EX_OK)
		return status;
	if (accepted > 0)
		return say_data(s, m);
	return smtp_say(s, "RSET") / 100 == 2 ? EX_OK : refused(s, "reset");
}

/* The domain of addresses without one, for the From field that we add. */
static void add_from(struct smtp *s, const struct request *r, struct message *m)
{
	const char *origin;
	struct buf address;

	buf_init(&address, 1024);
	buf_str(&address, r->sender);
	if (str_find(r->sender, '@') == -1) {
		origin = socket_setting(r, "origin");
		buf_printf(&address, "@%s", origin != NULL ? origin : s->host);
	}
	message_add_from(m, r->full_name, buf_view(&address));
	buf_clear(&address);
}

int submit_message(struct request *r, struct message *m)
{
	int status, worst = EX_OK;
	size_t next = 0;
	struct smtp s;

	signal(SIGPIPE, SIG_IGN);
	status = smtp_open(&s, r);
	if (status == EX_OK && !m->from && r->full_name != NULL && r->sender.n > 0)
		add_from(&s, r, m);
	while (status == EX_OK && next < r->to.n)
		status = transaction(&s, m, &next, &worst);
	smtp_close(&s);
	return status != EX_OK ? status : worst;
}

/* --- -bv and -bs ----------------------------------------------------------------------------- */

int submit_verify(struct request *r)
{
	const struct message none = { 0 };
	int status, worst = EX_OK;
	struct smtp s;

	signal(SIGPIPE, SIG_IGN);
	status = smtp_open(&s, r);
	if (status == EX_OK && say_mail(&s, &none, 0) / 100 != 2)
		status = refused(&s, "the sender was refused");
	for (size_t i = 0; status == EX_OK && i < r->to.n; i++) {
		int code = say_rcpt(&s, r->to.list[i]);

		if (code == 0)
			status = refused(&s, "");
		else if (code / 100 != 2)
			worst = refusal(&s);
		printf("%.*s... %s (%d %s)\n", STR_ARG(r->to.list[i]),
		    code / 100 == 2 ? "deliverable" : "not accepted", code, s.text);
	}
	smtp_close(&s);
	return status != EX_OK ? status : worst;
}

/* Copies what is there; false at the end. */
static bool copy_some(int from, int to)
{
	char block[65536];
	ssize_t n = read(from, block, sizeof block), done = 0;

	while (done < n) {
		ssize_t w = write(to, block + done, (size_t)(n - done));

		if (w <= 0)
			return false;
		done += w;
	}
	return n > 0;
}

int submit_dialogue(const struct request *r)
{
	struct pollfd p[2] = { { .fd = STDIN_FILENO, .events = POLLIN }, { .events = POLLIN } };

	p[1].fd = socket_connect(r);
	if (p[1].fd == -1) {
		/* the one at standard input speaks SMTP: it is told in SMTP */
		printf("421 4.3.0 the mail system is not running, try again later\r\n");
		return EX_TEMPFAIL;
	}
	signal(SIGPIPE, SIG_IGN);
	while (poll(p, 2, -1) > 0 || errno == EINTR) {
		if (p[0].revents != 0 && !copy_some(STDIN_FILENO, p[1].fd)) {
			shutdown(p[1].fd, SHUT_WR);
			p[0].fd = -1;
		}
		if (p[1].revents != 0 && !copy_some(p[1].fd, STDOUT_FILENO))
			break;
	}
	return EX_OK;
}
