/* application/x-www-form-urlencoded. See form.h. */
#include "net/form.h"

#include <string.h>

void form_put(struct buf *b, struct str text)
{
	for (size_t i = 0; i < text.n; i++)
		if (ascii_alpha(text.p[i]) || ascii_digit(text.p[i]) ||
		    (text.p[i] != '\0' && strchr("-._~", text.p[i]) != NULL))
			buf_char(b, text.p[i]);
		else
			buf_printf(b, "%%%02X", (unsigned char)text.p[i]);
}

void form_field(struct buf *b, const char *name, struct str text)
{
	buf_printf(b, "%s%s=", b->n > 0 ? "&" : "", name);
	form_put(b, text);
}
