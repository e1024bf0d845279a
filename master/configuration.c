/* The plan of the suite. See configuration.h. */
#include "configuration.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/memfd.h"
#include "proto/boot.h"
#include "proto/root_types.h"

/* What has been taken so far. */
struct reading {
	struct plan *plan;
	bool complete;
};

static int take_settings(struct plan *p, struct get *g, struct ipc_msg *m)
{
	uint8_t role = get_u8(g);
	uint64_t mark = get_u64(g);

	if (get_end(g) == -1 || role >= ROLE_MAX || p->roles[role].settings != -1 || m->nfds != 1 ||
	    !memfd_is_sealed(m->fds[0]))
		return -1;
	p->roles[role].mark = mark;
	p->roles[role].settings = ipc_take_fd(m, 0);
	return 0;
}

static int take(void *arg, struct ipc_msg *m)
{
	struct reading *r = arg;
	struct plan *p = r->plan;
	struct get g = get_start(m->body);

	if (r->complete)
		return -1;
	switch (m->type) {
	case CONFIG_SETTINGS:
		return take_settings(p, &g, m);
	case CONFIG_LISTENER:
		return p->nlisteners == PLAN_LISTENERS_MAX
			   ? -1
			   : get_plan_listener(&g, &p->listeners[p->nlisteners++]);
	case CONFIG_FILE:
		return p->nfiles == PLAN_FILES_MAX ? -1 : get_plan_file(&g, &p->files[p->nfiles++]);
	case CONFIG_PLAN:
		r->complete = true;
		return get_plan(&g, p);
	default:
		return -1;
	}
}

void plan_free(struct plan *p)
{
	for (unsigned i = 0; p != NULL && i < ROLE_MAX; i++)
		if (p->roles[i].settings != -1)
			close(p->roles[i].settings);
	free(p);
}

struct plan *configuration_read(const struct suite *s, char *why, size_t size)
{
	struct reading r = { .plan = xcalloc(1, sizeof *r.plan) };
	char program[BOOT_PATH_MAX];

	for (unsigned i = 0; i < ROLE_MAX; i++)
		r.plan->roles[i].settings = -1;
	snprintf(program, sizeof program, "%s/master-config", s->libexec);
	if (config_ask(program, s->conf_path, true, take, &r, why, size) == 0 && r.complete) {
		if (why[0] != '\0')
			log_warning(NULL, EV("configuration-doubtful"), KZ("text", why));
		why[0] = '\0'; /* it is good all the same */
		return r.plan;
	}
	if (why[0] == '\0')
		snprintf(why, size, "%s gave no plan", program);
	plan_free(r.plan);
	return NULL;
}
