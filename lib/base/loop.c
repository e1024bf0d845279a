/* The event loop of a process, on libevent. See loop.h. */
#include "base/loop.h"

#include <assert.h>
#include <event2/event.h>
#include <stdlib.h>
#include <time.h>

enum { HOOKS_MAX = 8 };

static struct event_base *base;
static void (*hooks[HOOKS_MAX])(void);
static unsigned nhooks;
static bool stopping;

void loop_init(void)
{
	struct event_config *cfg = event_config_new();

	if (cfg == NULL)
		abort();
	/* epoll alone, without the timerfd of precise timers and without look-ups in the environment */
	event_config_set_flag(cfg, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV |
				       EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
	event_config_avoid_method(cfg, "poll");
	event_config_avoid_method(cfg, "select");
	base = event_base_new_with_config(cfg);
	event_config_free(cfg);
	if (base == NULL)
		abort();
}

static void run_hooks(void)
{
	for (unsigned i = nhooks; i > 0; i--)
		hooks[i - 1]();
}

void loop_run(void)
{
	stopping = false;
	while (!stopping) {
		run_hooks();
		if (event_base_loop(base, EVLOOP_ONCE) == -1)
			abort();
	}
	run_hooks();
}

void loop_poll(void)
{
	run_hooks();
	if (event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK) == -1)
		abort();
	run_hooks();
}

void loop_stop(void)
{
	stopping = true;
	event_base_loopbreak(base);
}

struct event_base *loop_base(void)
{
	return base;
}

uint64_t loop_now(void)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_BOOTTIME, &ts) == -1)
		abort();
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

void loop_before_sleep(void (*fn)(void))
{
	assert(nhooks < HOOKS_MAX);
	hooks[nhooks++] = fn;
}

static void watch_event(evutil_socket_t fd, short what, void *arg)
{
	struct watch *w = arg;

	(void)fd;
	w->fn(w->arg, ((what & EV_READ) != 0 ? WATCH_READ : 0u) |
			  ((what & EV_WRITE) != 0 ? WATCH_WRITE : 0u));
}

void watch_set(struct watch *w, int fd, unsigned what, void (*fn)(void *, unsigned), void *arg)
{
	short events = EV_PERSIST;

	w->fn = fn;
	w->arg = arg;
	if (w->what == what && (what == 0 || event_get_fd(&w->ev) == fd))
		return;
	watch_clear(w);
	if (what == 0)
		return;
	if ((what & WATCH_READ) != 0)
		events |= EV_READ;
	if ((what & WATCH_WRITE) != 0)
		events |= EV_WRITE;
	if (event_assign(&w->ev, base, fd, events, watch_event, w) == -1 ||
	    event_add(&w->ev, NULL) == -1)
		abort();
	w->what = what;
}

void watch_clear(struct watch *w)
{
	if (w->what != 0)
		event_del(&w->ev);
	w->what = 0;
}

void watch_wake(struct watch *w)
{
	if ((w->what & WATCH_READ) != 0)
		event_active(&w->ev, EV_READ, 0);
}

static void timer_event(evutil_socket_t fd, short what, void *arg)
{
	struct timer *t = arg;

	(void)fd;
	(void)what;
	t->armed = false;
	t->fn(t->arg);
}

void timer_set(struct timer *t, uint64_t ms, void (*fn)(void *), void *arg)
{
	struct timeval tv = {
		.tv_sec = (time_t)(ms / 1000),
		.tv_usec = (suseconds_t)(ms % 1000 * 1000),
	};

	timer_clear(t);
	t->fn = fn;
	t->arg = arg;
	if (evtimer_assign(&t->ev, base, timer_event, t) == -1 || evtimer_add(&t->ev, &tv) == -1)
		abort();
	t->armed = true;
}

void timer_clear(struct timer *t)
{
	if (t->armed)
		evtimer_del(&t->ev);
	t->armed = false;
}
