/* What is read in a certificate, for people. */
#ifndef NET_CERTIFICATE_H
#define NET_CERTIFICATE_H

#include <openssl/x509.h>
#include <stddef.h>
#include <stdint.h>

/* Its host names (subject alternative names), with blanks between; cut to size bytes. */
void certificate_names(X509 *x, char *out, size_t size);
/* Seconds since 1970; 0 when malformed. */
int64_t certificate_time(const ASN1_TIME *t);

#endif
