/* The settings of this program. See settings.h. */
#include "settings.h"

static struct settings now;

static void read_mechanisms(const struct conf *c)
{
	now.nmechanisms = 0;
	for (size_t i = 0; i < conf_count(c, "remote_auth_mechanisms"); i++) {
		int m = login_mechanism(conf_item(c, "remote_auth_mechanisms", i));

		if (m != -1 && now.nmechanisms < LOGIN_MECHANISMS)
			now.mechanisms[now.nmechanisms++] = (enum login_mechanism)m;
	}
}

void settings_read(const struct conf *c)
{
	struct str name = conf_str(c, "hostname");

	if (name.n == 0 || str_copy(name, now.hostname, sizeof now.hostname) == -1)
		str_copy(STR("localhost"), now.hostname, sizeof now.hostname);
	now.port = (uint16_t)conf_int(c, "remote_port");
	(void)families_parse(conf_str(c, "remote_address_preference"), &now.families);
	now.sts = conf_bool(c, "mta_sts");
	now.reports = conf_bool(c, "tls_reports");
	now.auth_plain_loopback = conf_bool(c, "remote_auth_plain_loopback");
	now.auth_refused = conf_time(c, "remote_auth_refused_time");
	read_mechanisms(c);
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
