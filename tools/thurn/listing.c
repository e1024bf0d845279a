/* The queue as mailq prints it. See listing.h. */
#include "listing.h"

#include <jansson.h>
#include <string.h>
#include <time.h>

/* Column widths: id and mark, size, arrival; the rest is the address. */
#define HEAD_LINE  "%-17s %8s %-19s %s\n"
#define FIRST_LINE "%-17s %8lld %19.19s %s\n"

enum { REASON_WIDTH = 76 };

static const char *text_of(json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s != NULL ? s : "";
}

static void first_line(struct listing *l, json_t *o)
{
	time_t arrival = (time_t)json_integer_value(json_object_get(o, "arrival_time"));
	const char *queue = text_of(o, "queue_name"), *sender = text_of(o, "sender");
	char id[64], when[32] = "";
	struct tm tm;

	snprintf(id, sizeof id, "%s%s%s", text_of(o, "queue_id"),
	    strcmp(queue, "active") == 0 ? "*"
	    : strcmp(queue, "hold") == 0 ? "!"
					 : "",
	    json_is_true(json_object_get(o, "forced_expire")) ? "#" : "");
	if (localtime_r(&arrival, &tm) != NULL)
		strftime(when, sizeof when, "%a %b %e %T", &tm);
	fprintf(l->out, FIRST_LINE, id,
	    (long long)json_integer_value(json_object_get(o, "message_size")), when,
	    sender[0] != '\0' ? sender : "MAILER-DAEMON");
}

/* A reason stands once before the recipients that share it. */
static void recipients(struct listing *l, json_t *list, const char *untried)
{
	const char *last = "";
	json_t *r;
	size_t i;

	json_array_foreach(list, i, r)
	{
		const char *why = text_of(r, "delay_reason");
		int pad;

		if (why[0] == '\0')
			why = untried;
		if (strcmp(why, last) != 0) {
			last = why;
			why = why[0] != '\0' ? why : "reason unavailable";
			pad = REASON_WIDTH - (int)strnlen(why, REASON_WIDTH);
			fprintf(l->out, "%*s(%s)\n", pad, "", why);
		}
		fprintf(l->out, HEAD_LINE, "", "", "", text_of(r, "address"));
	}
}

/* What stands for the reason why a message waits that has not been tried. */
static const char *why_untried(json_t *o, char out[64])
{
	time_t at = (time_t)json_integer_value(json_object_get(o, "release_time"));
	struct tm tm;

	if (at <= time(NULL) || localtime_r(&at, &tm) == NULL ||
	    strftime(out, 64, "its sender wants it sent at %a %b %e %T %Y", &tm) == 0)
		return "";
	return out;
}

void listing_add(struct listing *l, struct str json)
{
	json_t *o = json_loadb(json.p, json.n, 0, NULL);
	char wait[64];

	if (o == NULL || json_object_get(o, "queue_id") == NULL) {
		json_decref(o);
		return;
	}
	if (l->messages++ == 0)
		fprintf(l->out, HEAD_LINE, "----Queue ID-----", "--Size--", "---Arrival Time----",
		    "--Sender/Recipient------");
	else
		fputc('\n', l->out);
	first_line(l, o);
	recipients(l, json_object_get(o, "recipients"), why_untried(o, wait));
	l->bytes += (uint64_t)json_integer_value(json_object_get(o, "message_size"));
	json_decref(o);
}

void listing_end(struct listing *l)
{
	if (l->messages == 0)
		fprintf(l->out, "Mail queue is empty\n");
	else
		fprintf(l->out, "\n-- %llu Kbytes in %llu Request%s.\n",
		    (unsigned long long)(l->bytes / 1024), (unsigned long long)l->messages,
		    l->messages == 1 ? "" : "s");
}
