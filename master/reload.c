/* Reload. See reload.h. */
#include "reload.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/log.h"
#include "child.h"
#include "configuration.h"
#include "control.h"
#include "listen.h"
#include "start.h"

static void finish(int status, const char *text)
{
	log_event(status == 0 ? LEVEL_NOTICE : LEVEL_ERROR, NULL,
	    status == 0 ? EV("reload-done") : EV("reload-refused"), LOG_KVS(KZ("text", text)));
	control_reloaded(status, text);
}

/* What master itself has used at the start and cannot change in a running suite. */
static const char *fixed_path(const struct plan *a, const struct plan *b)
{
	for (unsigned i = 0; i < DIRS; i++)
		if (strcmp(a->dirs[i], b->dirs[i]) != 0)
			return a->dirs[i];
	return strcmp(a->run, b->run) != 0 ? a->run : NULL;
}

static bool changed(const struct plan *a, const struct plan *b, const struct process *row)
{
	return a->roles[row->role].mark != b->roles[row->role].mark;
}

/* Whether a socket of that role has come or is to go. */
static bool sockets_changed(struct suite *s, enum role role)
{
	struct listening *l;

	TAILQ_FOREACH (l, &s->listenings, next)
		if (l->plan.role == role && (!l->wanted || l->fresh))
			return true;
	return false;
}

static void reload_in_place(struct suite *s, const struct process *row)
{
	struct child *c;

	TAILQ_FOREACH (c, &s->children, next)
		if (c->row == row)
			child_reload(s, c);
}

/* A row that nothing has changed for belongs to the new generation as it is. */
static void carry_over(struct suite *s, const struct process *row)
{
	struct child *c;

	TAILQ_FOREACH (c, &s->children, next)
		if (c->row == row && c->state != CHILD_DRAINING && c->state != CHILD_RETIRED)
			c->generation = s->generation;
}

/* What it makes of them may differ though the settings are the same. */
static bool has_files(const struct plan *p, enum role role)
{
	for (uint32_t i = 0; i < p->nfiles; i++)
		if (p->files[i].role == role)
			return true;
	return false;
}

static void apply(struct suite *s)
{
	struct child *c;

	TAILQ_FOREACH (c, &s->children, next)
		if (c->candidate)
			child_adopt(s, c);
	for (size_t i = 0; i < nprocesses; i++) {
		const struct process *row = &processes[i];
		bool differs = changed(s->old_plan, s->plan, row) ||
			       sockets_changed(s, row->role) || has_files(s->plan, row->role);

		if (!differs)
			carry_over(s, row);
		else if (row->reload == RELOAD_TRY)
			continue; /* the candidates have taken over */
		else if (row->reload == RELOAD_IN_PLACE)
			reload_in_place(s, row);
		else
			children_replace(s, row, false);
	}
	listen_sweep(s);
	plan_free(s->old_plan);
	s->old_plan = NULL;
	finish(0, "reloaded");
}

static void take_back(struct suite *s)
{
	char ignored[256];

	plan_free(s->plan);
	s->plan = s->old_plan;
	s->old_plan = NULL;
	s->generation--;
	listen_open(s, s->plan, ignored, sizeof ignored);
	listen_sweep(s);
	children_kill_candidates(s);
	finish(EX_CONFIG, s->failure);
}

void reload_begin(struct suite *s)
{
	char why[sizeof s->failure];
	struct plan *fresh;
	const char *fixed;

	if (s->old_plan != NULL || !s->ready || s->stopping) {
		finish(EX_TEMPFAIL, "the suite is starting, stopping or reloading just now");
		return;
	}
	fresh = configuration_read(s, why, sizeof why);
	if (fresh == NULL) {
		finish(EX_CONFIG, why);
		return;
	}
	fixed = fixed_path(s->plan, fresh);
	if (fixed != NULL || listen_open(s, fresh, why, sizeof why) == -1) {
		if (fixed != NULL)
			snprintf(why, sizeof why,
			    "%.512s cannot change while the suite runs: stop it first", fixed);
		plan_free(fresh);
		finish(EX_CONFIG, why);
		return;
	}
	s->old_plan = s->plan;
	s->plan = fresh;
	s->generation++;
	s->failure[0] = '\0';
	for (size_t i = 0; i < nprocesses; i++)
		if (processes[i].reload == RELOAD_TRY && changed(s->old_plan, fresh, &processes[i]))
			children_replace(s, &processes[i], true);
	reload_step(s);
}

void reload_step(struct suite *s)
{
	struct child *c;

	if (s->old_plan == NULL)
		return;
	if (s->failure[0] != '\0') {
		take_back(s);
		return;
	}
	TAILQ_FOREACH (c, &s->children, next)
		if (c->candidate && c->state != CHILD_READY)
			return;
	apply(s);
}
