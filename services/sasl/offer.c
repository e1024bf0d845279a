/* What is offered. See offer.h. */
#include "offer.h"

#include "mech.h"

static struct sasl_names names;

void offer_load(const struct conf *c)
{
	names = (struct sasl_names){ 0 };
	for (size_t i = 0; i < conf_count(c, "sasl_mechanisms") && names.n < SASL_NAMES_MAX; i++) {
		const struct mechanism *m = mech_find(conf_item(c, "sasl_mechanisms", i));

		if (m == NULL)
			continue; /* master/config has refused others */
		(void)str_copy(str_of(m->name), names.rows[names.n].name, SASL_NAME_MAX + 1);
		names.rows[names.n++].needs = (uint8_t)sasl_needs(str_of(m->name));
	}
}

const struct sasl_names *offer_names(void)
{
	return &names;
}

bool offer_binds(void)
{
	for (unsigned i = 0; i < names.n; i++)
		if ((names.rows[i].needs & SASL_NEEDS_EXPORTER) != 0)
			return true;
	return false;
}

int offer_lacks(const struct sasl_start *s)
{
	unsigned has = (s->secure ? SASL_NEEDS_SECURE : 0) |
		       (s->exporter.n > 0 ? SASL_NEEDS_EXPORTER : 0) |
		       (s->certificate.n > 0 ? SASL_NEEDS_CERTIFICATE : 0);

	for (unsigned i = 0; i < names.n; i++)
		if (str_caseeq(s->mechanism, str_of(names.rows[i].name)))
			return (int)(names.rows[i].needs & ~has);
	return -1;
}
