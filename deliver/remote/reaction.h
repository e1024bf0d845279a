/*
 * Which section "reaction" of the configuration a reply fits. What servers say is matched here, where
 * nothing can be reached; the queue, which is told the title of the section, acts.
 */
#ifndef REMOTE_REACTION_H
#define REMOTE_REACTION_H

#include "job.h"
#include "proto/conf.h"

/* Reads the sections of that configuration, which is borrowed until the next call. */
void reaction_configure(const struct conf *c);

/*
 * A host has refused something of that job: the first section that fits what it said is kept in the job,
 * and the outcome becomes a 4xx when the section says so. relay: "host[address]:port".
 */
void reaction_note(
    struct job *j, struct str relay, const struct status *said, struct status *outcome);

/* The same of a host that did not want to talk, while another one of that next hop is tried. */
void reaction_passed(struct job *j, struct str relay, const struct status *said);

/* DELIVER_REPLY. */
int reaction_explain(struct chan *c, struct ipc_msg *m);

#endif
