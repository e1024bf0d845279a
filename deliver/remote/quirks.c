/* What servers cannot do. See quirks.h. */
#include "quirks.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/alloc.h"
#include "base/id.h"
#include "base/log.h"
#include "base/siphash.h"
#include "proto/proc.h"
#include "proto/types.h"

enum {
	FAILURES = 2, /* that make it suspected */
	KNOWN_MAX = 2 * QUIRKS_MAX, /* hosts: the queue's, and those that it has not heard of yet */
	PLACES = 1024, /* addresses whose failures are counted; another one may take a place */
};

struct known {
	LIST_ENTRY(known) next;
	uint64_t hash;
	unsigned kinds; /* QUIRK_BIT()s */
};

static LIST_HEAD(, known) all = LIST_HEAD_INITIALIZER(all);
static unsigned nall;
static bool learning;
static uint64_t secret[2]; /* servers must not choose the hash */

static struct place {
	uint64_t hash;
	uint8_t failures[QUIRK_KINDS];
} places[PLACES];

void quirks_start(bool learn)
{
	learning = learn;
	if (secret[0] == 0) {
		secret[0] = id_random();
		secret[1] = id_random();
	}
}

/* --- what is known ---------------------------------------------------------------------------- */

static uint64_t hash_of(struct str host)
{
	char text[QUIRK_HOST_MAX];
	size_t n = 0;

	for (; n < host.n && n < sizeof text; n++)
		text[n] = ascii_lower(host.p[n]);
	return siphash(secret, str_bytes(text, n));
}

static struct known *find(uint64_t hash)
{
	struct known *k;

	LIST_FOREACH (k, &all, next) {
		if (k->hash == hash)
			return k;
	}
	return NULL;
}

static void put(struct str host, unsigned bit, bool on)
{
	uint64_t hash = hash_of(host);
	struct known *k = find(hash);

	if (k == NULL && (!on || nall >= KNOWN_MAX))
		return;
	if (k == NULL) {
		k = xcalloc(1, sizeof *k);
		k->hash = hash;
		LIST_INSERT_HEAD(&all, k, next);
		nall++;
	}
	k->kinds = on ? k->kinds | bit : k->kinds & ~bit;
	if (k->kinds == QUIRKS_NONE) {
		LIST_REMOVE(k, next);
		nall--;
		free(k);
	}
}

int quirks_on_told(struct chan *c, struct ipc_msg *m)
{
	struct get g = get_start(m->body);
	struct quirk q;

	(void)c;
	if (get_quirk(&g, &q) == -1)
		return -1;
	put(q.host, QUIRK_BIT(q.kind), q.on);
	return 0;
}

void quirks_forget(void)
{
	struct known *k;

	while ((k = LIST_FIRST(&all)) != NULL) {
		LIST_REMOVE(k, next);
		free(k);
	}
	nall = 0;
}

static unsigned kinds_of(struct str host)
{
	const struct known *k = find(hash_of(host));

	return k != NULL ? k->kinds : QUIRKS_NONE;
}

unsigned quirks_of(struct str host, const struct ip *ip)
{
	char text[IP_TEXT];

	if (nall == 0)
		return QUIRKS_NONE;
	ip_format(ip, text);
	return kinds_of(host) | kinds_of(str_of(text));
}

void quirks_mask(struct caps *c, unsigned quirks)
{
	bool *const has[QUIRK_KINDS] = { [QUIRK_PIPELINING] = &c->pipelining,
		[QUIRK_CHUNKING] = &c->chunking,
		[QUIRK_8BITMIME] = &c->eightbit,
		[QUIRK_SMTPUTF8] = &c->utf8,
		[QUIRK_SIZE] = &c->size,
		[QUIRK_DSN] = &c->dsn };

	for (unsigned k = 0; k < QUIRK_KINDS; k++)
		if ((quirks & QUIRK_BIT(k)) != 0 && has[k] != NULL)
			*has[k] = false;
	if (!c->size)
		c->size_limit = 0;
}

/* --- finding out ------------------------------------------------------------------------------ */

bool quirks_found(enum quirk_kind kind, const struct ip *ip, const char *reason)
{
	char text[IP_TEXT];
	struct put w = put_start();
	struct quirk q;

	if (!learning)
		return false;
	ip_format(ip, text);
	q = (struct quirk){
		.host = str_of(text), .kind = (uint8_t)kind, .on = true, .reason = str_of(reason)
	};
	log_notice(NULL, EV("remote-quirk"), KZ("host", text), KZ("quirk", quirk_name(q.kind)),
	    KZ("reason", reason));
	put(q.host, QUIRK_BIT(kind), true);
	put_quirk(&w, &q);
	chan_send(proc_peer(ROLE_QUEUE), DELIVER_QUIRK, &w, NULL, 0);
	return (kinds_of(q.host) & QUIRK_BIT(kind)) != 0;
}

static struct place *place_of(const struct ip *ip, uint16_t port, uint64_t *hash)
{
	char key[sizeof ip->bytes + sizeof port];

	memcpy(key, ip->bytes, sizeof ip->bytes);
	memcpy(key + sizeof ip->bytes, &port, sizeof port);
	*hash = siphash(secret, str_bytes(key, sizeof key));
	return &places[*hash % PLACES];
}

void quirks_failed(enum quirk_kind kind, const struct ip *ip, uint16_t port)
{
	uint64_t hash;
	struct place *p = place_of(ip, port, &hash);

	if (p->hash != hash)
		*p = (struct place){ .hash = hash };
	if (p->failures[kind] < FAILURES)
		p->failures[kind]++;
}

void quirks_worked(enum quirk_kind kind, const struct ip *ip, uint16_t port)
{
	uint64_t hash;
	struct place *p = place_of(ip, port, &hash);

	if (p->hash == hash)
		p->failures[kind] = 0;
}

bool quirks_suspected(enum quirk_kind kind, const struct ip *ip, uint16_t port)
{
	uint64_t hash;
	const struct place *p = place_of(ip, port, &hash);

	return learning && p->hash == hash && p->failures[kind] == FAILURES;
}
