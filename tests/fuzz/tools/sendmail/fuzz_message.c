/* Any message through sendmail -t: nothing of it is lost but the fields that are dropped. */
#include <stdint.h>
#include <stdlib.h>

#include "../../../../tools/sendmail/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int complain(int status, const char *fmt, ...)
{
	(void)fmt;
	return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct request r = { .extract = true };
	struct message m;

	message_read(&m, &r, str_bytes(data, size));
	if (m.header.n + m.body.n > size || m.body.p + m.body.n != (const char *)data + size)
		abort();
	for (size_t i = 0; i < r.to.n; i++)
		for (size_t k = 0; k < r.to.list[i].n; k++)
			if ((unsigned char)r.to.list[i].p[k] < ' ')
				abort();
	message_add_from(&m, "Full Name", STR("a@x.y"));
	message_clear(&m);
	arena_clear(&r.mem);
	return 0;
}
