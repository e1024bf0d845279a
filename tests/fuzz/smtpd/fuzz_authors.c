/*
 * From and Sender of a header that comes in pieces: the first byte is their size. However it is
 * cut, the result is the same, and what is found is canonical.
 */
#undef NDEBUG
#include <assert.h>
#include <string.h>

#include "../../../smtpd/authors.h"
#include "mail/address.h"
#include "mail/header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_header(struct authors *a, struct arena *m, struct str text, size_t step)
{
	struct header_scan scan;
	enum header_piece p = HEADER_MORE;

	header_start(&scan);
	authors_start(a);
	for (size_t at = 0; at < text.n && p != HEADER_BODY; at += step) {
		struct str in = str_take(str_skip(text, at), step);

		while ((p = header_next(&scan, &in)) == HEADER_FIELD || p == HEADER_VALUE) {
			if (p == HEADER_FIELD)
				authors_field(a, m, scan.name);
			else
				authors_value(a, scan.piece);
		}
	}
	authors_end(a, m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct authors whole, cut;
	struct arena m;
	struct address again;
	struct str text;

	if (size < 2)
		return 0;
	text = str_bytes(data + 1, size - 1);
	arena_init(&m);
	read_header(&whole, &m, text, text.n);
	read_header(&cut, &m, text, data[0] % 16 + 1u);
	assert(whole.n == cut.n && whole.nfrom == cut.nfrom && whole.fault.code == cut.fault.code);
	for (uint32_t i = 0; i < whole.n; i++) {
		assert(str_eq(whole.addresses[i], cut.addresses[i]));
		assert(address_parse(whole.addresses[i], ADDRESS_UTF8, &again) == ADDRESS_OK);
		assert(str_eq(again.text, whole.addresses[i]));
	}
	authors_clear(&whole);
	authors_clear(&cut);
	arena_clear(&m);
	return 0;
}
