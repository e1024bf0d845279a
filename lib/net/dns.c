/* DNS messages. See dns.h; sections are those of RFC 1035. */
#include "net/dns.h"

#include <stdio.h>
#include <string.h>

enum {
	HEADER = 12,
	WIRE_MAX = 255, /* a name with its lengths (3.1) */
	LABEL_MAX = 63,
	CLASS_IN = 1,
	TYPE_SOA = 6,
	RCODE_OK = 0,
	RCODE_NXDOMAIN = 3,
	FLAG_QR = 0x8000,
	FLAG_TC = 0x0200,
	MASK_OPCODE = 0x7800,
	MASK_RCODE = 0x000f,
	TTL_MAX = 0x7fffffff, /* RFC 2181 8 */
};

/* A name without compression, in lower case. */
struct name {
	uint8_t wire[WIRE_MAX];
	size_t n;
};

struct message {
	const uint8_t *p;
	size_t n;
	size_t at;
	bool bad; /* sticky */
};

/* A record where it stands in the message. */
struct raw {
	struct name owner;
	uint16_t type, class;
	uint32_t ttl;
	size_t data, end;
};

/* --- names of things ------------------------------------------------------------------------- */

static const struct {
	uint16_t type;
	const char *name;
} types[] = {
	{ DNS_A, "A" },
	{ DNS_AAAA, "AAAA" },
	{ DNS_MX, "MX" },
	{ DNS_CNAME, "CNAME" },
	{ DNS_PTR, "PTR" },
	{ DNS_TXT, "TXT" },
	{ DNS_TLSA, "TLSA" },
	{ DNS_DNSKEY, "DNSKEY" },
};
enum { TYPES = sizeof types / sizeof types[0] };

const char *dns_type_name(uint16_t type)
{
	for (size_t i = 0; i < TYPES; i++)
		if (types[i].type == type)
			return types[i].name;
	return "?";
}

uint16_t dns_type_of(struct str name)
{
	for (size_t i = 0; i < TYPES; i++)
		if (str_caseeq(name, str_of(types[i].name)))
			return types[i].type;
	return 0;
}

const char *dns_status_name(enum dns_status s)
{
	static const char *const names[DNS_STATUSES] = { "ok", "nodata", "nxdomain", "temporary",
		"bogus", "malformed" };

	return s < DNS_STATUSES ? names[s] : "?";
}

const char *dns_security_name(enum dns_security s)
{
	static const char *const names[DNS_SECURITIES] = { "indeterminate", "insecure", "secure",
		"bogus" };

	return s < DNS_SECURITIES ? names[s] : "?";
}

/* --- domain names ---------------------------------------------------------------------------- */

static bool name_char(char c)
{
	return ascii_alpha(c) || ascii_digit(c) || c == '-' || c == '_' || c == '/';
}

static int name_of_text(struct str text, struct name *out)
{
	struct str label;

	out->n = 0;
	if (text.n == 0 || text.n > DNS_NAME_MAX)
		return -1;
	if (str_eq(text, STR("."))) {
		out->wire[out->n++] = 0;
		return 0;
	}
	while (str_cut(&text, '.', &label)) {
		if (label.n == 0 || label.n > LABEL_MAX)
			return -1;
		out->wire[out->n++] = (uint8_t)label.n;
		for (size_t i = 0; i < label.n; i++) {
			if (!name_char(label.p[i]))
				return -1;
			out->wire[out->n++] = (uint8_t)ascii_lower(label.p[i]);
		}
	}
	out->wire[out->n++] = 0;
	return 0;
}

bool dns_name_valid(struct str name)
{
	struct name ignored;

	return name_of_text(name, &ignored) == 0;
}

static bool name_eq(const struct name *a, const struct name *b)
{
	return a->n == b->n && memcmp(a->wire, b->wire, a->n) == 0;
}

/* Empty for a name with other characters than a host's: such a record is passed over. */
static struct str name_text(const struct name *n, struct arena *a)
{
	char text[WIRE_MAX];
	size_t len = 0;

	if (n->n == 1)
		return STR(".");
	for (size_t at = 0; n->wire[at] != 0; at += n->wire[at] + 1u) {
		if (len > 0)
			text[len++] = '.';
		for (size_t i = 0; i < n->wire[at]; i++) {
			char c = (char)n->wire[at + 1 + i];

			if (!name_char(c))
				return STR_NONE;
			text[len++] = c;
		}
	}
	return arena_str(a, (struct str){ text, len });
}

void dns_reverse(const struct ip *ip, char out[DNS_REVERSE_MAX])
{
	const uint8_t *b = ip->bytes;
	size_t n = 0;

	if (ip->family == 4) {
		snprintf(out, DNS_REVERSE_MAX, "%u.%u.%u.%u.in-addr.arpa", b[3], b[2], b[1], b[0]);
		return;
	}
	for (int i = 15; i >= 0; i--)
		n +=
		    (size_t)snprintf(out + n, DNS_REVERSE_MAX - n, "%x.%x.", b[i] & 15u, b[i] >> 4);
	snprintf(out + n, DNS_REVERSE_MAX - n, "ip6.arpa");
}

/* --- reading --------------------------------------------------------------------------------- */

static bool room(struct message *m, size_t n)
{
	if (m->bad || m->at > m->n || m->n - m->at < n)
		m->bad = true;
	return !m->bad;
}

static uint8_t read_u8(struct message *m)
{
	return room(m, 1) ? m->p[m->at++] : 0;
}

static uint16_t read_u16(struct message *m)
{
	unsigned high = read_u8(m);

	return (uint16_t)(high << 8 | read_u8(m));
}

static uint32_t read_u32(struct message *m)
{
	uint32_t high = read_u16(m);

	return high << 16 | read_u16(m);
}

/* One label behind its length. */
static void read_label(struct message *m, uint8_t len, struct name *out)
{
	if (!room(m, len) || out->n + 1 + len + 1 > WIRE_MAX) {
		m->bad = true;
		return;
	}
	out->wire[out->n++] = len;
	for (unsigned i = 0; i < len; i++)
		out->wire[out->n++] = (uint8_t)ascii_lower((char)m->p[m->at++]);
}

/* 4.1.4. A pointer leads to before the piece it stands in, so that there is an end. */
static void read_name(struct message *m, struct name *out)
{
	size_t start = m->at, behind = 0, to;
	uint8_t len;

	out->n = 0;
	while ((len = read_u8(m)) != 0 && !m->bad) {
		if (len <= LABEL_MAX) {
			read_label(m, len, out);
			continue;
		}
		to = (size_t)(len & 0x3f) << 8 | read_u8(m);
		if (len < 0xc0 || to >= start) {
			m->bad = true;
			break;
		}
		if (behind == 0)
			behind = m->at;
		m->at = start = to;
	}
	out->wire[out->n++] = 0;
	if (behind != 0 && !m->bad)
		m->at = behind;
}

/* A name that fills the rest of the record's data. */
static void read_last_name(struct message *m, const struct raw *r, struct name *out)
{
	read_name(m, out);
	if (m->at != r->end)
		m->bad = true;
}

static void read_record(struct message *m, struct raw *r)
{
	size_t len;

	read_name(m, &r->owner);
	r->type = read_u16(m);
	r->class = read_u16(m);
	r->ttl = read_u32(m);
	if (r->ttl > TTL_MAX)
		r->ttl = 0;
	len = read_u16(m);
	r->data = m->at;
	if (!room(m, len))
		return;
	r->end = m->at += len;
}

/* --- data of records ------------------------------------------------------------------------- */

/* Each reads from m->at to r->end. */
typedef void read_data(
    struct message *m, const struct raw *r, struct arena *a, struct dns_record *out);

static void read_address(
    struct message *m, const struct raw *r, struct arena *a, struct dns_record *out)
{
	size_t n = r->type == DNS_A ? 4 : 16;

	(void)a;
	if (r->end - m->at != n) {
		m->bad = true;
		return;
	}
	out->ip.family = r->type == DNS_A ? 4 : 6;
	memcpy(out->ip.bytes, m->p + m->at, n);
}

static void read_host(
    struct message *m, const struct raw *r, struct arena *a, struct dns_record *out)
{
	struct name name;

	read_last_name(m, r, &name);
	if (!m->bad)
		out->text = name_text(&name, a);
}

static void read_mx(struct message *m, const struct raw *r, struct arena *a, struct dns_record *out)
{
	if (r->end - m->at < 3) {
		m->bad = true;
		return;
	}
	out->preference = read_u16(m);
	read_host(m, r, a, out);
}

/* 3.3.14: one or more strings with a length before each. */
static void read_txt(
    struct message *m, const struct raw *r, struct arena *a, struct dns_record *out)
{
	char *text = arena_alloc(a, r->end - m->at + 1);
	size_t n = 0;

	if (m->at == r->end)
		m->bad = true;
	while (!m->bad && m->at < r->end) {
		uint8_t len = read_u8(m);

		if (r->end - m->at < len) {
			m->bad = true;
			break;
		}
		memcpy(text + n, m->p + m->at, len);
		n += len;
		m->at += len;
	}
	out->text = (struct str){ text, n };
}

/* RFC 6698 2.1 */
static void read_tlsa(
    struct message *m, const struct raw *r, struct arena *a, struct dns_record *out)
{
	if (r->end - m->at < 4) {
		m->bad = true;
		return;
	}
	out->usage = read_u8(m);
	out->selector = read_u8(m);
	out->matching = read_u8(m);
	out->text = arena_str(a, str_bytes(m->p + m->at, r->end - m->at));
}

static void read_nothing(
    struct message *m, const struct raw *r, struct arena *a, struct dns_record *out)
{
	(void)m;
	(void)r;
	(void)a;
	out->text = STR("-");
}

static const struct reader {
	uint16_t type;
	read_data *fn;
} readers[] = {
	{ DNS_A, read_address },
	{ DNS_AAAA, read_address },
	{ DNS_MX, read_mx },
	{ DNS_CNAME, read_host },
	{ DNS_PTR, read_host },
	{ DNS_TXT, read_txt },
	{ DNS_TLSA, read_tlsa },
	{ DNS_DNSKEY, read_nothing },
};

static read_data *reader_of(uint16_t type)
{
	for (size_t i = 0; i < sizeof readers / sizeof readers[0]; i++)
		if (readers[i].type == type)
			return readers[i].fn;
	return NULL;
}

/* --- the answer ------------------------------------------------------------------------------ */

/* What one look through the answer section is for. */
struct look {
	struct message *m;
	size_t answers; /* where the section begins */
	unsigned n; /* records in it */
	struct name name;
	struct dns_answer *out;
	uint16_t type;
	struct arena *arena;
	uint32_t passed_over; /* records whose name is none of a host */
};

static void least_ttl(struct dns_answer *out, uint32_t ttl)
{
	if (ttl < out->ttl)
		out->ttl = ttl;
}

/* The records of the wanted type at the present name. */
static void take_records(struct look *l)
{
	struct dns_answer *out = l->out;
	read_data *fn = reader_of(l->type);
	struct raw r = { .class = 0 };

	l->m->at = l->answers;
	for (unsigned i = 0; i < l->n && !l->m->bad; i++) {
		struct dns_record record = { .text = STR_NONE };

		read_record(l->m, &r);
		if (l->m->bad || r.type != l->type || r.class != CLASS_IN ||
		    !name_eq(&r.owner, &l->name))
			continue;
		least_ttl(out, r.ttl);
		l->m->at = r.data;
		fn(l->m, &r, l->arena, &record);
		l->m->at = r.end;
		if (record.ip.family == 0 && record.text.n == 0 && l->type != DNS_TXT)
			l->passed_over++;
		else if (out->nrecords == DNS_RECORDS_MAX)
			out->more = true;
		else
			out->records[out->nrecords++] = record;
	}
}

/* Goes to what the present name is an alias of; false when it is none. */
static bool follow(struct look *l)
{
	struct raw r = { .class = 0 };

	l->m->at = l->answers;
	for (unsigned i = 0; i < l->n && !l->m->bad; i++) {
		read_record(l->m, &r);
		if (l->m->bad || r.type != DNS_CNAME || r.class != CLASS_IN ||
		    !name_eq(&r.owner, &l->name))
			continue;
		least_ttl(l->out, r.ttl);
		l->m->at = r.data;
		read_last_name(l->m, &r, &l->name);
		return !l->m->bad;
	}
	return false;
}

/* How long "there is nothing" holds (RFC 2308 5): behind the answers, an SOA record. */
static void negative_ttl(struct look *l, unsigned authorities)
{
	struct raw r = { .class = 0 };
	struct name ignored;
	bool found = false;

	l->m->at = l->answers;
	for (unsigned i = 0; i < l->n && !l->m->bad; i++)
		read_record(l->m, &r);
	for (unsigned i = 0; i < authorities && !l->m->bad; i++) {
		read_record(l->m, &r);
		if (l->m->bad || r.type != TYPE_SOA || r.class != CLASS_IN)
			continue;
		l->m->at = r.data;
		read_name(l->m, &ignored);
		read_name(l->m, &ignored);
		l->m->at += 4 * sizeof(uint32_t); /* serial, refresh, retry, expire */
		least_ttl(l->out, r.ttl);
		least_ttl(l->out, read_u32(l->m));
		if (l->m->at != r.end)
			l->m->bad = true;
		found = true;
	}
	if (!found)
		l->out->ttl = 0;
}

static void read_answers(struct look *l, unsigned rcode, unsigned authorities)
{
	struct dns_answer *out = l->out;
	unsigned aliases = 0;

	out->records = arena_array(
	    l->arena, l->n < DNS_RECORDS_MAX ? l->n : DNS_RECORDS_MAX, sizeof *out->records);
	for (;;) {
		take_records(l);
		if (l->m->bad || out->nrecords > 0 || l->passed_over > 0 || !follow(l))
			break;
		if (++aliases > DNS_ALIASES_MAX)
			l->m->bad = true;
	}
	if (aliases > 0 && !l->m->bad)
		out->canonical = name_text(&l->name, l->arena);
	if (out->nrecords > 0)
		out->status = DNS_OK;
	else if (l->passed_over > 0)
		out->status = DNS_MALFORMED;
	else
		out->status = rcode == RCODE_NXDOMAIN ? DNS_NXDOMAIN : DNS_NODATA;
	if (!l->m->bad && dns_empty(out->status))
		negative_ttl(l, authorities);
}

void dns_parse(
    struct str message, struct str name, uint16_t type, struct arena *a, struct dns_answer *out)
{
	struct message m = { .p = (const uint8_t *)message.p, .n = message.n };
	struct look l = { .m = &m, .out = out, .type = type, .arena = a };
	struct name asked, question;
	unsigned flags, questions, authorities;

	*out = (struct dns_answer){
		.type = type, .status = DNS_MALFORMED, .canonical = STR_NONE, .ttl = TTL_MAX
	};
	read_u16(&m); /* id: the library's business */
	flags = read_u16(&m);
	questions = read_u16(&m);
	l.n = read_u16(&m);
	authorities = read_u16(&m);
	read_u16(&m); /* additional records are hearsay */
	if (m.bad || questions != 1 || (flags & FLAG_QR) == 0 || (flags & MASK_OPCODE) != 0 ||
	    reader_of(type) == NULL || name_of_text(name, &asked) == -1)
		goto bad;
	read_name(&m, &question);
	if (read_u16(&m) != type || read_u16(&m) != CLASS_IN || m.bad ||
	    !name_eq(&asked, &question))
		goto bad;
	if ((flags & FLAG_TC) != 0 ||
	    ((flags & MASK_RCODE) != RCODE_OK && (flags & MASK_RCODE) != RCODE_NXDOMAIN)) {
		out->status = DNS_TEMPORARY;
		out->ttl = 0;
		return;
	}
	l.answers = m.at;
	l.name = asked;
	read_answers(&l, flags & MASK_RCODE, authorities);
	if (!m.bad)
		return;
bad:
	*out = (struct dns_answer){ .type = type, .status = DNS_MALFORMED, .canonical = STR_NONE };
}
