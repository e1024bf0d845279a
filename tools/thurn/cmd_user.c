/*
 * thurn user: accounts. add, passwd and delete send one request per account to services/auth, a few
 * at a time, so that thousands are added at the speed of the password hash.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "proto/auth.h"
#include "proto/types.h"

enum { WINDOW = 64, LINE_SIZE = LOGIN_MAX + PASSWORD_MAX + 8 };

struct options {
	const char *password_file; /* "-" = standard input */
	const char *import;
	uint64_t quota;
	bool json;
};

/* Requests under way. */
struct batch {
	struct control control;
	const struct options *options;
	char addresses[WINDOW][LOGIN_MAX + 1]; /* "" = free; the place is the id - 1 */
	unsigned under_way;
	int status; /* the first that was not 0 */
};

static int usage(void)
{
	fprintf(stderr,
	    "usage: thurn user add [--quota SIZE] [--password-file FILE | --password-stdin] "
	    "ADDRESS...\n"
	    "       thurn user add [--quota SIZE] --import FILE\n"
	    "       thurn user passwd [--password-file FILE | --password-stdin] ADDRESS...\n"
	    "       thurn user delete ADDRESS...\n"
	    "       thurn user list\n"
	    "each with [--json]\n");
	return EX_USAGE;
}

/* --- passwords ------------------------------------------------------------------------------- */

/* A line without its end into out; 0, or -1 at the end of the file or when it is too long. */
static int read_line(FILE *fp, char *out, size_t size)
{
	size_t n;

	if (fgets(out, (int)size, fp) == NULL)
		return -1;
	n = strlen(out);
	if (n > 0 && out[n - 1] == '\n')
		out[--n] = '\0';
	else if (!feof(fp))
		return -1;
	if (n > 0 && out[n - 1] == '\r')
		out[n - 1] = '\0';
	return 0;
}

static int read_hidden(FILE *tty, const char *prompt, char *out, size_t size)
{
	struct termios old, quiet;
	int r;

	fprintf(tty, "%s: ", prompt);
	fflush(tty);
	if (tcgetattr(fileno(tty), &old) == -1)
		return -1;
	quiet = old;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	if (tcsetattr(fileno(tty), TCSAFLUSH, &quiet) == -1)
		return -1;
	r = read_line(tty, out, size);
	tcsetattr(fileno(tty), TCSAFLUSH, &old);
	fprintf(tty, "\n");
	return r;
}

/* Asks twice, without echo. -1: said why. */
static int prompt_password(const char *address, char *out, size_t size)
{
	char prompt[LOGIN_MAX + 32], again[PASSWORD_MAX + 2];
	FILE *tty = fopen("/dev/tty", "r+e");
	int r;

	if (tty == NULL) {
		tool_warn("there is no terminal to ask for a password: use --password-stdin");
		return -1;
	}
	snprintf(prompt, sizeof prompt, "Password for %s", address);
	r = read_hidden(tty, prompt, out, size);
	if (r == 0)
		r = read_hidden(tty, "Once more", again, sizeof again);
	fclose(tty);
	if (r == -1)
		tool_warn("no password");
	else if (strcmp(out, again) != 0) {
		tool_warn("the two are not the same");
		r = -1;
	}
	explicit_bzero(again, sizeof again);
	return r;
}

static int file_password(const char *path, char *out, size_t size)
{
	FILE *fp = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	int r;

	if (fp == NULL) {
		tool_warn("%s: %s", path, strerror(errno));
		return -1;
	}
	r = read_line(fp, out, size);
	if (r == -1)
		tool_warn("%s: the first line holds no password", path);
	if (fp != stdin)
		fclose(fp);
	return r;
}

/* --- requests -------------------------------------------------------------------------------- */

static void report(struct batch *b, const char *address, uint32_t status, struct str text)
{
	if (status != 0 && b->status == 0)
		b->status = (int)status;
	if (b->options->json) {
		json_t *o = json_pack("{s:s, s:i, s:s%}", "address", address, "status", (int)status,
		    "text", text.p, text.n);

		json_dumpf(o, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
		putchar('\n');
		json_decref(o);
	} else if (status != 0) {
		tool_warn("%s: %.*s", address, STR_ARG(text));
	}
}

/* Waits for one answer, whichever comes first. -1: said why, there will be none. */
static int await(struct batch *b)
{
	static uint8_t space[IPC_PACKET_MAX];
	struct ipc_msg m;
	struct get g;
	uint32_t status;
	struct str text;
	int r = ipc_recv(b->control.fd, &m, space);

	if (r != 1) {
		tool_warn("no answer: %s", r == 0 ? "the service has ended" : strerror(errno));
		return -1;
	}
	ipc_close_fds(&m);
	g = get_start(m.body);
	status = get_u32(&g);
	text = get_str(&g, CONTROL_TEXT_MAX);
	if (m.type != CONTROL_END || m.id == 0 || m.id > WINDOW ||
	    b->addresses[m.id - 1][0] == '\0' || get_end(&g) == -1) {
		tool_warn("an answer that fits no question");
		return -1;
	}
	report(b, b->addresses[m.id - 1], status, text);
	b->addresses[m.id - 1][0] = '\0';
	b->under_way--;
	return 0;
}

/* Sends a request about an account as soon as there is room. */
static int request(struct batch *b, uint16_t type, const char *address, const char *password)
{
	struct put w = put_start();
	struct ipc_msg m = { .type = type, .gen = 1 };
	unsigned i = 0;

	if (b->under_way == WINDOW && await(b) == -1)
		return -1;
	while (b->addresses[i][0] != '\0')
		i++;
	if (address[0] == '\0' || str_copy(str_of(address), b->addresses[i], LOGIN_MAX + 1) == -1) {
		b->addresses[i][0] = '\0';
		report(b, address, EX_DATAERR, STR("that is no address"));
		return 0;
	}
	put_account_change(&w, &(struct account_change){ .address = str_of(address),
				   .password = str_of(password),
				   .quota = b->options->quota });
	m.id = i + 1;
	m.body = put_view(&w);
	if (ipc_send(b->control.fd, &m) == -1) {
		tool_warn("not sent: %s", strerror(errno));
		return -1;
	}
	explicit_bzero(w.p, w.n);
	b->under_way++;
	return 0;
}

static int request_line(struct batch *b, const char *line)
{
	char address[LINE_SIZE];
	size_t n = strcspn(line, " \t");

	if (line[0] == '\0' || line[0] == '#')
		return 0;
	memcpy(address, line, n);
	address[n] = '\0';
	line += n;
	line += strspn(line, " \t");
	if (*line == '\0') {
		report(b, address, EX_DATAERR, STR("the line has no password"));
		return 0;
	}
	return request(b, AUTH_CTL_ADD, address, line);
}

/* Lines "ADDRESS PASSWORD", blank lines and #comments. */
static int import(struct batch *b)
{
	const char *path = b->options->import;
	FILE *fp = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	char line[LINE_SIZE];
	int r = 0;

	if (fp == NULL)
		return tool_fail(EX_NOINPUT, "%s: %s", path, strerror(errno));
	while (r == 0 && read_line(fp, line, sizeof line) == 0)
		r = request_line(b, line);
	if (r == 0 && !feof(fp))
		r = tool_fail(EX_DATAERR, "%s: a line is too long", path);
	explicit_bzero(line, sizeof line);
	if (fp != stdin)
		fclose(fp);
	return r;
}

static int request_each(struct batch *b, uint16_t type, int argc, char **argv)
{
	const struct options *o = b->options;
	char password[PASSWORD_MAX + 2];
	int r = 0;

	if (o->password_file != NULL &&
	    file_password(o->password_file, password, sizeof password) == -1)
		return EX_NOINPUT;
	for (int i = 0; r == 0 && i < argc; i++) {
		if (type != AUTH_CTL_DELETE && o->password_file == NULL)
			r = prompt_password(argv[i], password, sizeof password);
		if (r == 0)
			r = request(b, type, argv[i], type == AUTH_CTL_DELETE ? NULL : password);
	}
	explicit_bzero(password, sizeof password);
	return r;
}

static int change(uint16_t type, int argc, char **argv, const struct options *o)
{
	struct batch b = { .options = o };
	int r;

	if ((argc == 0) == (o->import == NULL) || (o->import != NULL && type != AUTH_CTL_ADD))
		return usage();
	if (tool_control(&b.control, "accounts") == -1)
		return EX_UNAVAILABLE;
	r = o->import != NULL ? import(&b) : request_each(&b, type, argc, argv);
	while (b.under_way > 0 && await(&b) == 0)
		;
	control_close(&b.control);
	if (b.under_way > 0)
		return EX_UNAVAILABLE;
	return r == 0 ? b.status : r == -1 ? EX_UNAVAILABLE : r;
}

/* --- sub-commands ---------------------------------------------------------------------------- */

static int user_add(int argc, char **argv, const struct options *o)
{
	return change(AUTH_CTL_ADD, argc, argv, o);
}

static int user_passwd(int argc, char **argv, const struct options *o)
{
	return change(AUTH_CTL_PASSWD, argc, argv, o);
}

static int user_delete(int argc, char **argv, const struct options *o)
{
	return change(AUTH_CTL_DELETE, argc, argv, o);
}

static void print_account(void *arg, struct str json, struct ipc_msg *m)
{
	json_t *o = json_loadb(json.p, json.n, 0, NULL);
	time_t created = (time_t)json_integer_value(json_object_get(o, "created"));
	char when[32] = "";
	struct tm tm;

	(void)arg;
	(void)m;
	if (localtime_r(&created, &tm) != NULL)
		strftime(when, sizeof when, "%Y-%m-%d", &tm);
	if (o != NULL)
		printf("%-32s %10lld %12lld %s %s\n",
		    json_string_value(json_object_get(o, "address")),
		    (long long)json_integer_value(json_object_get(o, "uid")),
		    (long long)json_integer_value(json_object_get(o, "quota")), when,
		    json_string_value(json_object_get(o, "home")));
	json_decref(o);
}

static int user_list(int argc, char **argv, const struct options *o)
{
	struct put w = put_start();

	(void)argv;
	if (argc > 0)
		return usage();
	if (!o->json)
		printf("%-32s %10s %12s %-10s %s\n", "ADDRESS", "UID", "QUOTA", "CREATED", "HOME");
	return tool_ask(
	    "accounts", AUTH_CTL_LIST, &w, o->json ? tool_print_record : print_account, NULL);
}

static const struct {
	const char *name;
	int (*fn)(int argc, char **argv, const struct options *o);
} commands[] = {
	{ "add", user_add },
	{ "passwd", user_passwd },
	{ "delete", user_delete },
	{ "list", user_list },
};

static int take_option(int which, struct options *o)
{
	int64_t n;

	switch (which) {
	case 'f':
		o->password_file = optarg;
		return 0;
	case 's':
		o->password_file = "-";
		return 0;
	case 'i':
		o->import = optarg;
		return 0;
	case 'j':
		o->json = true;
		return 0;
	case 'q':
		if (setting_number(SET_SIZE, str_of(optarg), &n) == -1 || n < 0)
			return -1;
		o->quota = (uint64_t)n;
		return 0;
	default:
		return -1;
	}
}

int cmd_user(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "password-file", required_argument, NULL, 'f' },
		{ "password-stdin", no_argument, NULL, 's' },
		{ "import", required_argument, NULL, 'i' },
		{ "json", no_argument, NULL, 'j' },
		{ "quota", required_argument, NULL, 'q' },
		{ NULL, 0, NULL, 0 },
	};
	struct options o = { 0 };
	int which;

	while ((which = getopt_long(argc, argv, "", longs, NULL)) != -1)
		if (take_option(which, &o) == -1)
			return usage();
	argc -= optind;
	argv += optind;
	for (size_t i = 0; argc > 0 && i < sizeof commands / sizeof *commands; i++)
		if (strcmp(argv[0], commands[i].name) == 0)
			return commands[i].fn(argc - 1, argv + 1, &o);
	return usage();
}
