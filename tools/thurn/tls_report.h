/* thurn tls report: what is counted of TLS with other hosts, and what their domains are sent of it. */
#ifndef THURN_TLS_REPORT_H
#define THURN_TLS_REPORT_H

#include <stdbool.h>

/* argv: what stands behind "report". An exit status. */
int tls_report(bool json, int argc, char **argv);

#endif
