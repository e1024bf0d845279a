/* What recipients have become. See expand.h. */
#include "expand.h"

#include <string.h>

#include "base/log.h"
#include "route.h"
#include "tell.h"

/* What had become others before becomes others again: those are on record now. */
static void replace_targets(struct message *m)
{
	struct status st;

	status_set(&st, 250, "2.0.0", "redirected by the administrator");
	for (uint32_t i = 0; i < m->ntargets; i++) {
		struct target *t = &m->targets[i];

		if (target_final(t))
			continue;
		tell_redirected(m, t);
		if (t->part == 0)
			continue; /* the record says so */
		target_status(m, t, &st);
		target_set(t, SLOT_BOUNCED, true);
	}
}

void expand_adopt(struct message *m)
{
	uint32_t n = m->ntargets + m->nexpansion;
	struct target *all = arena_array(&m->arena, n, sizeof *all);

	log_info(&m->tag, EV("expanded"), KI("nrcpt", m->nexpansion));
	if (m->redirect != NULL)
		replace_targets(m);
	memcpy(all, m->targets, m->ntargets * sizeof *all);
	for (uint32_t i = 0; i < m->nexpansion; i++) {
		const struct spool_target *s = &m->expansion[i];

		all[s->rcpt].expanded = true;
		all[m->ntargets + i] = (struct target){ .rcpt = s->rcpt,
			.index = i,
			.part = (uint8_t)(m->parts - 1),
			.state = SLOT_PENDING,
			.route = &s->route };
	}
	m->targets = all;
	m->ntargets = m->cap_targets = n;
	m->nexpansion = 0;
}

void expand_failed(struct message *m, const char *why)
{
	struct status st;

	status_set(&st, 451, "4.3.0", "%s", why);
	for (uint32_t i = 0; i < m->nexpansion; i++)
		target_status(m, &m->targets[m->expansion[i].rcpt], &st);
	m->nexpansion = 0;
	if (m->redirect != NULL)
		route_not_redirected(m);
}
