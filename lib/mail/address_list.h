/*
 * The mailboxes in a header field, an owner line or a command argument, one by one: display names,
 * comments, groups and routes are skipped (RFC 5322 3.4 and its obsolete forms). Linear in the
 * input, not recursive.
 *
 * With ADDRESS_STRICT, an unquoted address in a display name, text behind a ">", or a comment that does
 * not end make an item bad: whoever vouches for a field must not see another address than its reader.
 *
 *	struct address_list l = address_list(body);
 *	while ((r = address_next(&l, flags, &a)) != 0) ...
 */
#ifndef MAIL_ADDRESS_LIST_H
#define MAIL_ADDRESS_LIST_H

#include "mail/address.h"

struct address_list {
	struct str rest;
	struct str item; /* what the last call looked at, for error messages */
	enum address_error error; /* after -1 */
};

struct address_list address_list(struct str s);
/* 1 = *a is an address, 0 = end, -1 = l->item is not one and has been skipped. */
int address_next(struct address_list *l, unsigned flags, struct address *a);

#endif
