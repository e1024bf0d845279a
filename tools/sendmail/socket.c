/* The way to the local submission socket. See socket.h. */
#include "socket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/conf.h"
#include "proto/confload.h"
#include "proto/place.h"

enum { TIMEOUT_SECONDS = 600 }; /* RFC 5321 4.5.3.2: the longest, for the final dot */

static struct conf *conf;

/* Users may not read every configuration; then there is none. */
static const struct conf *read_conf(const struct request *r)
{
	char dir[PATH_MAX], program[PATH_MAX + 32], path[PATH_MAX];
	struct buf text;

	if (conf != NULL || place_conf(r->conf, path) == -1)
		return conf;
	place_libexec(dir);
	snprintf(program, sizeof program, "%s/master-config", dir);
	buf_init(&text, CONF_LINES_MAX);
	conf = conf_load(program, path, &text);
	if (conf == NULL && r->verbose)
		fprintf(stderr, "%s", buf_cstr(&text));
	buf_clear(&text);
	return conf;
}

const char *socket_setting(const struct request *r, const char *name)
{
	const struct conf *c = read_conf(r);

	return c == NULL ? NULL : str_dup(conf_str(c, name));
}

static int connect_to(struct str run)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd, n = snprintf(sun.sun_path, sizeof sun.sun_path, "%.*s/submit", STR_ARG(run));

	if (n < 0 || (size_t)n >= sizeof sun.sun_path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1 || connect(fd, (struct sockaddr *)&sun, sizeof sun) == 0)
		return fd;
	n = errno;
	close(fd);
	errno = n;
	return -1;
}

int socket_connect(const struct request *r)
{
	const struct setting *row = setting_find(NULL, STR("run_directory"));
	const char *env = getenv("THURN_CONF"), *run;
	int fd = -1;

	/* the usual place first: it spares reading the configuration for every mail */
	if (r->conf == NULL && (env == NULL || env[0] == '\0'))
		fd = connect_to(str_of(row->def));
	if (fd != -1)
		return fd;
	run = socket_setting(r, "run_directory");
	if (run != NULL)
		return connect_to(str_of(run));
	errno = ENOENT;
	return -1;
}

/* --- replies --------------------------------------------------------------------------------- */

static void note_keyword(struct smtp *s, struct str line)
{
	struct str word;
	const struct {
		struct str name;
		bool *flag;
	} keywords[] = {
		{ STR("SIZE"), &s->size },
		{ STR("8BITMIME"), &s->eightbitmime },
		{ STR("SMTPUTF8"), &s->smtputf8 },
		{ STR("DSN"), &s->dsn },
	};

	if (!str_word(&line, &word))
		return;
	for (size_t i = 0; i < sizeof keywords / sizeof keywords[0]; i++)
		if (str_caseeq(word, keywords[i].name))
			*keywords[i].flag = true;
}

int smtp_reply(struct smtp *s)
{
	char line[REPLY_MAX];
	uint64_t code;

	s->code = 0;
	do {
		struct str l;

		if (fgets(line, sizeof line, s->in) == NULL)
			return 0;
		if (s->request->verbose)
			fprintf(stderr, "<<< %s", line);
		l = str_trim(str_of(line));
		if (l.n < 3 || str_u64(str_take(l, 3), 599, &code) == -1)
			return 0;
		str_copy(str_skip(l, 4), s->text, sizeof s->text);
		note_keyword(s, str_skip(l, 4));
	} while (line[3] == '-');
	s->code = (int)code;
	return s->code;
}

int smtp_say(struct smtp *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (s->request->verbose) {
		va_list again;

		va_copy(again, ap);
		fprintf(stderr, ">>> ");
		vfprintf(stderr, fmt, again);
		fprintf(stderr, "\n");
		va_end(again);
	}
	vfprintf(s->out, fmt, ap);
	va_end(ap);
	fputs("\r\n", s->out);
	if (fflush(s->out) == EOF) {
		s->code = 0;
		return 0;
	}
	return smtp_reply(s);
}

static int not_reached(void)
{
	if (errno == EACCES || errno == EPERM)
		return complain(EX_NOPERM, "this user may not submit mail: %s", strerror(errno));
	return complain(
	    EX_TEMPFAIL, "the mail system is not running, try again later (%s)", strerror(errno));
}

int smtp_open(struct smtp *s, const struct request *r)
{
	const struct timeval timeout = { .tv_sec = TIMEOUT_SECONDS };
	struct str greeting, host;
	int fd;

	*s = (struct smtp){ .request = r };
	fd = socket_connect(r);
	if (fd == -1)
		return not_reached();
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
	s->in = fdopen(fd, "r");
	s->out = fdopen(dup(fd), "w");
	if (s->in == NULL || s->out == NULL)
		return complain(EX_OSERR, "%s", strerror(errno));
	if (smtp_reply(s) != 220)
		return complain(
		    EX_TEMPFAIL, "the mail system is busy, try again later: %s", s->text);
	greeting = str_of(s->text);
	if (str_word(&greeting, &host))
		str_copy(host, s->host, sizeof s->host);
	s->size = s->eightbitmime = s->smtputf8 = s->dsn = false;
	if (smtp_say(s, "EHLO localhost") != 250)
		return complain(EX_TEMPFAIL, "the mail system does not greet back: %s", s->text);
	return EX_OK;
}

void smtp_close(struct smtp *s)
{
	if (s->code != 0)
		smtp_say(s, "QUIT");
	if (s->in != NULL)
		fclose(s->in);
	if (s->out != NULL)
		fclose(s->out);
}
