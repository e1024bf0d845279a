/* Messages and entries. See message.h. */
#include "message.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "clock.h"
#include "gather.h"
#include "base/loop.h"
#include "space.h"
#include "spool.h"
#include "transcript.h"

enum {
	POOL_MAX = 256, /* structs kept for the next message */
	RANDOM_IDS = 32,
	IDS_PER_DIR = 256,
};

struct queue_counts counts;

static struct message_list all = TAILQ_HEAD_INITIALIZER(all), spare = TAILQ_HEAD_INITIALIZER(spare);
static unsigned nspare, by_state[M_STATES];

static struct shards entries;
static uint64_t changes;

#define BIT(s) (1u << (s))

/* From which states each may be entered. */
static const unsigned edges[M_STATES] = {
	[M_LOADING] = BIT(M_COLLECTING),
	[M_ROUTING] = BIT(M_COLLECTING) | BIT(M_SEALING) | BIT(M_WAITING) | BIT(M_LOADING),
	[M_SHORTCUT] = BIT(M_ROUTING),
	[M_SEALING] = BIT(M_COLLECTING) | BIT(M_ROUTING) | BIT(M_SHORTCUT),
	[M_WAITING] = BIT(M_SEALING),
	[M_EXPANDING] = BIT(M_ROUTING) | BIT(M_SEALING),
	[M_RUNNING] = BIT(M_ROUTING) | BIT(M_EXPANDING) | BIT(M_SEALING),
	[M_SETTLING] = BIT(M_RUNNING) | BIT(M_LOADING),
};

void message_state(struct message *m, enum message_state to)
{
	static const char *const names[M_STATES] = { "collecting", "routing", "shortcut", "sealing",
		"waiting", "loading", "expanding", "running", "settling" };

	assert((edges[to] & BIT(m->state)) != 0);
	by_state[m->state]--;
	by_state[to]++;
	m->state = (uint8_t)to;
	log_debug(&m->tag, EV("message-state"), KZ("state", names[to]));
}

struct message_list *message_all(void)
{
	return &all;
}

unsigned message_count(enum message_state s)
{
	return by_state[s];
}

struct message *message_new(uint64_t id)
{
	struct message *m = TAILQ_FIRST(&spare);
	struct arena arena;

	if (m != NULL) {
		TAILQ_REMOVE(&spare, m, next);
		nspare--;
		arena = m->arena;
	} else {
		m = xmalloc(sizeof *m);
		arena_init(&arena);
	}
	memset(m, 0, sizeof *m);
	m->arena = arena;
	m->tag.queue = id;
	m->fd = m->memfd = -1;
	m->parts = 1;
	m->task.sync_dir = POOL_NO_DIR;
	TAILQ_INSERT_TAIL(&all, m, next);
	by_state[m->state]++;
	return m;
}

/* An attempt that nobody knows the end of stays unknown until there is another one. */
static bool unknown(const struct message *m)
{
	if (m->state == M_LOADING)
		return m->found;
	for (uint32_t i = 0; i < m->ntargets; i++) {
		if (m->targets[i].maybe && !target_final(&m->targets[i]))
			return true;
	}
	return false;
}

/* What is known of it stays, if it does. */
static void keep_brief(struct message *m)
{
	struct facts f = { .id = m->tag.queue };

	if (gather_message(m, &m->arena, BRIEF_RCPTS, &f) == -1)
		return;
	entry_brief(m->entry, f.left > 0 ? brief_new(&f) : NULL);
	m->entry->stamp = m->stamp;
}

void message_free(struct message *m)
{
	assert(!m->task_busy && m->flying == 0 && !m->in_cut && m->routing == NULL);
	by_state[m->state]--;
	TAILQ_REMOVE(&all, m, next);
	if (m->fd != -1)
		close(m->fd);
	if (m->memfd != -1)
		close(m->memfd);
	buf_clear(&m->text);
	buf_clear(&m->records);
	free(m->slots);
	transcripts_free(m->transcripts);
	space_release(m->reserved);
	if (m->entry != NULL) {
		keep_brief(m);
		m->entry->found |= unknown(m);
		if (m->entry->park.called)
			sched_unpark(&m->entry->park, loop_now());
		m->entry->m = NULL;
	}
	if (nspare < POOL_MAX) {
		arena_reset(&m->arena);
		TAILQ_INSERT_HEAD(&spare, m, next);
		nspare++;
	} else {
		arena_clear(&m->arena);
		free(m);
	}
}

/*
 * Random, so that none is ever used again. The last byte chooses the hash directory: some hundred
 * messages in a row share one, so that those that are committed at the same time share its sync. One
 * in which nothing could be accepted is passed over, while there are others.
 */
uint64_t message_id(void)
{
	static uint64_t ids[RANDOM_IDS];
	static unsigned left, used;
	static uint8_t dir;
	bool others = spool_lost() < SPOOL_DIRS;
	uint64_t id;

	do {
		if (left == 0) {
			/* so few bytes always come at once, and many ids cost one call */
			if (getrandom(ids, sizeof ids, 0) != (ssize_t)sizeof ids)
				abort();
			left = RANDOM_IDS;
		}
		id = ids[--left];
		if (used++ % IDS_PER_DIR == 0 || (spool_is_lost(dir) && others))
			dir = (uint8_t)id;
		id = (id & ~UINT64_C(255)) | dir;
	} while (id == 0 || entry_find(id) != NULL || (spool_is_lost(dir) && others));
	return id;
}

/* --- entries ---------------------------------------------------------------------------------- */

static struct entry *entry_of(struct shard_node *n)
{
	return (struct entry *)((char *)n - offsetof(struct entry, in));
}

struct entry *entry_find(uint64_t id)
{
	struct shard_node *n = shards_find(&entries, id);

	return n != NULL ? entry_of(n) : NULL;
}

struct entry *entry_new(uint64_t id, uint64_t size, enum entry_state state)
{
	struct entry *e;

	if (entry_find(id) != NULL)
		return NULL;
	e = xcalloc(1, sizeof *e);
	e->in.key = id;
	e->size = size;
	e->state = (uint8_t)state;
	shards_add(&entries, &e->in);
	counts.messages[state]++;
	counts.bytes[state] += size;
	return e;
}

void entry_state(struct entry *e, enum entry_state to)
{
	counts.messages[e->state]--;
	counts.bytes[e->state] -= e->size;
	counts.messages[to]++;
	counts.bytes[to] += e->size;
	e->state = (uint8_t)to;
}

void entry_resize(struct entry *e, uint64_t size)
{
	counts.bytes[e->state] += size - e->size;
	e->size = size;
}

void entry_brief(struct entry *e, struct brief *b)
{
	free(e->brief);
	e->brief = b;
	changes++;
}

void entry_free(struct entry *e)
{
	assert(e->node.slot == 0);
	sched_unpark(&e->park, loop_now());
	shards_remove(&entries, &e->in);
	counts.messages[e->state]--;
	counts.bytes[e->state] -= e->size;
	if (e->m != NULL)
		e->m->entry = NULL;
	free(e->brief);
	free(e);
	changes++;
}

uint64_t entry_changes(void)
{
	return changes;
}

uint32_t entry_count(unsigned shard)
{
	return shards_count(&entries, shard);
}

static void add_id(struct shard_node *n, void *arg)
{
	uint64_t **at = arg;

	*(*at)++ = n->key;
}

void entry_ids(unsigned shard, uint64_t *out)
{
	shards_each(&entries, shard, add_id, &out);
}

/* --- targets and time ------------------------------------------------------------------------- */

int64_t wall_millis(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t wall_seconds(void)
{
	return wall_millis() / 1000;
}

int64_t message_begin(const struct message *m, int64_t now)
{
	const struct envelope *e = &m->content.envelope;
	int64_t arrival = clock_corrected(e->arrival / 1000, now);

	for (uint32_t i = 0; i < m->ntargets; i++) {
		if (m->targets[i].early > 0)
			return arrival + m->targets[i].early * INT64_C(60000);
	}
	return e->release * 1000 > arrival ? e->release * 1000 : arrival;
}

uint64_t message_age(const struct message *m, int64_t now)
{
	int64_t age = now - message_begin(m, now);

	return age > 0 ? (uint64_t)age : 0;
}

uint32_t target_number(const struct target *t)
{
	/* SPOOL_SLOTS_MAX is below 1 << 20, SPOOL_PARTS below 1 << 12 */
	return (uint32_t)t->part << 20 | t->index;
}

void target_tried(const struct message *m, struct target *t, int64_t now)
{
	const struct envelope *e = &m->content.envelope;
	int64_t minutes = (now - e->arrival / 1000) / 60000 + 1;

	if (t->attempts == 0 && e->release * 1000 > now)
		t->early = (uint16_t)(minutes < 1            ? 1
				      : minutes > UINT16_MAX ? UINT16_MAX
							     : minutes);
	if (t->attempts < UINT16_MAX)
		t->attempts++;
}

void target_set(struct target *t, enum slot_state state, bool hard)
{
	t->state = (uint8_t)state;
	t->generation++;
	t->changed = wall_seconds();
	t->dirty = true;
	t->hard |= hard;
}

void target_status(struct message *m, struct target *t, const struct status *st)
{
	struct status *copy = (struct status *)(uintptr_t)t->status;

	/* one per target and pass is enough, however often it is tried */
	if (copy == NULL)
		copy = arena_alloc(&m->arena, sizeof *copy);
	*copy = *st;
	t->status = copy;
}
