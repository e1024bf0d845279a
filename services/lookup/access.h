/*
 * access(5): the rules for clients, HELO names, senders and recipients, and their search order.
 */
#ifndef LOOKUP_ACCESS_H
#define LOOKUP_ACCESS_H

#include "proto/lookup.h"
#include "verdict.h"

/* Each answers FOUND_FAILED when a table could not. */
/* name: of the client, if it is known; it is looked for before the address. */
enum found access_client(
    struct run *r, const struct maps *m, struct str client, struct str name, struct verdict *v);
enum found access_host(struct run *r, const struct maps *m, struct str name, struct verdict *v);
/* address empty: the key is "<>" */
enum found access_address(
    struct run *r, const struct maps *m, struct str address, struct verdict *v);

/* The rules for the client of this question. */
const struct maps *access_client_maps(const struct policy *p, const struct access_question *q);

/* The answer to LOOKUP_CLIENT; a->rule is in r->arena. */
void access_answer_client(struct run *r, const struct access_question *q, struct access_answer *a);

/* "451 4.3.0 ...": what a client hears when a table has failed. */
void access_unavailable(struct run *r, struct access_answer *a);

#endif
