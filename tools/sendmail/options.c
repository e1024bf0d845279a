/* The command line of sendmail. See options.h. */
#include "options.h"

#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "mail/address.h"

/* --- options with a meaning ------------------------------------------------------------------ */

static int set_mode(struct request *r, const char *value)
{
	/* -bh, -bH (host status) say nothing; -bl is -bd */
	if (value[0] == '\0' || strchr("mspivdlhH", value[0]) == NULL)
		return complain(EX_USAGE, "unknown mode -b%s", value);
	r->mode = value[0] == 'l' ? 'd' : value[0];
	return EX_OK;
}

static int set_newaliases(struct request *r, const char *value)
{
	(void)value;
	r->mode = 'i';
	return EX_OK;
}

static int set_extract(struct request *r, const char *value)
{
	(void)value;
	r->extract = true;
	return EX_OK;
}

static int set_dots(struct request *r, const char *value)
{
	(void)value;
	r->dots = true;
	return EX_OK;
}

static int set_verbose(struct request *r, const char *value)
{
	(void)value;
	r->verbose = true;
	return EX_OK;
}

static int set_sender(struct request *r, const char *value)
{
	struct recipients saved = r->to;
	int status;

	r->sender_given = true;
	r->sender = STR_NONE;
	if (value[0] == '\0' || strcmp(value, "<>") == 0)
		return EX_OK;
	r->to = (struct recipients){ 0 };
	status = recipients_add_list(r, str_of(value));
	if (status == EX_OK && r->to.n == 1)
		r->sender = r->to.list[0];
	else if (status == EX_OK)
		status = complain(EX_USAGE, "-f %s: one address is wanted", value);
	r->to = saved;
	return status;
}

static int set_full_name(struct request *r, const char *value)
{
	r->full_name = value;
	return EX_OK;
}

static int set_body(struct request *r, const char *value)
{
	if (strcasecmp(value, "8BITMIME") == 0)
		r->eightbit = true;
	else if (strcasecmp(value, "7BIT") != 0)
		return complain(EX_USAGE, "-B %s: 7BIT or 8BITMIME is wanted", value);
	return EX_OK;
}

/*
 * RFC 3461 4.1: never, or some of the others. What reports are wanted is no reason not to send a
 * message: as with Postfix, a bad value is ignored with a warning, here and in -R and -V.
 */
static int set_notify(struct request *r, const char *value)
{
	static const char *const words[] = { "SUCCESS", "FAILURE", "DELAY" };
	struct str rest = str_of(value), word;
	unsigned given = 0;

	if (strcasecmp(value, "never") == 0) {
		r->notify = STR("NEVER");
		return EX_OK;
	}
	while (str_cut(&rest, ',', &word)) {
		unsigned was = given;

		for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++)
			if (str_caseeq(str_trim(word), str_of(words[i])))
				given |= 1u << i;
		if (given == was)
			return complain(EX_OK,
			    "warning: -N %s: never, or some of success,failure,delay -- ignored",
			    value);
	}
	r->notify = arena_printf(&r->mem, "%s%s%s", (given & 1) != 0 ? "SUCCESS," : "",
	    (given & 2) != 0 ? "FAILURE," : "", (given & 4) != 0 ? "DELAY," : "");
	r->notify.n--;
	return EX_OK;
}

static int set_ret(struct request *r, const char *value)
{
	if (strcasecmp(value, "full") == 0)
		r->ret = "FULL";
	else if (strcasecmp(value, "hdrs") == 0)
		r->ret = "HDRS";
	else
		return complain(EX_OK, "warning: -R %s: hdrs or full is wanted -- ignored", value);
	return EX_OK;
}

static int set_envid(struct request *r, const char *value)
{
	if (strlen(value) > ENVID_MAX)
		return complain(
		    EX_OK, "warning: -V: longer than %d characters -- ignored", ENVID_MAX);
	r->envid = value;
	return EX_OK;
}

static int set_conf(struct request *r, const char *value)
{
	r->conf = value;
	return EX_OK;
}

/* -q: all, -qI...: an id, -qR...: a site; -qS... and -qTIME are for daemons of another kind. */
static int set_queue(struct request *r, const char *value)
{
	r->queue = "";
	r->queue_kind = 'a';
	if (value == NULL || value[0] == '\0')
		return EX_OK;
	if (value[0] == 'I' || value[0] == 'R') {
		r->queue_kind = value[0] == 'I' ? 'i' : 's';
		r->queue = value + 1;
	} else {
		r->queue_kind = 't';
	}
	return EX_OK;
}

/* -X FILE logs traffic elsewhere; -XV asks for variable return paths. */
static int set_x(struct request *r, const char *value)
{
	(void)r;
	if (value[0] == 'V')
		return complain(EX_UNAVAILABLE, "-XV: variable return paths are not supported");
	return EX_OK;
}

/* -oX: only -oi says something; the others are for another mailer. */
static int set_o(struct request *r, const char *value)
{
	if (value[0] == 'i')
		r->dots = true;
	return EX_OK;
}

static int ignore(struct request *r, const char *value)
{
	(void)r;
	(void)value;
	return EX_OK;
}

static const struct option {
	char letter;
	enum { NO_VALUE, VALUE, VALUE_ATTACHED } value;
	int (*fn)(struct request *r, const char *value);
} options[] = {
	{ 'A', VALUE, ignore },
	{ 'B', VALUE, set_body },
	{ 'C', VALUE, set_conf },
	{ 'E', NO_VALUE, ignore },
	{ 'F', VALUE, set_full_name },
	{ 'G', NO_VALUE, ignore },
	{ 'I', NO_VALUE, set_newaliases },
	{ 'J', NO_VALUE, ignore },
	{ 'L', VALUE, ignore },
	{ 'N', VALUE, set_notify },
	{ 'O', VALUE, ignore },
	{ 'R', VALUE, set_ret },
	{ 'U', NO_VALUE, ignore },
	{ 'V', VALUE, set_envid },
	{ 'X', VALUE, set_x },
	{ 'b', VALUE, set_mode },
	{ 'c', NO_VALUE, ignore },
	{ 'e', VALUE, ignore },
	{ 'f', VALUE, set_sender },
	{ 'h', VALUE, ignore },
	{ 'i', NO_VALUE, set_dots },
	{ 'm', NO_VALUE, ignore },
	{ 'n', NO_VALUE, ignore },
	{ 'o', VALUE, set_o },
	{ 'p', VALUE, ignore },
	{ 'q', VALUE_ATTACHED, set_queue },
	{ 'r', VALUE, set_sender },
	{ 't', NO_VALUE, set_extract },
	{ 'v', NO_VALUE, set_verbose },
	{ 'x', NO_VALUE, ignore },
};

static const struct option *option_find(int letter)
{
	for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
		if (options[i].letter == letter)
			return &options[i];
	return NULL;
}

int options_read(struct request *r, int argc, char **argv)
{
	char letters[3 * sizeof options / sizeof options[0] + 1];
	size_t n = 0;
	int c;

	for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
		letters[n++] = options[i].letter;
		for (int k = 0; k < (int)options[i].value; k++)
			letters[n++] = ':';
	}
	letters[n] = '\0';
	while ((c = getopt(argc, argv, letters)) != -1) {
		const struct option *o = option_find(c);
		int status = o == NULL ? EX_USAGE : o->fn(r, optarg);

		if (status != EX_OK)
			return status;
	}
	for (; optind < argc; optind++) {
		int status = recipients_add_list(r, str_of(argv[optind]));

		if (status != EX_OK)
			return status;
	}
	return EX_OK;
}
