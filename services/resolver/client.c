/* Who is at an address. See client.h. */
#include "client.h"

static void one_less(struct client_search *s)
{
	if (--s->pending == 0)
		s->done(s);
}

/* --- its name -------------------------------------------------------------------------------- */

static bool leads_back(const struct client_search *s, const struct dns_answer *a)
{
	for (uint32_t i = 0; i < a->nrecords; i++)
		if (ip_eq(&a->records[i].ip, &s->ip))
			return true;
	return false;
}

static void on_forward(struct query *q)
{
	struct client_search *s = q->arg;
	struct client_reply *r = &s->reply;

	if (r->name_status != DNS_OK) {
		if (leads_back(s, &q->answer)) {
			r->name_status = DNS_OK;
			r->name = q->name;
		} else if (q->answer.status != DNS_OK && !dns_empty(q->answer.status)) {
			r->name_status = q->answer.status;
		}
	}
	one_less(s);
}

static void on_reverse(struct query *q)
{
	struct client_search *s = q->arg;
	const struct dns_answer *a = &q->answer;
	uint16_t type = s->ip.family == 4 ? DNS_A : DNS_AAAA;

	s->reply.name_status = a->status;
	if (a->status == DNS_OK) {
		s->reply.name_status = DNS_NODATA; /* until a name leads back */
		s->reply.reverse = a->records[0].text;
	}
	for (uint32_t i = 0; i < a->nrecords && i < CLIENT_NAMES_MAX; i++) {
		s->pending++;
		library_ask(&s->forward[i], a->records[i].text, type, s->arena, on_forward, s);
	}
	one_less(s);
}

static void ask_name(struct client_search *s)
{
	char name[DNS_REVERSE_MAX];

	dns_reverse(&s->ip, name);
	s->pending++;
	library_ask(
	    &s->reverse, arena_str(s->arena, str_of(name)), DNS_PTR, s->arena, on_reverse, s);
}

/* --- lists ----------------------------------------------------------------------------------- */

static void on_text(struct query *q)
{
	struct list_ask *l = q->arg;
	struct client_reply *r = &l->search->reply;

	if (q->answer.nrecords > 0 && str_eq(r->list, l->list->zone))
		r->list_text = q->answer.records[0].text;
	one_less(l->search);
}

static void on_list(struct query *q)
{
	struct list_ask *l = q->arg;
	struct client_search *s = l->search;
	struct ip code = list_verdict(l->list, &q->answer);

	if (q->answer.status != DNS_OK && !dns_empty(q->answer.status))
		s->reply.list_failed = true;
	if (code.family != 0 && s->reply.list.n == 0) {
		s->reply.list = l->list->zone;
		s->reply.list_code = code;
		s->pending++;
		library_ask(&l->text, q->name, DNS_TXT, s->arena, on_text, l);
	}
	one_less(s);
}

static void ask_lists(struct client_search *s)
{
	struct list *all;
	size_t n = lists_all(&all);

	for (size_t i = 0; i < n; i++) {
		struct list_ask *l = &s->lists[s->nlists];
		struct str name = list_name(&all[i], &s->ip, s->arena);

		if (!all[i].on || name.n == 0)
			continue;
		s->nlists++;
		*l = (struct list_ask){ .search = s, .list = &all[i] };
		s->pending++;
		library_ask(&l->query, name, DNS_A, s->arena, on_list, l);
	}
}

/* --- both ------------------------------------------------------------------------------------ */

void client_search(struct client_search *s, const struct client_question *q, struct arena *a,
    void (*done)(struct client_search *s))
{
	s->arena = a;
	s->ip = q->ip;
	s->done = done;
	s->reply = (struct client_reply){ .name_status = DNS_TEMPORARY };
	s->pending =
	    1; /* answers may come from within: the search itself counts until all are asked */
	if (q->name)
		ask_name(s);
	if (q->lists)
		ask_lists(s);
	one_less(s);
}

void client_search_stop(struct client_search *s)
{
	library_forget(&s->reverse);
	for (unsigned i = 0; i < CLIENT_NAMES_MAX; i++) {
		if (s->forward[i].flight != NULL && s->reply.name_status != DNS_OK)
			s->reply.name_status = DNS_TEMPORARY;
		library_forget(&s->forward[i]);
	}
	for (unsigned i = 0; i < s->nlists; i++) {
		if (s->lists[i].query.flight != NULL)
			s->reply.list_failed = true;
		library_forget(&s->lists[i].query);
		library_forget(&s->lists[i].text);
	}
}
