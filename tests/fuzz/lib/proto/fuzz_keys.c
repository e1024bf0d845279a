/* What services/keys publishes, as a program that trusts it with its connections takes it apart. */
#include <stdlib.h>

#include "proto/keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Anchors are parsed when a context is made, so there has to be a certificate for it. */
static void check_anchors(struct str packet)
{
	struct get g = get_start(packet);
	struct str der[KEYS_ANCHORS];
	struct tls_policy policy = { .alpn = "smtp", .ask = TLS_ASK, .anchors = der };
	struct tls_certificate own = { .n = 1 };
	struct put w = put_start();
	size_t bad;

	if (get_keys_anchors(&g, der, &policy.nanchors) == -1)
		return;
	put_keys_anchors(&w, der, policy.nanchors);
	if (w.bad || !str_eq(put_view(&w), packet))
		abort();
	if (policy.nanchors > 0)
		own.chain[0] = der[0];
	tls_context_free(tls_context_new(&policy, &own, 1, &bad));
}

/* And what is said of keys of DKIM. */
static void check_dkim(struct str packet)
{
	struct put w = put_start();
	struct get g = get_start(packet);
	struct keys_dkim_question q;
	struct keys_dkim k;

	if (get_keys_dkim(&g, &k) == 0) {
		put_keys_dkim(&w, &k);
		if (w.bad || !str_eq(put_view(&w), packet))
			abort();
	}
	w = put_start();
	g = get_start(packet);
	if (get_keys_dkim_question(&g, &q) == 0) {
		put_keys_dkim_question(&w, &q);
		if (w.bad || !str_eq(put_view(&w), packet))
			abort();
	}
}

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
	check_anchors(str_bytes(data, size));
	check_dkim(str_bytes(data, size));
	return 0;
}
