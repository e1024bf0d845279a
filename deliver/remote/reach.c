/* From a next hop to a connection. See reach.h. */
#include "reach.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/id.h"
#include "lately.h"
#include "settings.h"
#include "told.h"

static void name_relay(struct session *s, const struct site_target *t)
{
	char text[IP_TEXT];

	if (nexthop_path(&s->hop->target).n > 0) {
		str_copy(site_host(s->site, t), s->relay, sizeof s->relay);
		return;
	}
	ip_format(&t->ip, text);
	snprintf(s->relay, sizeof s->relay, "%.*s[%s]:%u", STR_ARG(site_host(s->site, t)), text,
	    (unsigned)s->site->port);
}

/* The mail waits: it goes out from no other address. */
static void source_failed(
    const struct session *s, const struct ip *to, int error, struct status *st)
{
	const struct deliver_source *source = &s->hop->source;
	char text[IP_TEXT];

	ip_format(&source->ip[to->family == 6], text);
	log_error(NULL, EV("remote-source-unusable"), KS("source", source->name),
	    KZ("address", text), KZ("error", strerror(error)));
	status_set(st, 451, "4.3.5", "source %.*s cannot be used: %s: %s", STR_ARG(source->name),
	    text, strerror(error));
}

/* What connect(2) says, in words of whoever has to put it right. */
static const char *dial_error(int error)
{
	if (error == EACCES)
		return "the kernel forbids it: is the port one of remote_ports?";
	return strerror(error);
}

static void on_dialled(void *arg, const struct dialled *d)
{
	struct session *s = arg;
	const struct site_target *t = &s->order.at[s->next];
	struct status st = { .code = 0 };
	int fd = d->fd;

	s->dial = NULL;
	s->at = s->next + d->which;
	for (unsigned i = 0; i < 2 && d->tried[i]; i++) {
		s->next++;
		name_relay(s, &t[i]);
		if (d->error[i] == 0)
			continue;
		s->ours = d->ours[i];
		if (d->ours[i]) {
			source_failed(s, &t[i].ip, d->error[i], &st);
			continue;
		}
		lately_note(LATELY_DEAD, &t[i].ip, s->site->port, loop_now());
		status_set(
		    &st, 451, "4.4.1", "connect to %s: %s", s->relay, dial_error(d->error[i]));
		if (fd != -1)
			transcript_note(&s->job->transcript, "%s", st.text);
	}
	if (fd == -1) {
		session_fail(s, &st);
		return;
	}
	s->ip = t[d->which].ip;
	lately_forget(LATELY_DEAD, &s->ip, s->site->port);
	name_relay(s, &t[d->which]);
	transcript_note(&s->job->transcript, "connected to %s", s->relay);
	session_connected(s, &fd);
}

/* The same of a Unix socket. */
static const char *unix_error(int error)
{
	switch (error) {
	case ECONNREFUSED:
		return "nobody listens there";
	case EAGAIN:
		return "as many connections wait there as its server lets wait";
	case EPROTOTYPE:
		return "it is not a stream socket";
	default:
		return strerror(error);
	}
}

static void on_unix(void *arg, int *fd, int error)
{
	struct session *s = arg;
	struct status st;

	s->unixdial = NULL;
	s->at = s->next++;
	if (error == 0) {
		session_connected(s, fd);
		return;
	}
	status_set(&st, 451, "4.4.1", "connect to %s: %s", s->relay, unix_error(error));
	session_fail(s, &st);
}

/* --- an address ------------------------------------------------------------------------------- */

/* The two families of one host may race; hosts never do, because their order means something. */
static const struct ip *rival(const struct session *s)
{
	const struct site_target *t = &s->order.at[s->next];

	if (!s->plain && s->next + 1 < s->order.n && t[0].host == t[1].host &&
	    t[0].ip.family != t[1].ip.family)
		return &t[1].ip;
	return NULL;
}

static void dial_next(struct session *s)
{
	struct str path = nexthop_path(&s->hop->target);

	session_state(s, S_CONNECTING);
	s->last = false;
	s->first = s->nexpects = 0;
	s->caps = (struct caps){ 0 };
	s->tls = false;
	s->tls_text[0] = '\0';
	reply_start(&s->reply);
	if (path.n > 0) {
		s->unixdial = unixdial_start(path, on_unix, s);
		return;
	}
	s->dial = dial_start(&s->order.at[s->next].ip, rival(s), s->site->port, &s->hop->source,
	    settings()->connect, on_dialled, s);
}

/* --- a host ----------------------------------------------------------------------------------- */

/* None of the addresses of that host. */
static void skip(struct session *s, uint16_t host)
{
	while (s->next < s->order.n && s->order.at[s->next].host == host)
		s->next++;
}

static void on_policy(void *arg)
{
	struct session *s = arg;
	struct status st = s->policy.policy.status;

	if (st.code == 0) {
		dial_next(s);
		return;
	}
	told_refused(s);
	skip(s, s->order.at[s->next].host);
	session_fail(s, &st);
}

void reach_next(struct session *s)
{
	const struct site_target *t = &s->order.at[s->next];

	s->plain = false;
	if (s->policy.known && s->policy.q.host == t->host) {
		on_policy(s);
		return;
	}
	session_state(s, S_CONNECTING);
	name_relay(s, t);
	tlspolicy_clear(&s->policy);
	tlspolicy_find(&s->policy,
	    &(struct tlspolicy_question){ .wish = &s->hop->wish,
		.hop = &s->hop->target,
		.site = s->site,
		.host = t->host,
		.trace = s->job->d.trace },
	    on_policy, s);
}

void reach_again(struct session *s)
{
	conn_close(&s->conn);
	s->next = s->at;
	s->plain = true;
	dial_next(s);
}

bool reach_elsewhere(struct session *s, const struct status *why)
{
	uint16_t host = s->order.at[s->at].host;

	skip(s, host);
	if (s->next == s->order.n)
		return false;
	log_info(NULL, EV("remote-next-address"), KZ("relay", s->relay), KZ("reason", why->text));
	transcript_note(&s->job->transcript, "%s", why->text);
	conn_close(&s->conn);
	s->served = 0;
	s->need_rset = false;
	reach_next(s);
	return true;
}

/* --- the destination -------------------------------------------------------------------------- */

static bool is_dead(const struct ip *ip, uint16_t port)
{
	return lately_for(LATELY_DEAD, ip, port, loop_now()) > 0;
}

static void on_site(void *arg, struct site *site)
{
	static uint64_t seed;
	struct session *s = arg;
	struct status st = site->status;
	struct families f;

	if (seed == 0)
		seed = id_random();
	s->site = site;
	if (st.code == 0 && nexthop_path(&s->hop->target).n > 0) {
		s->order = (struct site_order){ .n = 1 };
	} else if (st.code == 0) {
		f = hop_families(s->hop);
		site_order(site, &f, &seed, is_dead, &s->order);
		s->ours = s->hop->source.name.n > 0 && s->order.n == 0;
		status_set(&st, 451, "4.4.4",
		    "%s has no address of the kind that may be used%s%.*s", s->hop->target.host,
		    s->ours ? " from source " : "", STR_ARG(s->hop->source.name));
	}
	if (s->order.n > 0)
		reach_next(s);
	else
		session_fail(s, &st);
}

void reach_begin(struct session *s)
{
	site_find(&s->hop->finder, &s->finding, s->job->d.trace, on_site, s);
}

void reach_clear(struct session *s)
{
	site_find_cancel(&s->finding);
	tlspolicy_clear(&s->policy);
	site_release(s->site);
	s->site = NULL;
	dial_cancel(s->dial);
	s->dial = NULL;
	unixdial_cancel(s->unixdial);
	s->unixdial = NULL;
}
