/* Routes and the lookups behind them, for people: of the same JSON that --json prints. */
#include <stdio.h>
#include <string.h>

#include "explain.h"
#include "queue_dest.h"

static const char *text_of(json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s != NULL ? s : "";
}

static long long number_of(json_t *o, const char *key)
{
	return (long long)json_integer_value(json_object_get(o, key));
}

static void print_failure(const char *indent, json_t *o)
{
	json_t *f = json_object_get(o, "failure");

	if (f != NULL)
		printf("%s%lld %s %s\n", indent, number_of(f, "code"), text_of(f, "enhanced"),
		    text_of(f, "text"));
}

static void print_host(json_t *h, bool mx)
{
	json_t *ips = json_object_get(h, "addresses"), *ip;
	size_t i;

	printf("        ");
	if (mx)
		printf("%lld ", number_of(h, "preference"));
	printf("%s (%s, %s)", text_of(h, "host"), text_of(h, "status"), text_of(h, "security"));
	if (text_of(h, "canonical")[0] != '\0')
		printf(" alias of %s", text_of(h, "canonical"));
	json_array_foreach(ips, i, ip) printf(" %s", json_string_value(ip));
	if (json_is_false(json_object_get(h, "usable")))
		printf(" - left out: mail would come back");
	printf("\n");
}

/* "3 1 1 0123abcd..." as in a zone. */
static void print_record(json_t *r)
{
	printf("          TLSA %lld %lld %lld %s%s\n", number_of(r, "usage"),
	    number_of(r, "selector"), number_of(r, "matching"), text_of(r, "data"),
	    json_is_true(json_object_get(r, "usable")) ? "" : " (not usable)");
}

static void print_policy(json_t *p)
{
	json_t *records = json_object_get(p, "tlsa"), *r;
	size_t i;

	printf("      TLS with %s: %s, by %s", text_of(p, "host"), text_of(p, "level"),
	    text_of(p, "source"));
	if (text_of(p, "reason")[0] != '\0')
		printf(" (%s)", text_of(p, "reason"));
	printf("\n");
	if (text_of(p, "tlsa_base")[0] != '\0')
		printf("        TLSA base domain %s\n", text_of(p, "tlsa_base"));
	json_array_foreach(records, i, r) print_record(r);
	if (json_is_true(json_object_get(p, "more")))
		printf("          and more\n");
	print_failure("        ", p);
}

static void print_families(json_t *hop)
{
	json_t *list = json_object_get(hop, "families"), *f;
	size_t i;

	if (strcmp(text_of(hop, "source"), "socket") == 0)
		return;
	printf("      families:");
	json_array_foreach(list, i, f) printf(" %s", json_string_value(f));
	printf(" (%s)\n", text_of(hop, "families_rule"));
}

static void print_hop(json_t *hop)
{
	json_t *policies = json_object_get(hop, "tls_hosts");
	json_t *tls = json_object_get(hop, "tls");
	json_t *hosts = json_object_get(hop, "hosts"), *tries = json_object_get(hop, "tries"), *x;
	const char *source = text_of(hop, "source");
	bool mx = strcmp(source, "mx") == 0;
	size_t i;

	printf("    next hop %s (group %lld, weight %lld)\n      TLS: %s (%s)\n",
	    text_of(hop, "nexthop"), number_of(hop, "group"), number_of(hop, "weight"),
	    text_of(tls, "policy"), text_of(tls, "rule"));
	explain_print_login(hop);
	print_families(hop);
	if (mx)
		printf("      MX records: %s, %s%s, for %lld s\n", text_of(hop, "status"),
		    text_of(hop, "security"),
		    json_is_true(json_object_get(hop, "implicit")) ? ", the domain is its own host"
								   : "",
		    number_of(hop, "ttl"));
	else
		printf("      addresses by: %s\n", strcmp(source, "host") == 0 ? "DNS" : source);
	json_array_foreach(hosts, i, x) print_host(x, mx);
	print_failure("      ", hop);
	json_array_foreach(policies, i, x) print_policy(x);
	if (json_array_size(tries) > 0)
		printf("      to be tried, in this order:\n");
	json_array_foreach(tries, i, x) printf("        %s port %lld (%s)%s%s\n",
	    text_of(x, "address"), number_of(x, "port"), text_of(x, "host"),
	    json_object_get(x, "failed_lately_ms") != NULL ? ", failed lately" : "",
	    json_object_get(x, "refused") != NULL ? ", but its TLS policy refuses it" : "");
}

static void print_sources(json_t *pool)
{
	json_t *sources = json_object_get(pool, "sources"), *s, *addresses, *a;
	size_t i, k;

	if (pool == NULL) {
		printf("    source address: any (no source pool)\n");
		return;
	}
	printf("    source pool: %s (%s)\n", text_of(pool, "name"), text_of(pool, "rule"));
	json_array_foreach(sources, i, s)
	{
		addresses = json_object_get(s, "addresses");
		printf("      %s:", text_of(s, "source"));
		json_array_foreach(addresses, k, a) printf(" %s", json_string_value(a));
		printf(", EHLO %s%s\n", text_of(s, "helo"),
		    json_object_get(s, "suspension") != NULL ? ", suspended" : "");
	}
}

void explain_print_route(json_t *o)
{
	json_t *hop, *limit, *lane = json_object_get(o, "lane");
	size_t i;

	printf("%s\n    rule: %s\n    transport: %s%s%s\n", text_of(o, "recipient"),
	    text_of(o, "rule"), text_of(o, "transport"),
	    text_of(o, "nexthop")[0] != '\0' ? ", next hop " : "", text_of(o, "nexthop"));
	if (text_of(o, "nexthop")[0] != '\0')
		print_sources(json_object_get(o, "source_pool"));
	printf("    lane: %s (%s)\n", text_of(lane, "name"), text_of(lane, "rule"));
	if (text_of(o, "sender")[0] != '\0')
		printf("    sender becomes: %s\n", text_of(o, "sender"));
	if (text_of(o, "home")[0] != '\0')
		printf("    mailbox: %s, uid %lld\n", text_of(o, "home"), number_of(o, "uid"));
	print_failure("    ", o);
	json_array_foreach(json_object_get(o, "hops"), i, hop) print_hop(hop);
	json_array_foreach(json_object_get(o, "limits"), i, limit) queue_print_why("    ", limit);
}

void explain_print_steps(json_t *o)
{
	json_t *s;
	size_t i;

	json_array_foreach(json_object_get(o, "lookups"), i, s)
	{
		if (text_of(s, "setting")[0] == '\0') {
			printf(
			    "%s cannot be followed: %s\n", text_of(s, "rule"), text_of(s, "value"));
			continue;
		}
		printf("%s \"%s\": %s", text_of(s, "setting"), text_of(s, "key"),
		    text_of(s, "result"));
		if (text_of(s, "rule")[0] != '\0')
			printf(" in %s", text_of(s, "rule"));
		if (text_of(s, "value")[0] != '\0')
			printf(": %s", text_of(s, "value"));
		printf("\n");
	}
	if (json_is_true(json_object_get(o, "more")))
		printf("and more lookups\n");
}
