/*
 * Where a next hop is: its hosts and their addresses, found by the settings or by DNS and kept for
 * as long as DNS says. services/resolver finds, this file judges: whether mail can go there at all,
 * which hosts are left out because mail would come back to us, and in which order addresses are
 * tried.
 */
#ifndef REMOTE_SITE_H
#define REMOTE_SITE_H

#include "base/chan.h"
#include "mail/status.h"
#include "nexthop.h"
#include "proto/deliver.h"
#include "proto/families.h"
#include "proto/resolve.h"

struct site {
	unsigned refs;
	uint64_t until; /* on the loop's clock; what failed is not kept */
	struct arena arena;
	enum hop_source source;
	uint16_t port;
	struct mail_reply mail;
	uint32_t usable; /* hosts before those that are left out */
	struct status status; /* code 0: there is somewhere to go */
};

/* One address to connect to. */
struct site_target {
	struct ip ip;
	uint16_t host; /* in mail.hosts */
};
struct site_order {
	struct site_target at[HOP_ADDRESSES_MAX];
	unsigned n;
};

/* Judges what was found for h: sets usable and status. */
void site_judge(struct site *s, const struct nexthop *h);

/*
 * The addresses in the order to try: hosts by preference, equal ones as the seed decides (it moves
 * on); of each host the families by turns; those that dead() names behind all others.
 */
void site_order(const struct site *s, const struct families *f, uint64_t *seed,
    bool (*dead)(const struct ip *ip, uint16_t port), struct site_order *o);

/* "host" of that target, in o's memory or s's. */
static inline struct str site_host(const struct site *s, const struct site_target *t)
{
	return s->mail.hosts[t->host].name;
}

/* Finds the site of one next hop, for many at a time; zero-initialised but for the first line. */
struct site_finder {
	const struct nexthop *hop;
	uint8_t transport;
	struct site *known; /* the last one */
	struct ask ask;
	TAILQ_HEAD(, site_wait) waiters;
};
struct site_wait {
	void (*done)(void *arg, struct site *s);
	void *arg;
	struct site_finder *finder; /* NULL: does not wait */
	struct site *found;
	struct timer now;
	TAILQ_ENTRY(site_wait) next;
};

void site_finder_init(struct site_finder *f, const struct nexthop *hop, uint8_t transport);
void site_finder_clear(struct site_finder *f); /* nobody may wait */
/* Calls done once, from the loop and never from here; the site is the receiver's to release. */
void site_find(struct site_finder *f, struct site_wait *w, uint64_t trace,
    void (*done)(void *arg, struct site *s), void *arg);
void site_find_cancel(struct site_wait *w); /* safe when idle */
void site_release(struct site *s); /* NULL is fine */

#endif
