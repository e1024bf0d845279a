/* What `thurn explain` shows: questions that the queue passes on, and answers for people and as
 * JSON. */
#ifndef THURN_EXPLAIN_H
#define THURN_EXPLAIN_H

#include <jansson.h>

#include "base/arena.h"
#include "base/ipc.h"
#include "mail/status.h"
#include "proto/deliver.h"
#include "proto/way.h"

/*
 * Asks by way of the queue, or the candidate if there is one that answers, and calls part() for each packet of the answer, with strings to be kept
 * in a; when it returns -1, the answer is taken for malformed. An exit status; says itself what is
 * wrong.
 */
int explain_ask(
    uint16_t type, const struct put *question, int (*part)(void *arg, struct get *g), void *arg);

/* A string that may hold any byte (of a TXT record), as JSON text; the others are printable. */
json_t *explain_text(struct str s);
json_t *explain_bytes(struct str s); /* in hexadecimal */

json_t *explain_status(const struct status *st);

/* One object on a line of its own; takes o. */
void explain_print(json_t *o);

/* Adds with what mail from that sender would log in there, if it does, to the next hop; an exit status. */
int explain_login(struct arena *a, struct str sender, const struct way_hop *h, json_t *hop);
void explain_print_login(json_t *hop);

/* A next hop of a route; and what deliver-remote says of it, added to that. */
json_t *explain_hop(const struct way_hop *h);
void explain_hop_reply(json_t *hop, const struct hop_reply *r);

/* For people: the lookups that were made, and a route with what is known of it. */
void explain_print_steps(json_t *o);
void explain_print_route(json_t *o);

int explain_dns(bool json, int argc, char **argv);
int explain_reply(bool json, int argc, char **argv);
int explain_route(bool json, int argc, char **argv);

#endif
