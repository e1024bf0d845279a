/* Making connections. See dial.h. */
#include "dial.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "net/conn.h"

struct dial {
	struct conn conn[2];
	struct ip ip[2];
	unsigned n; /* addresses */
	uint16_t port;
	struct ip from[2]; /* IPv4, IPv6; family 0 = any */
	uint64_t ms;
	struct timer second;
	struct dialled result;
	void (*done)(void *arg, const struct dialled *d);
	void *arg;
};

static void finish(struct dial *d)
{
	struct dialled result = d->result;
	void (*done)(void *, const struct dialled *) = d->done;
	void *arg = d->arg;

	dial_cancel(d);
	done(arg, &result);
}

static void try(struct dial *d, unsigned which);

static void failed(struct dial *d, unsigned which, int error)
{
	d->result.error[which] = error;
	if (which == 0 && d->n == 2 && !d->result.tried[1])
		try(d, 1);
	else if (d->result.error[0] != 0 && (d->n == 1 || d->result.error[1] != 0))
		finish(d);
}

static unsigned which_of(const struct dial *d, const struct conn *c)
{
	return c == &d->conn[1];
}

static void on_connected(struct conn *c)
{
	struct dial *d = c->owner;

	d->result.which = which_of(d, c);
	d->result.fd = conn_detach(c);
	finish(d);
}

static void on_end(struct conn *c, enum conn_end why)
{
	struct dial *d = c->owner;
	int error = why == CONN_TIMEOUT ? ETIMEDOUT : why == CONN_EOF ? ECONNRESET : errno;

	conn_close(c);
	failed(d, which_of(d, c), error);
}

static void on_input(struct conn *c)
{
	(void)c; /* what a server says waits in its socket until there is a session */
}

static void try_second(void *arg)
{
	try(arg, 1);
}

static void try(struct dial *d, unsigned which)
{
	static const struct conn_events events = { on_input, on_connected, on_end };
	const struct ip *from = &d->from[d->ip[which].family == 6];
	struct sockaddr_storage ss, own;
	socklen_t n = ip_to_sockaddr(&d->ip[which], d->port, &ss);
	socklen_t nown = from->family != 0 ? ip_to_sockaddr(from, 0, &own) : 0;

	timer_clear(&d->second);
	d->result.tried[which] = true;
	if (conn_connect(&d->conn[which], (struct sockaddr *)&ss, n,
		nown > 0 ? (struct sockaddr *)&own : NULL, nown, 1, 1, &events, d) == -1) {
		/* it is not there, or has no port left */
		d->result.ours[which] = nown > 0 && (errno == EADDRNOTAVAIL || errno == EADDRINUSE);
		failed(d, which, errno);
		return;
	}
	conn_deadline(&d->conn[which], d->ms);
	if (which == 0 && d->n == 2)
		timer_set(&d->second, DIAL_SECOND_MS, try_second, d);
}

static void try_first(void *arg)
{
	try(arg, 0);
}

struct dial *dial_start(const struct ip *first, const struct ip *second, uint16_t port,
    const struct deliver_source *from, uint64_t ms,
    void (*done)(void *arg, const struct dialled *d), void *arg)
{
	struct dial *d = xcalloc(1, sizeof *d);

	d->conn[0].fd = d->conn[1].fd = d->result.fd = -1;
	d->ip[0] = *first;
	d->n = 1;
	if (second != NULL)
		d->ip[d->n++] = *second;
	d->port = port;
	d->from[0] = from->ip[0];
	d->from[1] = from->ip[1];
	d->ms = ms;
	d->done = done;
	d->arg = arg;
	timer_set(&d->second, 0, try_first, d);
	return d;
}

void dial_cancel(struct dial *d)
{
	if (d == NULL)
		return;
	timer_clear(&d->second);
	conn_close(&d->conn[0]);
	conn_close(&d->conn[1]);
	free(d);
}
