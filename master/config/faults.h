/*
 * What is wrong with a configuration: lines "FILE:LINE: sentence", in the order found. Warnings do
 * not stop the configuration.
 */
#ifndef CONFIG_FAULTS_H
#define CONFIG_FAULTS_H

#include "base/buf.h"

enum { FAULTS_MAX = 50, FAULTS_TEXT_MAX = 32 * 1024 };

struct faults {
	struct buf faults, warnings;
	unsigned n; /* faults; those past FAULTS_MAX are counted, not told */
};

void faults_init(struct faults *f);
void faults_clear(struct faults *f);
/* line 0 = none; file NULL = none either. */
void faults_add(struct faults *f, const char *file, unsigned line, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* where = what conf_where() says; empty or "default" = no place. */
void faults_at(struct faults *f, struct str where, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void faults_warn(struct faults *f, struct str where, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
