/* Passwords for the commands about accounts. See account.h. */
#include <errno.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "account.h"

int password_line(FILE *fp, char *out, size_t size)
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
	r = password_line(tty, out, size);
	tcsetattr(fileno(tty), TCSAFLUSH, &old);
	fprintf(tty, "\n");
	return r;
}

int password_prompt(const char *whose, bool twice, char out[PASSWORD_SIZE])
{
	char prompt[LOGIN_MAX + 32], again[PASSWORD_SIZE];
	FILE *tty = fopen("/dev/tty", "r+e");
	int r;

	if (tty == NULL) {
		tool_warn("there is no terminal to ask for a password: use --password-stdin");
		return -1;
	}
	snprintf(prompt, sizeof prompt, "Password for %s", whose);
	r = read_hidden(tty, prompt, out, PASSWORD_SIZE);
	if (r == 0 && twice)
		r = read_hidden(tty, "Once more", again, sizeof again);
	fclose(tty);
	if (r == -1)
		tool_warn("no password");
	else if (twice && strcmp(out, again) != 0) {
		tool_warn("the two are not the same");
		r = -1;
	}
	explicit_bzero(again, sizeof again);
	return r;
}

int password_file(const char *path, char out[PASSWORD_SIZE])
{
	FILE *fp = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	int r;

	if (fp == NULL) {
		tool_warn("%s: %s", path, strerror(errno));
		return -1;
	}
	r = password_line(fp, out, PASSWORD_SIZE);
	if (r == -1)
		tool_warn("%s: the first line holds no password", path);
	if (fp != stdin)
		fclose(fp);
	return r;
}
