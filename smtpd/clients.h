/*
 * What each client does: connections it holds, and what it did in the last minute. Counted for an
 * IPv4 address or an IPv6 /64, in this worker only.
 */
#ifndef SMTPD_CLIENTS_H
#define SMTPD_CLIENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "net/ip.h"

enum client_event { CLIENT_CONNECT, CLIENT_MESSAGE, CLIENT_RCPT, CLIENT_ERROR, CLIENT_EVENTS };

struct client;

/* Counts a connection of ip, which holds the client until client_close(). */
struct client *client_open(const struct ip *ip, uint64_t now);
void client_close(struct client *c, uint64_t now);

unsigned client_connections(const struct client *c);
/* Counts one event; returns how many there were in the period that now belongs to. */
unsigned client_count(struct client *c, enum client_event e, uint64_t now);
/* The same without counting. */
unsigned client_rate(const struct client *c, enum client_event e, uint64_t now);

unsigned clients_known(void);

#endif
