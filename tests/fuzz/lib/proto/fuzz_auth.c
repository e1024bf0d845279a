/* What auth, spawn and a session get from their peers: the first byte chooses the message. */
#include "packet.h"

#include "proto/auth.h"
#include "proto/pam.h"

BORROWED(check, auth_check, get_auth_check)
BORROWED(answer, auth_answer, get_auth_answer)
BORROWED(grant, grant, get_grant)
BORROWED(handover, handover, get_handover)
BORROWED(session_start, session_start, get_session_start)
BORROWED(account_change, account_change, get_account_change)
BORROWED(token, auth_token, get_auth_token)
BORROWED(certificate, auth_certificate, get_auth_certificate)
BORROWED(pam, pam_question, get_pam_question)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static packet_get *const gets[] = { check, answer, grant, handover, session_start,
		account_change, token, certificate, pam };

	packet_try(data, size, gets, sizeof gets / sizeof *gets);
	return 0;
}
