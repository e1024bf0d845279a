/* What a token endpoint answers, and the packets about logins. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "../../../../services/credentials/answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_packets(struct str body)
{
	struct get g = get_start(body);
	struct credential_question q;
	struct credential_reply r;
	struct credential_look l;

	if (get_credential_question(&g, &q) == 0)
		assert(!ticket_good((const uint64_t[2]){ 1, 2 }, &q.ticket, 5, q.sender, q.way) ||
		       q.ticket.until > 5);
	g = get_start(body);
	if (get_credential_reply(&g, &r) == 0)
		assert(r.secret.n <= CREDENTIAL_SECRET_MAX && r.kind < CREDENTIAL_KINDS);
	g = get_start(body);
	get_credential_look(&g, &l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct answer a;
	struct str text = str_bytes(data, size);

	for (unsigned status = 200; status <= 400; status += 200) {
		if (answer_read(text, status, &a) == 0)
			assert(status == 200 && a.access[0] != '\0' &&
			       a.seconds <= ANSWER_SECONDS_MAX);
		else
			assert(a.why[0] != '\0' && a.access[0] == '\0');
		for (const char *p = a.why; *p != '\0'; p++)
			assert(*p >= ' ' && *p <= '~');
	}
	read_packets(text);
	return 0;
}
