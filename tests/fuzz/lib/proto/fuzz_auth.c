/* What auth, spawn and a session get from their peers: the first byte chooses the message. */
#include <stdint.h>

#include "proto/auth.h"
#include "proto/pam.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int check(struct get *g)
{
	struct auth_check x;

	return get_auth_check(g, &x);
}

static int answer(struct get *g)
{
	struct auth_answer x;

	return get_auth_answer(g, &x);
}

static int grant(struct get *g)
{
	struct grant x;

	return get_grant(g, &x);
}

static int handover(struct get *g)
{
	struct handover x;

	return get_handover(g, &x);
}

static int session_start(struct get *g)
{
	struct session_start x;

	return get_session_start(g, &x);
}

static int account_change(struct get *g)
{
	struct account_change x;

	return get_account_change(g, &x);
}

static int token(struct get *g)
{
	struct auth_token x;

	return get_auth_token(g, &x);
}

static int certificate(struct get *g)
{
	struct auth_certificate x;

	return get_auth_certificate(g, &x);
}

static int pam(struct get *g)
{
	struct pam_question x;

	return get_pam_question(g, &x);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int (*const gets[])(
	    struct get *) = { check, answer, grant, handover, session_start, account_change,
		token, certificate, pam };
	struct get g;

	if (size == 0)
		return 0;
	g = get_start(str_bytes(data + 1, size - 1));
	gets[data[0] % (sizeof gets / sizeof *gets)](&g);
	return 0;
}
