/*
 * sendmail: the door of the suite for the programs of this host. It has no rights of its own: the
 * message goes over a Unix socket to the SMTP server, which knows by the kernel whose process it
 * is.
 *
 * By the name mailq or newaliases, or with -bp, -bi, -q, it becomes the tool that does that.
 */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "input.h"
#include "message.h"
#include "options.h"
#include "proto/place.h"
#include "request.h"
#include "submit.h"

/* --- other tools ----------------------------------------------------------------------------- */

/* Becomes the command `thurn`, called `name`. */
static int become(const struct request *r, const char *name, const char *option, const char *value)
{
	char path[PATH_MAX];
	char *argv[] = { (char *)(uintptr_t)name, (char *)(uintptr_t)option,
		(char *)(uintptr_t)value, NULL };

	if (r->conf != NULL)
		setenv("THURN_CONF", r->conf, 1);
	if (place_sibling("thurn", path) == -1)
		return complain(EX_UNAVAILABLE, "%s: %s", path, strerror(errno));
	execv(path, argv);
	return complain(EX_OSERR, "%s: %s", path, strerror(errno));
}

static int run_mailq(struct request *r)
{
	return become(r, "mailq", NULL, NULL);
}

static int run_newaliases(struct request *r)
{
	return become(r, "newaliases", NULL, NULL);
}

/* -bd: Sendmail's way to say "start". */
static int run_start(struct request *r)
{
	return become(r, "thurn", "start", NULL);
}

static int run_queue(const struct request *r)
{
	switch (r->queue_kind) {
	case 'i':
		return become(r, "postqueue", "-i", r->queue);
	case 's':
		return become(r, "postqueue", "-s", r->queue);
	case 'a':
		return become(r, "postqueue", "-f", NULL);
	default:
		return EX_OK; /* the queue runs by itself */
	}
}

/* --- a message ------------------------------------------------------------------------------- */

/* Who sends it, if nobody said: the user; in a container he may have no name. */
static void default_sender(struct request *r)
{
	const struct passwd *pw;

	if (r->sender_given)
		return;
	pw = getpwuid(getuid());
	r->sender = pw != NULL ? arena_str(&r->mem, str_of(pw->pw_name))
			       : arena_printf(&r->mem, "uid%u", (unsigned)getuid());
}

static int run_deliver(struct request *r)
{
	struct message m;
	struct str text;
	int status;

	if (!r->extract && r->to.n == 0)
		return complain(
		    EX_USAGE, "no recipients: give some, or -t to take those of the header");
	default_sender(r);
	status = input_read(r, STDIN_FILENO, &text);
	if (status != EX_OK)
		return status;
	status = message_read(&m, r, text);
	if (status == EX_OK && r->to.n == 0)
		status = complain(EX_USAGE, "no recipients in the header");
	if (status == EX_OK)
		status = submit_message(r, &m);
	message_clear(&m);
	return status;
}

static int run_verify(struct request *r)
{
	if (r->to.n == 0)
		return complain(EX_USAGE, "no recipients to verify");
	default_sender(r);
	return submit_verify(r);
}

static int run_smtp(struct request *r)
{
	return submit_dialogue(r);
}

static int run_nothing(struct request *r)
{
	(void)r;
	return EX_OK;
}

static const struct {
	char mode;
	int (*fn)(struct request *r);
} modes[] = {
	{ 'm', run_deliver },
	{ 's', run_smtp },
	{ 'v', run_verify },
	{ 'p', run_mailq },
	{ 'i', run_newaliases },
	{ 'd', run_start },
	{ 'h', run_nothing },
	{ 'H', run_nothing },
};

static void by_name(struct request *r, const char *argv0)
{
	const char *slash = strrchr(argv0, '/'), *name = slash != NULL ? slash + 1 : argv0;

	if (strcmp(name, "mailq") == 0)
		r->mode = 'p';
	else if (strcmp(name, "newaliases") == 0)
		r->mode = 'i';
}

int main(int argc, char **argv)
{
	struct request r = { .mode = 'm' };
	int status;

	r.full_name = getenv("NAME");
	by_name(&r, argc > 0 ? argv[0] : "");
	status = options_read(&r, argc, argv);
	if (status != EX_OK)
		return status;
	if (r.queue != NULL && r.mode == 'm')
		return run_queue(&r);
	for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
		if (modes[i].mode == r.mode)
			return modes[i].fn(&r);
	return EX_USAGE;
}
