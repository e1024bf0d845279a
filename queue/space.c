/* Room in the spool. See space.h. */
#include "space.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/loop.h"
#include "settings.h"
#include "spool.h"

enum { FRESH_MS = 500 };

static uint64_t reserved, asked_at, room;
static bool failed, low;

static void ask_disk(void)
{
	uint64_t bytes, inodes;
	bool was_low = low;

	if (spool_space(&bytes, &inodes) == -1) {
		bytes = 0;
		inodes = 0;
	}
	low = bytes <= settings.minimal_free || inodes <= settings.minimal_inodes;
	room = low ? 0 : bytes - settings.minimal_free;
	if (low && !was_low)
		log_error(NULL, EV("spool-full"), KI("bytes", bytes), KI("inodes", inodes));
	else if (!low && was_low)
		log_notice(NULL, EV("spool-has-room"), KI("bytes", bytes), KI("inodes", inodes));
}

uint64_t space_room(void)
{
	uint64_t now = loop_now();

	if (failed)
		return 0;
	if (asked_at == 0 || now - asked_at >= FRESH_MS) {
		asked_at = now;
		ask_disk();
	}
	return room > reserved ? room - reserved : 0;
}

void space_reserve(uint64_t bytes)
{
	reserved += bytes;
}

void space_release(uint64_t bytes)
{
	reserved -= bytes;
}

static int check(bool fits, struct status *st)
{
	if (failed)
		return status_set(
		    st, 451, "4.3.0", "The mail queue is out of order; try again later");
	if (!fits)
		return status_set(
		    st, 452, "4.3.1", "Not enough space in the mail queue; try again later");
	return 0;
}

int space_check(uint64_t bytes, struct status *st)
{
	return check(bytes < space_room(), st);
}

int space_check_open(uint64_t bytes, struct status *st)
{
	(void)space_room();
	return check(reserved + bytes < room / 2, st);
}

void space_failed(const char *what, int error)
{
	if (failed)
		return;
	failed = true;
	log_error(NULL, EV("volume-failed"), KZ("operation", what), KZ("error", strerror(error)));
}

void space_recovered(void)
{
	failed = false;
	log_notice(NULL, EV("volume-recovered"));
}

bool space_has_failed(void)
{
	return failed;
}

void space_status(struct status *st, int error)
{
	if (error == ENOSPC || error == EDQUOT)
		status_set(st, 452, "4.3.1", "Not enough space in the mail queue; try again later");
	else
		status_set(st, 451, "4.3.0", "The message could not be stored; try again later");
}
