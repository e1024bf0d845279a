/* A client's side of a handshake: what is ours of it (names, ALPN, tickets) with OpenSSL around it. */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../../unit/lib/net/tls_rig.h"
#include "net/conn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_end(struct conn *c, enum conn_end why)
{
	(void)why;
	conn_close(c);
}

static void on_any(struct conn *c)
{
	buf_drop(&c->in, c->in.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct conn_events events = {
		.input = on_any, .end = on_end, .secured = on_any
	};
	static const struct tls_policy policy = { .alpn = "imap", .tickets = true };
	static struct tls_context *context;
	struct conn c = { .fd = -1 };
	int fds[2];

	if (context == NULL) {
		struct tls_ticket_key ticket = { .name = "k" };
		struct tls_certificate certificates[2];
		size_t bad;

		loop_init();
		tls_open();
		tls_set_signer(&rig_signer);
		tls_set_tickets(&ticket, 1);
		certificates[0] =
		    rig_certificate(EVP_EC_gen("P-256"), "DNS:a.example,DNS:*.b.example");
		certificates[1] = rig_certificate(EVP_RSA_gen(2048), "DNS:a.example");
		context = tls_context_new(&policy, certificates, 2, &bad);
	}
	if (size > 65536 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == -1)
		return 0;
	conn_init(&c, &fds[0], 65536, 65536, &events, NULL);
	buf_put(&c.in, data, size);
	conn_tls_accept(&c, context, true);
	for (int i = 0; i < 4; i++)
		loop_poll();
	close(fds[1]);
	for (int i = 0; i < 3; i++)
		loop_poll();
	conn_close(&c);
	return 0;
}
