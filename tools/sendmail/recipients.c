/* The recipients of a message. See request.h. */
#include <string.h>

#include "mail/address_list.h"
#include "request.h"

int recipients_add(struct request *r, struct str address)
{
	struct recipients *t = &r->to;

	for (size_t i = 0; i < t->n; i++)
		if (str_eq(t->list[i], address))
			return 0;
	if (t->n == RECIPIENTS_MAX)
		return -1;
	if (t->n == t->cap) {
		size_t cap = t->cap == 0 ? 16 : t->cap * 2;
		struct str *list = arena_array(&r->mem, cap, sizeof *list);

		if (t->n > 0)
			memcpy(list, t->list, t->n * sizeof *list);
		t->list = list;
		t->cap = cap;
	}
	t->list[t->n++] = arena_str(&r->mem, address);
	return 0;
}

int recipients_add_list(struct request *r, struct str list)
{
	struct address_list l = address_list(list);
	struct address a;
	int found;

	while ((found = address_next(&l, ADDRESS_UTF8 | ADDRESS_BARE, &a)) != 0) {
		if (found == -1)
			return complain(EX_DATAERR, "\"%.*s\" is not an address: %s",
			    STR_ARG(str_take(l.item, 200)), address_error_text(l.error));
		if (recipients_add(r, a.text) == -1)
			return complain(EX_DATAERR, "more than %d recipients", RECIPIENTS_MAX);
	}
	return EX_OK;
}
