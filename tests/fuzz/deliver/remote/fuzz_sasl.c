/* What a server says to a client that logs in: a mechanism in the first byte, then challenges by lines. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "../../../../deliver/remote/sasl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t exporter[SASL_EXPORTER];
	static bool open;
	struct str rest = str_bytes(data, size), challenge;
	struct buf out;
	const char *why = NULL;
	struct sasl *x;

	if (!open && sasl_open() == -1)
		abort();
	open = true;
	if (size == 0)
		return 0;
	x = sasl_new(&(struct sasl_login){ .mechanism = data[0] % LOGIN_MECHANISMS,
	    .user = "user",
	    .secret = "secret",
	    .host = "mail.example.test",
	    .exporter = exporter });
	assert(x != NULL);
	rest = str_skip(rest, 1);
	buf_init(&out, SASL_MESSAGE_MAX);
	if (sasl_begins(data[0] % LOGIN_MECHANISMS))
		assert(sasl_step(x, STR_NONE, &out, &why) == 0 && !out.full);
	for (unsigned n = 0; str_cut(&rest, '\n', &challenge); n++) {
		buf_reset(&out);
		if (sasl_step(x, challenge, &out, &why) == -1) {
			assert(why != NULL);
			break;
		}
		assert(n <= SASL_ROUNDS_MAX);
		/* nobody can prove that he knows the password who does not */
		assert(data[0] % LOGIN_MECHANISMS > LOGIN_SCRAM_SHA_1 || !sasl_complete(x));
	}
	buf_clear(&out);
	sasl_free(x);
	return 0;
}
