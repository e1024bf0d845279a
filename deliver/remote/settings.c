/* The settings of this program. See settings.h. */
#include "settings.h"

static struct settings now;

void settings_read(const struct conf *c)
{
	struct str name = conf_str(c, "hostname");

	if (name.n == 0 || str_copy(name, now.hostname, sizeof now.hostname) == -1)
		str_copy(STR("localhost"), now.hostname, sizeof now.hostname);
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
