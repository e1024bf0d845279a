/* A JSON string. See json.h. */
#include "json.h"

void json_text(struct buf *b, const char *text)
{
	buf_char(b, '"');
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || (unsigned char)*text > '~' || *text == '"' ||
		    *text == '\\')
			buf_printf(b, "\\u%04x", (unsigned char)*text);
		else
			buf_char(b, *text);
	buf_char(b, '"');
}
