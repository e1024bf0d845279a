/* What is signed of a message: a canonical body does not depend on how it comes, and stays itself; no text is another key's. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mail/dkim.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void add(void *arg, struct str bytes)
{
	buf_str(arg, bytes);
}

static void canonical(struct str body, size_t piece, struct buf *out)
{
	struct dkim_body b;

	buf_init(out, 1 << 20);
	dkim_body_start(&b, add, out);
	for (; body.n > 0; body = str_skip(body, piece))
		dkim_body_feed(&b, str_take(body, piece));
	dkim_body_finish(&b);
}

static void try_body(struct str body)
{
	struct buf whole, pieces, again;

	canonical(body, body.n + 1, &whole);
	canonical(body, 3, &pieces);
	canonical(buf_view(&whole), 7, &again);
	assert(str_eq(buf_view(&whole), buf_view(&pieces)));
	assert(str_eq(buf_view(&whole), buf_view(&again)));
	buf_clear(&whole);
	buf_clear(&pieces);
	buf_clear(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "From", "To", "Subject" };
	struct dkim_key key = { STR("a.test"), STR("s"), STR("rsa-sha256") };
	struct dkim_key other = { STR("b.test"), STR("s"), STR("rsa-sha256") };
	struct str message = str_bytes(data, size);
	const uint8_t hash[DKIM_HASH] = { 0 };
	struct buf text, field;

	try_body(message);
	buf_init(&text, DKIM_TEXT_MAX);
	buf_init(&field, DKIM_TEXT_MAX);
	if (dkim_text(&key, message, names, 3, hash, 1, &text) == 0) {
		assert(dkim_is_for(buf_view(&text), &key));
		assert(!dkim_is_for(buf_view(&text), &other));
		dkim_field(buf_view(&text), STR("QUJD"), &field);
	}
	assert(!dkim_is_for(message, &other) || str_search(message, STR("d=b.test;")) != -1);
	buf_clear(&text);
	buf_clear(&field);
	return 0;
}
