/* Replies of an SMTP or LMTP server. See reply.h. */
#include "reply.h"

#include <string.h>

#include "limits.h"
#include "mail/said.h"

enum { FRAME_ROOM = 64 }; /* for "said: 550 5.1.1  (in reply to end of DATA command)" */

void reply_start(struct reply *r)
{
	*r = (struct reply){ 0 };
}

/* Three digits that SMTP uses (2yz to 5yz), or 0. */
static int code_of(struct str line)
{
	if (line.n < 3 || line.p[0] < '2' || line.p[0] > '5' || !ascii_digit(line.p[1]) ||
	    !ascii_digit(line.p[2]))
		return 0;
	return (line.p[0] - '0') * 100 + (line.p[1] - '0') * 10 + (line.p[2] - '0');
}

/* One to three digits at *at. */
static bool number(struct str s, size_t *at)
{
	size_t from = *at;

	while (*at < s.n && *at - from < 3 && ascii_digit(s.p[*at]))
		(*at)++;
	return *at > from;
}

/* Length of the enhanced code at the start of s, of the class of code; 0 = there is none. */
static size_t enhanced_length(struct str s, int code)
{
	size_t at = 1;

	if (s.n < 5 || s.p[0] != '0' + code / 100 || s.p[at++] != '.' || !number(s, &at))
		return 0;
	if (at >= s.n || s.p[at++] != '.' || !number(s, &at))
		return 0;
	return at == s.n || s.p[at] == ' ' ? at : 0;
}

static void keep_text(struct reply *r, struct str s)
{
	size_t max = sizeof r->text - FRAME_ROOM;

	s = str_trim(s);
	if (r->n > 0 && s.n > 0 && r->n < max)
		r->text[r->n++] = ' ';
	for (size_t i = 0; i < s.n && r->n < max; i++)
		r->text[r->n++] = s.p[i] < ' ' || s.p[i] > '~' ? '?' : s.p[i];
	r->text[r->n] = '\0';
}

enum reply_state reply_line(struct reply *r, struct str line)
{
	int code = code_of(line);
	bool more = line.n > 3 && line.p[3] == '-';
	size_t n;

	r->lines++;
	r->bytes += line.n;
	if (code == 0 || (r->code != 0 && code != r->code) ||
	    (line.n > 3 && line.p[3] != '-' && line.p[3] != ' ') || line.n > REPLY_LINE_MAX ||
	    r->lines > REPLY_LINES_MAX || r->bytes > REPLY_BYTES_MAX)
		return REPLY_BAD;
	r->line = str_skip(line, 4);
	n = enhanced_length(r->line, code);
	if (r->code == 0 && n > 0)
		str_copy(str_take(r->line, n), r->enhanced, sizeof r->enhanced);
	r->code = code;
	keep_text(r, str_skip(r->line, n));
	return more ? REPLY_MORE : REPLY_DONE;
}

void reply_status(const struct reply *r, const char *command, struct status *st)
{
	said_reply(st, r->code, r->enhanced, r->n > 0 ? r->text : "no text", command);
}
