/* Reload. See reload.h. */
#include "reload.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "child.h"
#include "configuration.h"
#include "control.h"
#include "listen.h"

enum { CONF_MAX = 8 * 1024 * 1024 };

static struct conf *old_conf; /* while candidates are tried: what to go back to */

static void finish(int status, const char *text)
{
	log_event(status == 0 ? LEVEL_NOTICE : LEVEL_ERROR, NULL,
	    status == 0 ? EV("reload-done") : EV("reload-refused"), LOG_KVS(KZ("text", text)));
	control_reloaded(status, text);
}

/* What master itself has used at the start and cannot change in a running suite. */
static const char *fixed_setting(const struct conf *a, const struct conf *b)
{
	static const char *const names[] = { "spool_directory", "mail_directory", "table_directory",
		"account_directory", "log_directory", "run_directory" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (!str_eq(conf_str(a, names[i]), conf_str(b, names[i])))
			return names[i];
	return NULL;
}

/* Whether what that role may see, or how many of it there are, is not the same in both. */
static bool changed(const struct conf *a, const struct conf *b, const struct process *row)
{
	struct buf x, y;
	bool differs;

	if (row->count != NULL && conf_int(a, row->count) != conf_int(b, row->count))
		return true;
	buf_init(&x, CONF_MAX);
	buf_init(&y, CONF_MAX);
	conf_encode(a, child_conf_role(row), &x);
	conf_encode(b, child_conf_role(row), &y);
	differs = !str_eq(buf_view(&x), buf_view(&y));
	buf_clear(&x);
	buf_clear(&y);
	return differs;
}

/* Whether a socket of that role has come or is to go. */
static bool sockets_changed(struct suite *s, enum role role)
{
	struct listening *l;

	TAILQ_FOREACH (l, &s->listenings, next)
		if (l->role == role && (!l->wanted || l->fresh))
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
		if (c->row == row && c->state != CHILD_DRAINING)
			c->generation = s->generation;
}

static void apply(struct suite *s)
{
	for (size_t i = 0; i < nprocesses; i++) {
		const struct process *row = &processes[i];
		bool differs = changed(old_conf, s->conf, row) || sockets_changed(s, row->role);

		if (row->reload == RELOAD_TRY)
			continue;
		if (!differs)
			carry_over(s, row);
		else if (row->reload == RELOAD_IN_PLACE)
			reload_in_place(s, row);
		else
			children_replace(s, row, false);
	}
	listen_sweep(s);
	conf_free(old_conf);
	old_conf = NULL;
	finish(0, "reloaded");
}

static void take_back(struct suite *s)
{
	char ignored[256];

	conf_free(s->conf);
	s->conf = old_conf;
	old_conf = NULL;
	s->generation--;
	listen_open(s, s->conf, ignored, sizeof ignored);
	listen_sweep(s);
	finish(1, s->failure);
}

void reload_begin(struct suite *s)
{
	char why[sizeof s->failure];
	struct conf *fresh;
	const char *fixed;

	if (old_conf != NULL || !s->ready || s->stopping) {
		finish(1, "the suite is starting, stopping or reloading just now");
		return;
	}
	fresh = configuration_read(s, why, sizeof why);
	if (fresh == NULL) {
		finish(1, why);
		return;
	}
	fixed = fixed_setting(s->conf, fresh);
	if (fixed != NULL || listen_open(s, fresh, why, sizeof why) == -1) {
		if (fixed != NULL)
			snprintf(why, sizeof why, "%s cannot change while the suite runs: stop it first",
			    fixed);
		conf_free(fresh);
		finish(1, why);
		return;
	}
	old_conf = s->conf;
	s->conf = fresh;
	s->generation++;
	s->failure[0] = '\0';
	for (size_t i = 0; i < nprocesses; i++)
		if (processes[i].reload == RELOAD_TRY) {
			if (changed(old_conf, fresh, &processes[i]))
				children_replace(s, &processes[i], true);
			else
				carry_over(s, &processes[i]);
		}
	reload_step(s);
}

void reload_step(struct suite *s)
{
	struct child *c;

	if (old_conf == NULL)
		return;
	if (s->failure[0] != '\0') {
		take_back(s);
		return;
	}
	TAILQ_FOREACH (c, &s->children, next)
		if (c->candidate)
			return;
	apply(s);
}
