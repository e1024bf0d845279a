/* Sub-commands of thurn queue about destinations. */
#ifndef THURN_QUEUE_DEST_H
#define THURN_QUEUE_DEST_H

#include <jansson.h>
#include <stdint.h>

/* argv[0] is the name of the sub-command; they return the exit status. */
int queue_do_why(int argc, char **argv);
int queue_do_suspend(int argc, char **argv);
int queue_do_resume(int argc, char **argv);
int queue_do_suspended(int argc, char **argv);
int queue_do_sources(int argc, char **argv);

/*
 * What keeps mail from that next hop or destination now: appends an object for that transport and
 * for each other by which there is or was mail for it, with what waits for recipients of that domain
 * (NULL = none). An exit status; says itself what is wrong.
 */
int queue_ask_why(const char *name, uint8_t transport, const char *domain, json_t *all);
/* One of these in words; margin stands before each line. */
void queue_print_why(const char *margin, json_t *o);

#endif
