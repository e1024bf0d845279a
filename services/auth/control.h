/*
 * The control socket of auth: who is connected (control.c), changes (change.c), lists (listing.c).
 */
#ifndef AUTH_CONTROL_H
#define AUTH_CONTROL_H

#include <sys/queue.h>

#include "base/chan.h"
#include "journal.h"

struct client {
	struct chan chan; /* first */
	struct change_by by;
	unsigned holds; /* changes and listings that point here */
	LIST_ENTRY(client) next;
};
void client_hold(struct client *c);
void client_release(struct client *c);

/* An answer's parts: any number of records, then the end with an exit status for the tool. */
struct json_t;
void client_record(struct client *c, struct chan_ref ref, struct json_t *o); /* takes o */
void client_end(struct client *c, struct chan_ref ref, uint32_t status, const char *text);
/* The end as the handler's answer. Returns 0. */
int client_refuse(struct chan *c, const struct ipc_msg *m, uint32_t status, const char *text);

/* change.c: requests with a struct account_change. */
int ctl_change(struct chan *c, struct ipc_msg *m);
/* No new ones; *idle is called once none is under way. */
void changes_drain(void (*idle)(void));

/* address.c: what lookup would be told of an address */
int ctl_address(struct chan *c, struct ipc_msg *m);

/* listing.c */
int ctl_list(struct chan *c, struct ipc_msg *m);

#endif
