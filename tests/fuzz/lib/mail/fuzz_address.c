/* Paths, bare addresses and header lists; the first byte chooses the flags. */
#include <assert.h>
#include <stdlib.h>

#include "mail/address_list.h"
#include "mail/xtext.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was accepted is canonical: parsing it again changes nothing. */
static void check(const struct address *a)
{
	struct address b;

	if (a->text.n == 0)
		return;
	assert(a->text.n <= ADDRESS_MAX);
	assert(address_parse(a->text, ADDRESS_UTF8 | ADDRESS_BARE, &b) == ADDRESS_OK);
	assert(str_eq(a->text, b.text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct address_list l;
	struct address a;
	struct str s, rest;
	char decoded[64];
	unsigned flags;
	size_t n;
	int r;

	if (size == 0)
		return 0;
	flags = data[0] & 15u;
	s = rest = str_bytes(data + 1, size - 1);
	if (address_path(&rest, flags, &a) == ADDRESS_OK)
		check(&a);
	if (address_parse(s, flags, &a) == ADDRESS_OK)
		check(&a);
	l = address_list(s);
	while ((r = address_next(&l, flags, &a)) != 0) {
		if (r == 1)
			check(&a);
	}
	xtext_decode(s, flags & 1, decoded, sizeof decoded, &n);
	return 0;
}
