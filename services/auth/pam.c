/* Passwords that PAM knows. See pam.h. */
#include "pam.h"

#include <string.h>

#include "proto/pam.h"
#include "proto/proc.h"
#include "proto/types.h"

enum {
	SLOTS = 64, /* more than there can be workers; one that is replaced has another number */
	EACH_MAX = 8, /* questions at one worker: the one under way, and others */
};

static bool used, by_address;
static unsigned busy[SLOTS];

void pam_load(const struct conf *c)
{
	used = conf_int(c, "pam_workers") > 0;
	by_address = str_eq(conf_str(c, "pam_user"), STR("address"));
}

bool pam_has(const struct account_record *r)
{
	struct str address = str_of(r->address);
	const struct conf *c = proc_conf();
	ssize_t at = str_rfind(address, '@');

	for (size_t i = 0; used && at != -1 && i < conf_count(c, "pam_domains"); i++)
		if (str_caseeq(str_skip(address, (size_t)at + 1), conf_item(c, "pam_domains", i)))
			return true;
	return false;
}

static void on_answer(struct ask *a, struct ipc_msg *m)
{
	struct pam_ask *p = a->arg;
	enum auth_verdict v = AUTH_LATER;
	struct get g;

	busy[p->slot]--;
	if (m != NULL) {
		g = get_start(m->body);
		v = get_u8(&g);
		if (get_end(&g) == -1 || v > AUTH_LATER)
			v = AUTH_LATER;
	}
	p->answered(p, v);
}

static struct chan *least; /* of those looked at */

static unsigned slot_of(const struct chan *c)
{
	return c->instance % SLOTS;
}

static void look_at(struct chan *c)
{
	unsigned n = busy[slot_of(c)];

	if (n < EACH_MAX && (least == NULL || n < busy[slot_of(least)]))
		least = c;
}

/* The one with the least to do, of those the newest; or NULL. */
static struct chan *worker(void)
{
	least = NULL;
	proc_each_peer(ROLE_PAM, look_at);
	return least;
}

int pam_check(struct pam_ask *p, const struct account_record *r, struct str client,
    struct str password, const struct tag *tag)
{
	struct str user = str_of(r->address);
	ssize_t at = str_rfind(user, '@');
	struct put w = put_start();
	struct chan *c = worker();

	if (c == NULL)
		return -1;
	if (!by_address && at > 0)
		user = str_take(user, (size_t)at);
	put_pam_question(&w, &(struct pam_question){ .trace = tag->trace,
				 .user = str_take(user, PAM_USER_MAX),
				 .client = client,
				 .password = password });
	p->slot = slot_of(c);
	busy[p->slot]++;
	chan_ask(c, &p->ask, PAM_CHECK, &w, NULL, 0, PAM_DEADLINE, on_answer, p);
	explicit_bzero(w.p, w.n);
	return 0;
}
