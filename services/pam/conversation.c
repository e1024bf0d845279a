/*
 * One question to PAM. See conversation.h.
 *
 * A handle serves for the life of the process: modules are loaded when it is made, and a confined
 * process could load none. What a module keeps of one user is told to forget by setting the user
 * anew; libpam itself wipes the password after each answer.
 */
#include "conversation.h"

#include <security/pam_appl.h>
#include <stdlib.h>
#include <string.h>

enum { PROMPTS_MAX = 8 }; /* in one go */

static pam_handle_t *handle;
static char answer[PASSWORD_MAX + 1]; /* to every question that is not echoed */
static char name[PASSWORD_MAX + 1]; /* to others */

static char *copy(const char *s)
{
	char *c = strdup(s);

	if (c == NULL)
		abort();
	return c;
}

static int converse(
    int n, const struct pam_message **messages, struct pam_response **responses, void *unused)
{
	struct pam_response *r;

	(void)unused;
	if (n <= 0 || n > PROMPTS_MAX)
		return PAM_CONV_ERR;
	r = calloc((size_t)n, sizeof *r);
	if (r == NULL)
		return PAM_BUF_ERR;
	for (int i = 0; i < n; i++) { /* libpam frees them, and wipes them before */
		if (messages[i]->msg_style == PAM_PROMPT_ECHO_OFF)
			r[i].resp = copy(answer);
		else if (messages[i]->msg_style == PAM_PROMPT_ECHO_ON)
			r[i].resp = copy(name);
	}
	*responses = r;
	return PAM_SUCCESS;
}

/* The servers make all refusals take the same time; a process that sleeps serves nobody. */
static void no_delay(int status, unsigned microseconds, void *unused)
{
	(void)status;
	(void)microseconds;
	(void)unused;
}

const char *conversation_open(const char *service, const char *confdir)
{
	static const struct pam_conv conv = { converse, NULL };
	int r = pam_start_confdir(service, NULL, &conv, confdir, &handle);

	if (r == PAM_SUCCESS)
		r = pam_set_item(handle, PAM_FAIL_DELAY, (const void *)no_delay);
	if (r == PAM_SUCCESS)
		r = pam_set_item(handle, PAM_TTY, "thurn");
	return r == PAM_SUCCESS ? NULL : pam_strerror(handle, r);
}

static enum auth_verdict verdict_of(int r)
{
	static const int refusals[] = { PAM_AUTH_ERR, PAM_USER_UNKNOWN, PAM_MAXTRIES,
		PAM_ACCT_EXPIRED, PAM_PERM_DENIED, PAM_CRED_EXPIRED, PAM_NEW_AUTHTOK_REQD,
		PAM_AUTHTOK_EXPIRED };

	for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
		if (r == refusals[i])
			return AUTH_REFUSED;
	return r == PAM_SUCCESS ? AUTH_OK : AUTH_LATER;
}

static int set_text(int item, struct str text, char space[PASSWORD_MAX + 1])
{
	if (str_copy(text, space, PASSWORD_MAX + 1) == -1)
		return PAM_BUF_ERR;
	return item == 0 ? PAM_SUCCESS : pam_set_item(handle, item, space);
}

enum auth_verdict conversation(
    struct str user, struct str client, struct str password, const char **why)
{
	char rhost[PASSWORD_MAX + 1];
	int r = set_text(PAM_USER, user, name);

	if (r == PAM_SUCCESS)
		r = set_text(PAM_RHOST, client, rhost);
	if (r == PAM_SUCCESS)
		r = set_text(0, password, answer);
	if (r == PAM_SUCCESS)
		r = pam_authenticate(handle, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
	if (r == PAM_SUCCESS)
		r = pam_acct_mgmt(handle, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
	explicit_bzero(answer, sizeof answer);
	(void)pam_set_item(handle, PAM_AUTHTOK, NULL);
	*why = r == PAM_SUCCESS ? "" : pam_strerror(handle, r);
	return verdict_of(r);
}
