/* The file of counters: what is taken is written again as it was; its checksum is made right first. */
#undef NDEBUG
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../../../queue/logins.h"
#include "base/crc32c.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NOW = 1795446245 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf once, again;
	uint32_t crc;
	char *copy;

	if (size < 4 || size > 65536)
		return 0;
	copy = malloc(size);
	memcpy(copy, data, size);
	crc = crc32c(0, copy, size - 4);
	for (int i = 0; i < 4; i++)
		copy[size - 4 + (size_t)i] = (char)(crc >> i * 8);
	buf_init(&once, 1 << 20);
	buf_init(&again, 1 << 20);
	if (logins_decode(str_bytes(copy, size), NOW) == 0) {
		assert(logins_encode(&once, NOW) == 0);
		logins_clear();
		assert(logins_decode(buf_view(&once), NOW) == 0);
		assert(logins_encode(&again, NOW) == 0);
		assert(once.n == again.n);
	}
	logins_clear();
	buf_clear(&once);
	buf_clear(&again);
	free(copy);
	return 0;
}
