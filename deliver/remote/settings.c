/* The settings of this program. See settings.h. */
#include "settings.h"

static struct settings now;

static enum family read_family(struct str text)
{
	static const char *const names[] = { [FAMILY_SIX_FIRST] = "ipv6",
		[FAMILY_FOUR_FIRST] = "ipv4",
		[FAMILY_SIX_ONLY] = "ipv6-only",
		[FAMILY_FOUR_ONLY] = "ipv4-only" };
	enum family f = FAMILY_SIX_FIRST;

	for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
		if (str_eq(text, str_of(names[i])))
			f = (enum family)i;
	return f;
}

void settings_read(const struct conf *c)
{
	struct str name = conf_str(c, "hostname");

	if (name.n == 0 || str_copy(name, now.hostname, sizeof now.hostname) == -1)
		str_copy(STR("localhost"), now.hostname, sizeof now.hostname);
	now.port = (uint16_t)conf_int(c, "remote_port");
	now.family = read_family(conf_str(c, "remote_address_preference"));
	now.sts = conf_bool(c, "mta_sts");
	now.reports = conf_bool(c, "tls_reports");
	now.plain = conf_time(c, "remote_tls_plain_time");
	now.dead = conf_time(c, "remote_dead_time");
	now.connections = (unsigned)conf_int(c, "remote_connections");
	now.messages = (unsigned)conf_int(c, "remote_messages");
	now.idle = conf_time(c, "remote_idle_time");
	now.connect = conf_time(c, "remote_connect_timeout");
	now.command = conf_time(c, "remote_command_timeout");
	now.data = conf_time(c, "remote_data_timeout");
	now.final = conf_time(c, "remote_final_timeout");
}

const struct settings *settings(void)
{
	return &now;
}
