/*
 * What services/policy is told of connections, for reports to the domains of other hosts (RFC 8460):
 * each that has come to the point where there is TLS or not, once; and each host that got none because
 * of its domain's policy. Only where the domain decides how it is spoken to: what the operator has
 * fixed is no matter of its.
 */
#ifndef REMOTE_TOLD_H
#define REMOTE_TOLD_H

#include "proto/tls_result.h"
#include "session.h"

/* There is no TLS. what = why, in words. */
void told_failure(struct session *s, enum tls_failure failure, const char *what);
/* There is; good = it is whom the policy wants. */
void told_secured(struct session *s, bool good);
/* The host at s->next is not connected to: s->policy says why. */
void told_refused(struct session *s);

#endif
