/* A message made fit for 7 bits: it is, and does not depend on the cuts. The first byte is their size. */
#include <assert.h>
#include <stdlib.h>

#include "mail/downgrade.h"
#include "mail/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int put(void *arg, struct str bytes)
{
	return buf_str(arg, bytes);
}

static int convert(struct str message, size_t step, struct buf *out)
{
	struct downgrade d;
	int r;

	buf_init(out, 64 << 20);
	downgrade_init(&d);
	for (struct str s = message; s.n > 0; s = str_skip(s, step < s.n ? step : s.n))
		downgrade_look(&d, str_take(s, step < s.n ? step : s.n));
	r = downgrade_plan(&d);
	if (r == 0) {
		downgrade_start(&d, put, out);
		for (struct str s = message; s.n > 0; s = str_skip(s, step < s.n ? step : s.n))
			assert(downgrade_feed(&d, str_take(s, step < s.n ? step : s.n)) == 0);
		assert(downgrade_finish(&d) == 0);
		assert(str_is_ascii(buf_view(out)));
	}
	downgrade_clear(&d);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf whole, cut;
	struct str message;

	if (size == 0)
		return 0;
	message = str_bytes(data + 1, size - 1);
	assert(convert(message, size, &whole) == convert(message, data[0] + 1u, &cut));
	assert(str_eq(buf_view(&whole), buf_view(&cut)));
	buf_clear(&whole);
	buf_clear(&cut);
	return 0;
}
