/* What resolver gets and answers, and next hops explained: the first byte chooses the message. */
#include "packet.h"

#include "proto/deliver.h"
#include "proto/resolve.h"

BORROWED(resolve_question, resolve_question, get_resolve_question)
COPIED(resolve_reply, resolve_reply, get_resolve_reply)
BORROWED(mail_question, mail_question, get_mail_question)
COPIED(mail_reply, mail_reply, get_mail_reply)
BORROWED(client_question, client_question, get_client_question)
BORROWED(client_reply, client_reply, get_client_reply)
BORROWED(hop_question, hop_question, get_hop_question)
COPIED(hop_reply, hop_reply, get_hop_reply)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static packet_get *const gets[] = { resolve_question, resolve_reply, mail_question,
		mail_reply, hop_question, hop_reply, client_question, client_reply };

	packet_try(data, size, gets, sizeof gets / sizeof *gets);
	return 0;
}
