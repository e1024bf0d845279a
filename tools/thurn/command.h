/*
 * thurn: one file and one row of the table in main.c per sub-command. What they share stands in
 * tool.c.
 */
#ifndef THURN_COMMAND_H
#define THURN_COMMAND_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <sysexits.h>

#include "proto/conf.h"
#include "proto/control.h"

/* Each gets its own name as argv[0] and returns an exit status (sysexits(3)). */
int cmd_start(int argc, char **argv);
int cmd_stop(int argc, char **argv);
int cmd_reload(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_config(int argc, char **argv);
int cmd_queue(int argc, char **argv);
int cmd_map(int argc, char **argv);
int cmd_user(int argc, char **argv);
int cmd_domain(int argc, char **argv);
int cmd_alias(int argc, char **argv);
int cmd_auth(int argc, char **argv);
int cmd_log(int argc, char **argv);
int cmd_explain(int argc, char **argv);
int cmd_remote(int argc, char **argv);
int cmd_tls(int argc, char **argv);
int cmd_dkim(int argc, char **argv);

/* The name it was called by: "thurn queue", "postqueue". For messages. */
const char *tool_name(void);
void tool_set_name(const char *name);

/* "NAME: text" on standard error. tool_fail returns status. */
void tool_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int tool_fail(int status, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * How a command is to be called: one line, or the first of several, which the caller prints to
 * tool_usage_file(). With --help that is what was asked for, else a fault. Returns the exit status.
 */
int tool_usage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
FILE *tool_usage_file(void);
/* Is there a --help among the arguments? Before any of the above. */
void tool_look_for_help(int argc, char **argv);

/*
 * For a command whose result is only how it went: takes --json out of argv. With it nothing of what
 * it says is printed but by tool_result(), which main() calls at its end: one object with "status"
 * and "text", and what tool_fact() has been given, whose value it takes. True: it was there.
 * tool_say prints text (lines as they are) to standard error when status is not 0.
 */
bool tool_json(int *argc, char **argv);
void tool_fact(const char *key, json_t *value);
void tool_say(int status, const char *text);
int tool_result(int status);

/* The configuration file (-c, THURN_CONF, or the built-in place) as an absolute path. */
const char *tool_conf_path(void);
void tool_set_conf_path(const char *path);
/* The directory of the suite's programs (proto/place.h). */
const char *tool_libexec(void);
/* The checked configuration, read at the first call. Ends the program when it is faulty. */
const struct conf *tool_conf(void);
/*
 * The same for whoever talks to the running suite, which goes on with what it has read before: when the
 * file at the built-in place is faulty this says so, and gives the defaults.
 */
const struct conf *tool_suite_conf(void);

/* Connects to a service of the running suite; says so on standard error when it cannot: -1. */
int tool_control(struct control *c, const char *service);
/* One request to a service: 0 and its answer, or -1 after a message. */
int tool_request(const char *service, uint16_t type, const struct put *w,
    void (*record)(void *arg, struct str json, struct ipc_msg *m), void *arg,
    struct control_answer *answer);
/*
 * One request to a service, the whole of it: connects, asks, prints the answer's text if it is not
 * empty (to standard error when it failed), and returns the exit status.
 */
int tool_ask(const char *service, uint16_t type, const struct put *w,
    void (*record)(void *arg, struct str json, struct ipc_msg *m), void *arg);
/* A record function that prints each as a line. */
void tool_print_record(void *arg, struct str json, struct ipc_msg *m);

/*
 * Takes the long option `--name` (or its short form, if not '\0', as an argument of its own) out of
 * argv: was it there? Stops at "--".
 */
bool tool_flag(int *argc, char **argv, const char *name, char brief);
/* The same for `--name VALUE` (or `--name=VALUE`): the value, or NULL. */
const char *tool_value(int *argc, char **argv, const char *name);

#endif
