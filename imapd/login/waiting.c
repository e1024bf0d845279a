/* Connections of each client. See waiting.h. */
#include "waiting.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/alloc.h"
#include "base/id.h"
#include "base/siphash.h"

enum { BUCKETS = 4096 };

struct waiting {
	LIST_ENTRY(waiting) next;
	struct ip network;
	unsigned connections;
};

static LIST_HEAD(bucket, waiting) buckets[BUCKETS];
static uint64_t secret[2];
static unsigned most; /* of one client; 0 = no limit */
static struct cidr *trusted;
static size_t ntrusted;

void waiting_load(const struct conf *c)
{
	size_t n = conf_count(c, "trusted_networks");

	secret[0] = id_random();
	secret[1] = id_random();
	most = (unsigned)conf_int(c, "imap_client_connections");
	free(trusted);
	trusted = xcalloc(n + 1, sizeof *trusted);
	ntrusted = 0;
	for (size_t i = 0; i < n; i++)
		if (cidr_parse(conf_item(c, "trusted_networks", i), &trusted[ntrusted]) == 0)
			ntrusted++;
}

static bool is_counted(const struct ip *ip)
{
	for (size_t i = 0; i < ntrusted; i++)
		if (cidr_match(&trusted[i], ip))
			return false;
	return most != 0;
}

static struct bucket *bucket_of(const struct ip *network)
{
	struct str bytes = str_bytes(network->bytes, sizeof network->bytes);

	return &buckets[siphash(secret, bytes) % BUCKETS];
}

static struct waiting *find(const struct ip *network)
{
	struct waiting *w;

	LIST_FOREACH (w, bucket_of(network), next)
		if (ip_eq(&w->network, network))
			return w;
	w = xcalloc(1, sizeof *w);
	w->network = *network;
	LIST_INSERT_HEAD(bucket_of(network), w, next);
	return w;
}

bool waiting_begin(const struct ip *ip, struct waiting **out)
{
	struct ip network = *ip;
	struct waiting *w;

	*out = NULL;
	if (!is_counted(ip))
		return true;
	if (network.family == 6)
		memset(network.bytes + 8, 0, 8);
	w = find(&network);
	if (w->connections >= most)
		return false;
	w->connections++;
	*out = w;
	return true;
}

void waiting_end(struct waiting **w)
{
	struct waiting *of = *w;

	*w = NULL;
	if (of == NULL || --of->connections > 0)
		return;
	LIST_REMOVE(of, next);
	free(of);
}
