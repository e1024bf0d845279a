/* A DNS message: the first byte chooses the type that was asked for, the name is the one in the
 * message. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "net/dns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The question's name as text, so that most inputs get beyond it. */
static struct str name_in(const uint8_t *p, size_t n, char out[DNS_NAME_MAX + 1])
{
	size_t at = 12, len = 0;

	while (at < n && p[at] != 0 && p[at] < 64 && at + p[at] < n &&
	       len + p[at] + 1 < DNS_NAME_MAX) {
		if (len > 0)
			out[len++] = '.';
		memcpy(out + len, p + at + 1, p[at]);
		len += p[at];
		at += p[at] + 1u;
	}
	return len == 0 ? STR(".") : (struct str){ out, len };
}

static void check(const struct dns_answer *a, uint16_t type)
{
	assert(a->type == type && a->status < DNS_STATUSES && a->nrecords <= DNS_RECORDS_MAX);
	assert((a->status == DNS_OK) == (a->nrecords > 0));
	assert(a->canonical.n == 0 || dns_name_valid(a->canonical));
	for (uint32_t i = 0; i < a->nrecords; i++) {
		const struct dns_record *r = &a->records[i];

		if (type == DNS_MX || type == DNS_PTR || type == DNS_CNAME)
			assert(dns_name_valid(r->text));
		if (type == DNS_A || type == DNS_AAAA)
			assert(r->ip.family == (type == DNS_A ? 4 : 6));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint16_t types[] = { DNS_A, DNS_AAAA, DNS_MX, DNS_CNAME, DNS_PTR, DNS_TXT,
		DNS_TLSA, DNS_DNSKEY };
	char text[DNS_NAME_MAX + 1];
	struct dns_answer a;
	struct arena arena;
	uint16_t type;

	if (size == 0)
		return 0;
	type = types[data[0] % (sizeof types / sizeof *types)];
	arena_init(&arena);
	dns_parse(
	    str_bytes(data + 1, size - 1), name_in(data + 1, size - 1, text), type, &arena, &a);
	check(&a, type);
	arena_clear(&arena);
	return 0;
}
