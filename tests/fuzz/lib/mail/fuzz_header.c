/* Scanner and edits: the pieces together are the input, however it is cut. */
#include <assert.h>
#include <stdlib.h>

#include "mail/edit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int put(void *arg, struct str s)
{
	return buf_str(arg, s);
}

static void copy(struct str in, size_t step, const struct edit *e, uint32_t n, struct buf *out)
{
	struct edit_copy c;

	edit_start(&c, e, n, put, out);
	for (size_t at = 0; at < in.n; at += step)
		assert(edit_feed(&c, str_take(str_skip(in, at), step)) == 0);
	assert(edit_finish(&c) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct edit edits[] = { { EDIT_INSERT, 1, STR("X"), STR(" y") },
		{ EDIT_CHANGE, 2, STR("a"), STR(" z") }, { EDIT_DELETE, 1, STR("b"), STR_NONE } };
	static const struct edit none[] = { { EDIT_DELETE, 1, STR("absent"), STR_NONE } };
	struct buf whole, cut, unfolded;
	struct str in;

	if (size == 0 || size > 100000)
		return 0;
	in = str_bytes(data + 1, size - 1);
	buf_init(&whole, 1 << 20);
	buf_init(&cut, 1 << 20);
	buf_init(&unfolded, 1 << 20);
	copy(in, size, edits, 3, &whole);
	copy(in, 1 + data[0] % 16u, edits, 3, &cut);
	assert(str_eq(buf_view(&whole), buf_view(&cut)));
	buf_reset(&cut);
	copy(in, 1 + data[0] % 16u, none, 1, &cut);
	assert(str_eq(in, buf_view(&cut)));
	header_unfold(&unfolded, in);
	assert(str_find(buf_view(&unfolded), '\n') == -1);
	buf_clear(&whole);
	buf_clear(&cut);
	buf_clear(&unfolded);
	return 0;
}
