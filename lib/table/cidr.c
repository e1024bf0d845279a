/* cidr: tables: networks in the order of the text, first match counts. See thurn-tables(5). */
#include <arpa/inet.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "table/rules.h"

/* An address as 128 bits, of which IPv4 has the last 32; bits: 32 or 128. */
struct address {
	uint64_t high, low;
	unsigned bits;
};

struct network {
	struct address net, mask;
};

/* -1 if text is no numeric address. */
static int read_address(struct str text, struct address *out)
{
	char z[INET6_ADDRSTRLEN + 1];
	struct in_addr four;
	struct in6_addr six;

	if (str_copy(text, z, sizeof z) == -1)
		return -1;
	if (inet_pton(AF_INET, z, &four) == 1) {
		*out = (struct address){ 0, ntohl(four.s_addr), 32 };
		return 0;
	}
	if (inet_pton(AF_INET6, z, &six) != 1)
		return -1;
	memcpy(&out->high, six.s6_addr, 8);
	memcpy(&out->low, six.s6_addr + 8, 8);
	*out = (struct address){ be64toh(out->high), be64toh(out->low), 128 };
	return 0;
}

static struct address mask_of(unsigned length)
{
	return (struct address){
		length == 0    ? 0
		: length >= 64 ? UINT64_MAX
			       : UINT64_MAX << (64 - length),
		length <= 64 ? 0 : UINT64_MAX << (128 - length),
		0,
	};
}

static int compile(struct rules *rs, struct rule *r, struct str *rest, char *why)
{
	struct str word, text, length;
	struct network *n = arena_alloc(&rs->arena, sizeof *n);
	uint64_t len;

	str_word(rest, &word);
	text = word;
	str_cut(&text, '/', &length);
	if (length.n > 2 && length.p[0] == '[' && length.p[length.n - 1] == ']')
		length = (struct str){ length.p + 1, length.n - 2 };
	if (read_address(length, &n->net) == -1)
		return table_why(
		    why, "\"%.*s\" is no network (address/length)", STR_ARG(str_take(word, 80)));
	len = n->net.bits;
	if (text.p != NULL && str_u64(text, n->net.bits, &len) == -1)
		return table_why(why, "\"%.*s\": the length must be 0 to %u",
		    STR_ARG(str_take(word, 80)), n->net.bits);
	n->mask = mask_of((unsigned)len + 128 - n->net.bits);
	if ((n->net.high & ~n->mask.high) != 0 || (n->net.low & ~n->mask.low) != 0)
		return table_why(why, "\"%.*s\": address bits are set behind the length",
		    STR_ARG(str_take(word, 80)));
	r->match = n;
	return 0;
}

static int match(struct rules *rs, const struct rule *r, const void *subject, char *why)
{
	const struct network *n = r->match;
	const struct address *a = subject;

	(void)rs;
	(void)why;
	/* a rule about IPv4 says nothing of IPv6, turned round or not: that would be all of it */
	if (a->bits != n->net.bits)
		return r->negate;
	return (a->high & n->mask.high) == n->net.high && (a->low & n->mask.low) == n->net.low;
}

static const struct rules_hooks hooks = { .compile = compile, .match = match };

static void unload(void *content)
{
	rules_clear(content);
	free(content);
}

static void *load(struct table *t, struct str text, int fd, char *why)
{
	struct rules *rs = xcalloc(1, sizeof *rs);

	(void)fd;
	arena_init(&rs->arena);
	if (rules_load(rs, &hooks, t->path, text, why) == 0)
		return rs;
	unload(rs);
	return NULL;
}

static enum table_result lookup(
    struct table *t, struct str key, struct arena *a, struct table_answer *out)
{
	struct address address;
	const struct rule *r, *failed;
	char why[TABLE_WHY];

	if (read_address(key, &address) == -1)
		return TABLE_NONE;
	r = rules_find(t->content, &hooks, &address, &failed, why);
	if (r == NULL)
		return TABLE_NONE;
	out->value = arena_str(a, r->value);
	out->rule = table_rule(t, r->line, a);
	return TABLE_FOUND;
}

static int each(struct table *t, table_each_fn *fn, void *arg, char *why)
{
	(void)why;
	return rules_each(t->content, fn, arg);
}

const struct table_type table_cidr = { .name = "cidr",
	.source = SOURCE_TEXT,
	.pattern = true,
	.load = load,
	.unload = unload,
	.lookup = lookup,
	.each = each };
