/* Sources of mail. See source.h. */
#include "source.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "proto/proc.h"

static const struct conf_section *find(const char *kind, struct str title)
{
	const struct conf_section *s;

	for (size_t i = 0; (s = conf_section(proc_conf(), kind, i)) != NULL; i++) {
		if (str_caseeq(section_title(s), title))
			return s;
	}
	return NULL;
}

bool source_known(struct str name)
{
	return find("source", name) != NULL;
}

bool source_pool_known(struct str pool)
{
	return find("source_pool", pool) != NULL;
}

struct str source_of_pool(struct str pool, size_t i)
{
	const struct conf_section *s = find("source_pool", pool);

	return s != NULL && i < section_count(s, "sources") ? section_item(s, "sources", i)
							    : STR_NONE;
}

struct str source_pool_at(size_t i)
{
	const struct conf_section *s = conf_section(proc_conf(), "source_pool", i);

	return s != NULL ? section_title(s) : STR_NONE;
}

bool source_get(struct str name, struct deliver_source *out)
{
	const struct conf_section *s = find("source", name);

	*out = (struct deliver_source){ .name = name };
	if (s == NULL)
		return false;
	out->helo = section_str(s, "helo");
	for (size_t i = 0; i < section_count(s, "address"); i++) {
		struct ip ip;

		if (ip_parse(section_item(s, "address", i), &ip) == 0)
			*deliver_source_ip(out, ip.family) = ip;
	}
	return true;
}

/* They have been checked by master/config. */
static struct sched_source_limits limits_of(const struct conf_section *s)
{
	struct sched_source_limits l = { .name = section_title(s),
		.jobs = (uint32_t)section_int(s, "concurrency") };

	if (l.jobs == 0)
		l.jobs = UINT32_MAX;
	for (size_t i = 0; i < section_count(s, "rate"); i++)
		(void)rates_parse(section_item(s, "rate", i), &l.rates);
	return l;
}

void source_load(struct sched *s)
{
	static struct sched_source_limits sources[SCHED_SOURCES_MAX];
	static struct sched_pool pools[SCHED_SOURCES_MAX];
	const struct conf *c = proc_conf();
	const struct conf_section *sec;
	unsigned nsources = 0, npools = 0;

	while (nsources < SCHED_SOURCES_MAX && (sec = conf_section(c, "source", nsources)) != NULL)
		sources[nsources++] = limits_of(sec);
	while (
	    npools < SCHED_SOURCES_MAX && (sec = conf_section(c, "source_pool", npools)) != NULL) {
		struct sched_pool *p = &pools[npools++];

		*p = (struct sched_pool){ .name = section_title(sec) };
		p->sources = xcalloc(section_count(sec, "sources") + 1, sizeof *p->sources);
		while (p->n < section_count(sec, "sources")) {
			p->sources[p->n] = section_item(sec, "sources", p->n);
			p->n++;
		}
	}
	sched_set_sources(s, sources, nsources, pools, npools);
	for (unsigned i = 0; i < npools; i++)
		free(pools[i].sources);
}
