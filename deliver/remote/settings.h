/* The settings of this program, read once and again at a reload. */
#ifndef REMOTE_SETTINGS_H
#define REMOTE_SETTINGS_H

#include <stdint.h>

#include "proto/conf.h"

struct settings {
	char hostname[256]; /* for EHLO */
	unsigned connections; /* open at the same time */
	unsigned messages; /* over one connection */
	uint64_t idle; /* all times in milliseconds */
	uint64_t connect, command, data, final;
};

void settings_read(const struct conf *c);
const struct settings *settings(void);

#endif
