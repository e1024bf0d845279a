/*
 * Lanes: kinds of mail that take turns by weight, so that none makes another wait. Which one a message
 * takes is the decision of services/lookup, if a rule of lane_maps is for it, and else follows from
 * what it is (queue/lane.c).
 */
#ifndef PROTO_LANE_H
#define PROTO_LANE_H

#include <stdint.h>

#include "base/str.h"

enum lane { LANE_USER, LANE_BULK, LANE_REPORT, LANE_BOUNCE, LANES };

/* Fields of the header that may be asked about (setting lane_headers), and the length of their names. */
enum { LANE_HEADERS = 8, LANE_HEADER_MAX = 40 };

/* "users", "bulk", "reports", "bounces". */
struct str lane_name(uint8_t lane);
/* LANES when it is none of these. */
uint8_t lane_find(struct str name);

#endif
