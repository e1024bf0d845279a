/* Names of mailboxes as the client sees them. See session.h. */
#include "mail/mime_imap.h"
#include "mutf7.h"
#include "session.h"

void out_mailbox(struct buf *b, struct str name)
{
	struct buf text;

	buf_init(&text, (size_t)8 * STORE_NAME_MAX);
	mutf7_encode(&text, name);
	imap_put_astring(b, buf_view(&text));
	buf_clear(&text);
}
