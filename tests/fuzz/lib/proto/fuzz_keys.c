/* What services/keys publishes, as a program that trusts it with its connections takes it apart. */
#include <stdlib.h>

#include "proto/keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct tls_policy policy = { .alpn = "smtp", .tickets = true };
	struct get g = get_start(str_bytes(data, size));
	struct tls_ticket_key tickets[TLS_TICKET_KEYS];
	struct keys_certificate c;
	size_t n;

	tls_open();
	if (get_keys_certificate(&g, &c) == 0) {
		struct put w = put_start();

		put_keys_certificate(&w, &c);
		if (w.bad || !str_eq(put_view(&w), str_bytes(data, size)))
			abort();
		tls_context_free(tls_context_new(&policy, &c.certificate, 1, &n));
	}
	g = get_start(str_bytes(data, size));
	if (get_keys_tickets(&g, tickets, &n) == 0) {
		struct put w = put_start();

		put_keys_tickets(&w, tickets, n);
		if (w.bad || !str_eq(put_view(&w), str_bytes(data, size)))
			abort();
	}
	return 0;
}
