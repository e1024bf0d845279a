/*
 * How a host is to be spoken to, decided in one place before it is connected to: by what the
 * operator's table says; else, where that leaves it to the destination, by what the destination
 * publishes; else by what works. Each of these is a rung of one ladder and decides, refuses the
 * host, or passes on to the next one with the reason why.
 *
 * A rung that asks somebody answers later. It never passes on because of a failed question: who can
 * make questions fail must not be able to take the encryption away.
 */
#ifndef REMOTE_TLSPOLICY_H
#define REMOTE_TLSPOLICY_H

#include "net/tls.h"
#include "proto/tls_wish.h"
#include "site.h"

enum { TLS_REASON_MAX = 200 };

struct tlspolicy {
	enum tls_source source; /* whose word it is */
	const char *by; /* whose word or what made it that level, behind its name; perhaps "" */
	char reason[TLS_REASON_MAX]; /* and how it came to that, for people */
	struct status status; /* code 0: go on; else this host gets nothing now */
	/* of a fixed level, or TLS_LEVEL_DANE: by the records below */
	struct tls_wish wish;
	struct str base; /* TLSA base domain (RFC 7672 2.2.3); empty = there are no records */
	struct tls_association *dane; /* the usable ones */
	size_t ndane;
	/* what services/policy says; mode STS_NONE and no failure also when it was not asked */
	uint8_t sts_mode, sts_failure;
	bool sts_named;
	struct dns_answer found; /* all of them, and what DNSSEC says of them */
};

/* Whom it is about. All of it must stay until tlspolicy_clear(). */
struct tlspolicy_question {
	const struct tls_wish *wish; /* of the next hop */
	const struct nexthop *hop;
	const struct site *site;
	uint32_t host; /* in site->mail.hosts */
	uint64_t trace;
};

struct tlspolicy_find {
	struct tlspolicy policy; /* when done; strings are in the arena or the question */
	struct tlspolicy_question q;
	unsigned rung;
	void (*done)(void *arg);
	void *arg;
	struct arena arena;
	bool known; /* it is done, and nothing was cleared since */
	struct ask ask; /* of the rung that it is at */
	/* dane.c */
	struct str bases[2];
	unsigned nbases, base;
	bool encrypt; /* it has records, if none that can be used: nothing goes in plain text */
};

/* done() is called once, perhaps from within. f is zeroed or was cleared. */
void tlspolicy_find(struct tlspolicy_find *f, const struct tlspolicy_question *q,
    void (*done)(void *arg), void *arg);
void tlspolicy_clear(struct tlspolicy_find *f); /* done() will not be called; safe when idle */

/* The host in question. */
const struct mail_host *tlspolicy_host(const struct tlspolicy_find *f);

/* --- for rungs: each calls one of these, once --------------------------------------------------- */

/* That level it is. The reason, if there is one, is the last part of the whole reason. */
void tlspolicy_decide(
    struct tlspolicy_find *f, enum tls_source by, enum tls_level level, const char *reason);
/* The host gets nothing: 451 4.7.5 with that reason. */
void tlspolicy_refuse(struct tlspolicy_find *f, enum tls_source by, const char *reason);
/* The next rung. */
void tlspolicy_pass(struct tlspolicy_find *f, const char *reason);

/* The policy of the domain (sts.c). */
void sts_rung(struct tlspolicy_find *f);
/* TLSA records (dane.c). */
void dane_rung(struct tlspolicy_find *f);
/* Secure records have come. */
void dane_take(struct tlspolicy_find *f, const struct dns_answer *a);
void dane_open(struct tls_client *c); /* which will be used with them */
bool dane_usable(const struct tls_association *a);

#endif
