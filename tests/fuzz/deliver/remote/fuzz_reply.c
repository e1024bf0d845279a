/* Replies of a server, cut into lines as the connection does, and what is made of them. */
#include "../../../../deliver/remote/caps.h"
#include "../../../../deliver/remote/limits.h"
#include "../../../../deliver/remote/reply.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct reply *r)
{
	struct status st;

	assert(r->code >= 200 && r->code <= 599);
	assert(r->n < sizeof r->text && strlen(r->text) == r->n);
	reply_status(r, "end of DATA command", &st);
	assert(st.code == r->code && st.enhanced[0] == '0' + st.code / 100);
	for (const char *p = st.text; *p != '\0'; p++)
		assert(*p >= ' ' && *p <= '~');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = str_bytes(data, size), line;
	struct caps caps = { 0 };
	struct reply r;

	reply_start(&r);
	while (str_cut(&rest, '\n', &line)) {
		/* in a block of its own, so that one byte too many is found */
		char *copy = malloc(line.n + 1);
		struct str own = { copy, line.n };
		enum reply_state state;

		memcpy(copy, line.p, line.n);
		copy = realloc(copy, line.n > 0 ? line.n : 1);
		own.p = copy;
		if (own.n > 0 && own.p[own.n - 1] == '\r')
			own.n--;
		state = reply_line(&r, own);
		if (state != REPLY_BAD) {
			caps_line(&caps, r.line);
			check(&r);
		}
		if (state != REPLY_MORE)
			reply_start(&r);
		free(copy);
	}
	return 0;
}
