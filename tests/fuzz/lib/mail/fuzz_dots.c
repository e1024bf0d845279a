/* DATA and BDAT content: the result never depends on the cuts and is always clean. */
#include <assert.h>
#include <stdlib.h>

#include "mail/dots.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int feed(struct dots_in *d, struct str in, size_t step, struct buf *out, size_t *used)
{
	int end = 0;

	*used = 0;
	while (*used < in.n && end == 0) {
		struct str piece = str_take(str_skip(in, *used), step);
		size_t n = piece.n;

		end = dots_in_feed(d, &piece, out);
		*used += n - piece.n;
	}
	return end;
}

/* Only CRLF line ends. */
static void check_clean(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		assert(s.p[i] != '\n' || (i > 0 && s.p[i - 1] == '\r'));
		assert(s.p[i] != '\r' || (i + 1 < s.n && s.p[i + 1] == '\n'));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dots_in a, b;
	struct dots_out o;
	struct buf whole, cut, wire;
	struct str in;
	size_t used_a, used_b;

	if (size == 0 || size > 100000)
		return 0;
	in = str_bytes(data + 1, size - 1);
	buf_init(&whole, 1 << 20);
	buf_init(&cut, 1 << 20);
	buf_init(&wire, 1 << 20);
	dots_in_start(&a, data[0] & 1, data[0] & 2);
	b = a;
	assert(
	    feed(&a, in, size, &whole, &used_a) == feed(&b, in, 1 + data[0] / 16u, &cut, &used_b));
	assert(used_a == used_b && a.faults == b.faults);
	assert(str_eq(buf_view(&whole), buf_view(&cut)));
	dots_in_finish(&a, &whole);
	if ((a.faults & (DOTS_BARE_CR | DOTS_BARE_LF)) == 0)
		check_clean(buf_view(&whole));
	/* what is sent on comes out at the other side as it was */
	dots_out_start(&o);
	dots_out_feed(&o, buf_view(&whole), &wire);
	dots_out_finish(&o, &wire);
	check_clean(buf_view(&wire));
	dots_in_start(&b, true, false);
	buf_reset(&cut);
	assert(feed(&b, buf_view(&wire), 7, &cut, &used_b) == 1 && used_b == wire.n);
	if ((a.faults & (DOTS_BARE_CR | DOTS_BARE_LF)) == 0)
		assert(str_eq(buf_view(&whole), buf_view(&cut)));
	buf_clear(&whole);
	buf_clear(&cut);
	buf_clear(&wire);
	return 0;
}
