/* thurn.conf(5), made from the table of settings. */
#ifndef THURN_MDOC_H
#define THURN_MDOC_H

#include <stdio.h>

void mdoc_settings(FILE *out);

#endif
