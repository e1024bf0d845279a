/* STATUS items, for STATUS and for LIST ... RETURN (STATUS (...)), RFC 3501 6.3.10, RFC 5819. */
#ifndef SESSION_STATUS_H
#define SESSION_STATUS_H

#include "session.h"

enum {
	STATUS_MESSAGES = 0x01,
	STATUS_RECENT = 0x02,
	STATUS_UIDNEXT = 0x04,
	STATUS_UIDVALIDITY = 0x08,
	STATUS_UNSEEN = 0x10,
	STATUS_HIGHESTMODSEQ = 0x20, /* RFC 7162 */
	STATUS_SIZE = 0x40, /* RFC 8438 */
	STATUS_DELETED = 0x80, /* RFC 9051 */
};

/* "(MESSAGES UNSEEN)" */
bool status_parse(struct parse *p, unsigned *bits);
/* The untagged answer. Nothing is put unless it returns STORE_OK. */
enum store_error status_put(struct session *s, struct str name, unsigned bits);

#endif
