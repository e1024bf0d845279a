/* The client's side of SASL. See sasl.h. */
#include "sasl.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "scram.h"

struct sasl {
	struct sasl_login login;
	struct scram *scram;
	unsigned steps; /* taken */
	bool complete;
};

/* RFC 4616 */
static int plain(struct sasl *x, struct str challenge, struct buf *out, const char **why)
{
	if (challenge.n > 0 || x->steps > 0) {
		*why = "it asks for more than PLAIN has";
		return -1;
	}
	buf_char(out, '\0');
	buf_z(out, x->login.user);
	buf_char(out, '\0');
	buf_z(out, x->login.secret);
	x->complete = true;
	return 0;
}

/* Two questions, whose words differ. */
static int login(struct sasl *x, struct str challenge, struct buf *out, const char **why)
{
	(void)challenge;
	if (x->steps > 1) {
		*why = "it asks for more than LOGIN has";
		return -1;
	}
	buf_z(out, x->steps == 0 ? x->login.user : x->login.secret);
	x->complete = x->steps == 1;
	return 0;
}

/* RFC 5801 4: "=" and "," of a name. */
static void put_saslname(struct buf *out, const char *name)
{
	for (; *name != '\0'; name++)
		if (*name == '=' || *name == ',')
			buf_z(out, *name == '=' ? "=3D" : "=2C");
		else
			buf_char(out, *name);
}

/* RFC 7628 3.1; what comes back is an error, to which the client has to say that it has read it. */
static int oauthbearer(struct sasl *x, struct str challenge, struct buf *out, const char **why)
{
	(void)challenge;
	(void)why;
	if (x->steps > 0)
		return buf_z(out, "\001");
	buf_z(out, "n,a=");
	put_saslname(out, x->login.user);
	buf_printf(out, ",\001host=%s\001port=%u\001auth=Bearer %s\001\001", x->login.host,
	    (unsigned)x->login.port, x->login.secret);
	x->complete = true;
	return 0;
}

static int xoauth2(struct sasl *x, struct str challenge, struct buf *out, const char **why)
{
	(void)challenge;
	(void)why;
	if (x->steps > 0)
		return 0;
	buf_printf(out, "user=%s\001auth=Bearer %s\001\001", x->login.user, x->login.secret);
	x->complete = true;
	return 0;
}

static int scram(struct sasl *x, struct str challenge, struct buf *out, const char **why)
{
	int r = scram_step(x->scram, challenge, out, why);

	x->complete = r == 1;
	return r == -1 ? -1 : 0;
}

static const struct mechanism {
	int (*step)(struct sasl *x, struct str challenge, struct buf *out, const char **why);
	bool server_first;
} mechanisms[LOGIN_MECHANISMS] = {
	[LOGIN_SCRAM_SHA_256_PLUS] = { scram },
	[LOGIN_SCRAM_SHA_256] = { scram },
	[LOGIN_SCRAM_SHA_1_PLUS] = { scram },
	[LOGIN_SCRAM_SHA_1] = { scram },
	[LOGIN_PLAIN] = { plain },
	[LOGIN_LOGIN] = { login, .server_first = true },
	[LOGIN_OAUTHBEARER] = { oauthbearer },
	[LOGIN_XOAUTH2] = { xoauth2 },
};

int sasl_open(void)
{
	return scram_open();
}

struct sasl *sasl_new(const struct sasl_login *l)
{
	struct sasl *x = xcalloc(1, sizeof *x);

	x->login = *l;
	if (mechanisms[l->mechanism].step == scram) {
		x->scram = scram_new(l);
		if (x->scram == NULL) {
			free(x);
			return NULL;
		}
	}
	return x;
}

void sasl_free(struct sasl *x)
{
	if (x == NULL)
		return;
	scram_free(x->scram);
	explicit_bzero(x, sizeof *x);
	free(x);
}

bool sasl_begins(enum login_mechanism m)
{
	return !mechanisms[m].server_first;
}

int sasl_step(struct sasl *x, struct str challenge, struct buf *out, const char **why)
{
	int r;

	*why = "it asks too much";
	if (x->steps > SASL_ROUNDS_MAX)
		return -1;
	r = mechanisms[x->login.mechanism].step(x, challenge, out, why);
	x->steps++;
	return r == -1 || out->full ? -1 : 0;
}

bool sasl_complete(const struct sasl *x)
{
	return x->complete;
}
