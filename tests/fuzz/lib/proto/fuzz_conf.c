/* conf_decode() on any bytes: what it takes, it writes again the same. */
#include <stdint.h>
#include <stdlib.h>

#include "proto/conf.h"
#include "proto/role.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf *c = conf_decode(str_bytes(data, size)), *d;
	struct buf b, again;

	if (c == NULL)
		return 0;
	buf_init(&b, 8 << 20);
	buf_init(&again, 8 << 20);
	if (conf_encode(c, data[4], &b) == 0) {
		d = conf_decode(buf_view(&b));
		if (d == NULL || conf_encode(d, data[4], &again) == -1 ||
		    !str_eq(buf_view(&b), buf_view(&again)))
			abort();
		conf_free(d);
	}
	buf_clear(&b);
	buf_clear(&again);
	conf_free(c);
	return 0;
}
