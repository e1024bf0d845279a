/* Lanes of messages. See lane.h. */
#include "lane.h"

#include "proto/proc.h"
#include "proto/types.h"
#include "settings.h"

struct lane_run {
	struct ask ask; /* first */
	struct message *m;
	void (*done)(struct message *m, bool known);
};

uint8_t lane_of(const struct spool_content *content, uint32_t flags, uint32_t rcpts)
{
	if (content->lane_rule.n > 0)
		return content->lane;
	if ((flags & SPOOL_REPORT) != 0)
		return LANE_REPORT;
	if (content->envelope.sender.n == 0)
		return LANE_BOUNCE;
	return rcpts > BULK_RCPTS ? LANE_BULK : LANE_USER;
}

static void on_answer(struct ask *ask, struct ipc_msg *msg)
{
	struct lane_run *r = (struct lane_run *)ask;
	struct message *m = r->m;
	struct lane_answer a;
	struct get g;
	bool known = false;

	if (msg != NULL) {
		g = get_start(msg->body);
		known = msg->type == LOOKUP_LANE && get_lane_answer(&g, &a) == 0 && !a.failed;
	}
	if (known && a.lane < LANES) {
		m->content.lane = a.lane;
		m->content.lane_rule = arena_str(&m->arena, a.rule);
	}
	r->done(m, known);
}

void lane_decide(struct message *m, void (*done)(struct message *m, bool known))
{
	const struct envelope *e = &m->content.envelope;
	const struct lane_question q = { .trace = m->tag.trace,
		.sender = e->sender,
		.login = e->login,
		.listener = e->listener,
		.marks = e->marks };
	struct put w = put_start();
	struct lane_run *r;

	if (conf_count(proc_conf(), "lane_maps") == 0) {
		done(m, true);
		return;
	}
	r = arena_alloc(&m->arena, sizeof *r);
	*r = (struct lane_run){ .m = m, .done = done };
	put_lane_question(&w, &q);
	chan_ask(proc_peer(ROLE_LOOKUP), &r->ask, LOOKUP_LANE, &w, NULL, 0, ROUTE_CLIENT_MS,
	    on_answer, r);
}
