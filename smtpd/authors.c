/* In whose name a message is sent. See authors.h. */
#include "authors.h"

#include "limits.h"
#include "mail/address_list.h"
#include "mail/header.h"

static const struct str names[AUTHOR_FIELDS] = { STR("From"), STR("Sender") };

void authors_start(struct authors *a)
{
	*a = (struct authors){ .field = AUTHOR_FIELDS };
	buf_init(&a->value, LIMIT_AUTHORS);
}

void authors_clear(struct authors *a)
{
	buf_clear(&a->value);
}

static void fault(struct authors *a, const char *what)
{
	if (a->fault.code == 0)
		status_set(&a->fault, 550, "5.6.0", "the field %s %s", names[a->field].p, what);
}

static void keep(struct authors *a, struct arena *m, const struct address *address)
{
	if (a->n == SENDERS_MAX)
		fault(a, "has too many addresses");
	else
		a->addresses[a->n++] = arena_str(m, address->text);
}

static void read_addresses(struct authors *a, struct arena *m, struct str value)
{
	struct address_list l = address_list(value);
	struct address address;
	int r;

	while (a->fault.code == 0 &&
	       (r = address_next(&l, ADDRESS_UTF8 | ADDRESS_STRICT, &address)) != 0) {
		if (r == -1)
			status_set(&a->fault, 550, "5.6.0", "the field %s has a bad address: %s",
			    names[a->field].p, address_error_text(l.error));
		else
			keep(a, m, &address);
	}
}

/* The field at hand is complete. */
static void read_field(struct authors *a, struct arena *m)
{
	uint32_t before = a->n;
	struct buf line;

	if (a->field == AUTHOR_FIELDS)
		return;
	if (a->value.full) {
		fault(a, "is too long");
		return;
	}
	buf_init(&line, LIMIT_AUTHORS);
	header_unfold(&line, buf_view(&a->value));
	read_addresses(a, m, buf_view(&line));
	buf_clear(&line);
	if (a->n == before)
		fault(a, "names nobody");
	if (a->field == AUTHOR_FROM)
		a->nfrom = a->n - before;
	else if (a->n - before > 1)
		fault(a, "names more than one");
}

void authors_field(struct authors *a, struct arena *m, struct str name)
{
	read_field(a, m);
	buf_reset(&a->value);
	a->field = 0;
	while (a->field < AUTHOR_FIELDS && !str_caseeq(name, names[a->field]))
		a->field++;
	if (a->field == AUTHOR_FIELDS)
		return;
	if (a->seen[a->field])
		fault(a, "stands there twice");
	a->seen[a->field] = true;
}

void authors_value(struct authors *a, struct str piece)
{
	if (a->field != AUTHOR_FIELDS)
		buf_str(&a->value, piece);
}

void authors_end(struct authors *a, struct arena *m)
{
	read_field(a, m);
	a->field = AUTHOR_FIELDS;
	buf_clear(&a->value);
}
