/* The processes that smtpd asks. See peers.h. */
#include "peers.h"

static struct chan *peers[ROLE_MAX];

struct chan *peer(enum role role)
{
	return peers[role];
}

void peer_up(struct chan *c)
{
	peers[c->role] = c;
}

/* A new process of that role may have come up already. */
void peer_down(struct chan *c)
{
	if (peers[c->role] == c)
		peers[c->role] = NULL;
}
