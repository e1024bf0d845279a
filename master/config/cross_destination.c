/* Faults of destinations, lanes, reactions and sources. See cross.h. */
#include "cross.h"

#include "net/ip.h"
#include "proto/deliver.h"
#include "proto/lane.h"
#include "proto/lookup.h"
#include "proto/plan.h"
#include "proto/rate.h"
#include "proto/retry.h"
#include "table/regex.h"

enum { POOL_MAX = 64 /* sources of one; an answer of the queue's control socket holds them */ };

static void check_rate(struct str item, struct str where, const char *name, struct faults *f)
{
	struct rates r;

	if (rates_parse(item, &r) == -1)
		faults_at(f, where, "%s: \"%.*s\" is no rate such as \"100 messages/1m\"", name,
		    STR_ARG(item));
}

static void check_retry(struct str item, struct str where, struct faults *f)
{
	struct retry_times r;

	if (retry_parse(item, &r) == -1)
		faults_at(f, where,
		    "retry_times: \"%.*s\" is no fault with times such as \"dns 5m 1h\"",
		    STR_ARG(item));
}

static void check_weight(struct str item, struct str where, struct faults *f)
{
	struct str rest = item, name;
	uint64_t n;

	if (!str_cut(&rest, '=', &name) || lane_find(name) == LANES ||
	    str_u64(rest, 1000, &n) == -1 || n == 0)
		faults_at(f, where, "lane_weights: \"%.*s\" is no weight such as \"users=8\"",
		    STR_ARG(item));
}

static void check_lane_header(struct str item, struct str where, struct faults *f)
{
	bool good = item.n > 0 && item.n <= LANE_HEADER_MAX;

	for (size_t i = 0; good && i < item.n; i++)
		good = item.p[i] > ' ' && item.p[i] <= '~' && item.p[i] != ':';
	if (!good)
		faults_at(f, where, "lane_headers: \"%.*s\" is no name of at most %d characters",
		    STR_ARG(item), LANE_HEADER_MAX);
}

static void check_lanes(const struct conf *c, struct faults *f)
{
	for (size_t i = 0; i < conf_count(c, "lane_weights"); i++)
		check_weight(conf_item(c, "lane_weights", i), conf_where(c, "lane_weights"), f);
	for (size_t i = 0; i < conf_count(c, "lane_headers"); i++)
		check_lane_header(
		    conf_item(c, "lane_headers", i), conf_where(c, "lane_headers"), f);
	if (conf_count(c, "lane_headers") > LANE_HEADERS)
		faults_at(f, conf_where(c, "lane_headers"),
		    "lane_headers: more than %d fields cannot be asked about", LANE_HEADERS);
}

static void check_destinations(const struct conf *c, struct faults *f)
{
	static const char *const lists[] = { "destination_rate", "remote_rate" };
	const struct conf_section *s;

	for (size_t l = 0; l < sizeof lists / sizeof lists[0]; l++)
		for (size_t i = 0; i < conf_count(c, lists[l]); i++)
			check_rate(conf_item(c, lists[l], i), conf_where(c, lists[l]), lists[l], f);
	for (size_t i = 0; i < conf_count(c, "retry_times"); i++)
		check_retry(conf_item(c, "retry_times", i), conf_where(c, "retry_times"), f);
	check_lanes(c, f);
	for (size_t k = 0; (s = conf_section(c, "destination", k)) != NULL; k++) {
		if (section_count(s, "domains") + section_count(s, "hosts") == 0)
			faults_at(f, section_place(s),
			    "destination %.*s has neither domains nor hosts",
			    STR_ARG(section_title(s)));
		for (size_t i = 0; i < section_count(s, "retry_times"); i++)
			check_retry(
			    section_item(s, "retry_times", i), section_where(s, "retry_times"), f);
		for (size_t i = 0; i < section_count(s, "rate"); i++)
			check_rate(section_item(s, "rate", i), section_where(s, "rate"), "rate", f);
	}
}

/* --- reactions -------------------------------------------------------------------------------- */

/* What is a word in the file of the spool that says what is in force. */
static bool word_title(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~')
			return false;
	return s.n > 0 && s.n <= REACTION_NAME_MAX && !str_eq(s, STR("-"));
}

static void check_reactions(const struct conf *c, struct faults *f)
{
	const struct conf_section *s;

	for (size_t i = 0; (s = conf_section(c, "reaction", i)) != NULL; i++) {
		struct str title = section_title(s), text = section_str(s, "reply");
		char why[TABLE_WHY];
		struct regex *r = regex_new(&text, false, why);

		if (!word_title(title))
			faults_at(f, section_place(s),
			    "the title of a reaction must be one word of at most %d bytes",
			    REACTION_NAME_MAX);
		if (r == NULL)
			faults_at(f, section_where(s, "reply"), "reaction %.*s: reply: %s",
			    STR_ARG(title), why);
		else if (text.n > 0)
			faults_at(f, section_where(s, "reply"),
			    "reaction %.*s: reply: nothing may stand behind the pattern",
			    STR_ARG(title));
		regex_free(r);
	}
}

/* --- sources ---------------------------------------------------------------------------------- */

/* The n-th section of that kind with that title, in any case of letters. */
static const struct conf_section *titled(
    const struct conf *c, const char *kind, struct str title, unsigned n)
{
	const struct conf_section *s;

	for (size_t i = 0; (s = conf_section(c, kind, i)) != NULL; i++)
		if (str_caseeq(section_title(s), title) && n-- == 0)
			return s;
	return NULL;
}

static void check_moves(const struct conf *c, struct faults *f)
{
	const struct conf_section *s;

	for (size_t i = 0; (s = conf_section(c, "reaction", i)) != NULL; i++)
		if (str_eq(section_str(s, "action"), STR("move")) &&
		    titled(c, "source_pool", section_str(s, "source_pool"), 0) == NULL)
			faults_at(f, section_where(s, "action"),
			    "reaction %.*s: to move needs a source_pool, and there is no \"%.*s\"",
			    STR_ARG(section_title(s)), STR_ARG(section_str(s, "source_pool")));
}

static void check_title(
    const struct conf *c, const char *kind, const struct conf_section *s, struct faults *f)
{
	struct str title = section_title(s);
	bool good = title.n <= SOURCE_NAME_MAX;

	for (size_t i = 0; i < title.n; i++)
		good = good && title.p[i] > ' ' && title.p[i] <= '~';
	if (!good)
		faults_at(f, section_place(s), "%s: a title has at most %d characters, no blanks",
		    kind, SOURCE_NAME_MAX);
	if (titled(c, kind, title, 1) == s)
		faults_at(
		    f, section_place(s), "there is another %s \"%.*s\"", kind, STR_ARG(title));
}

static void check_source(const struct conf_section *s, struct faults *f)
{
	unsigned four = 0, six = 0;
	struct ip ip;

	for (size_t i = 0; i < section_count(s, "address"); i++) {
		if (ip_parse(section_item(s, "address", i), &ip) == -1)
			continue; /* its form says so */
		four += ip.family == 4;
		six += ip.family == 6;
		if (ip_eq(&ip, &(struct ip){ .family = ip.family }))
			faults_at(f, section_where(s, "address"), "address: any is none");
	}
	if (four + six == 0 || four > 1 || six > 1)
		faults_at(f, section_place(s),
		    "source %.*s must have one IPv4 address, one IPv6 address, or one of each",
		    STR_ARG(section_title(s)));
	for (size_t i = 0; i < section_count(s, "rate"); i++)
		check_rate(section_item(s, "rate", i), section_where(s, "rate"), "rate", f);
}

static void check_pool(const struct conf *c, const struct conf_section *s, struct faults *f)
{
	if (section_count(s, "sources") == 0 || section_count(s, "sources") > POOL_MAX)
		faults_at(f, section_place(s), "source_pool %.*s must have 1 to %d sources",
		    STR_ARG(section_title(s)), POOL_MAX);
	for (size_t i = 0; i < section_count(s, "sources"); i++) {
		struct str name = section_item(s, "sources", i);

		if (titled(c, "source", name, 0) == NULL)
			faults_at(f, section_where(s, "sources"), "there is no source \"%.*s\"",
			    STR_ARG(name));
	}
}

static void check_sources(const struct conf *c, struct faults *f)
{
	struct str wanted = conf_str(c, "default_source_pool");
	const struct conf_section *s;

	for (size_t i = 0; (s = conf_section(c, "source", i)) != NULL; i++) {
		check_title(c, "source", s, f);
		check_source(s, f);
	}
	for (size_t i = 0; (s = conf_section(c, "source_pool", i)) != NULL; i++) {
		check_title(c, "source_pool", s, f);
		check_pool(c, s, f);
	}
	if (wanted.n > 0 && titled(c, "source_pool", wanted, 0) == NULL)
		faults_at(f, conf_where(c, "default_source_pool"),
		    "default_source_pool: there is no source_pool \"%.*s\"", STR_ARG(wanted));
}

/* --- Unix sockets ----------------------------------------------------------------------------- */

static void check_unix(const struct conf *c, struct faults *f)
{
	struct str where = conf_where(c, "remote_sockets");

	if (conf_count(c, "remote_sockets") > PLAN_SOCKETS_MAX)
		faults_at(f, where, "remote_sockets: more than %d cannot be had", PLAN_SOCKETS_MAX);
	for (size_t i = 0; i < conf_count(c, "remote_sockets"); i++) {
		struct str path = conf_item(c, "remote_sockets", i);

		if (path.n >= PLAN_SOCKET_MAX)
			faults_at(f, where, "remote_sockets: %.*s is too long for a socket",
			    STR_ARG(path));
	}
}

void cross_destinations(const struct conf *c, struct faults *f)
{
	check_destinations(c, f);
	check_reactions(c, f);
	check_sources(c, f);
	check_moves(c, f);
	check_unix(c, f);
}
