/* What is wrong with a configuration. See faults.h. */
#include "faults.h"

void faults_init(struct faults *f)
{
	buf_init(&f->faults, FAULTS_TEXT_MAX);
	buf_init(&f->warnings, FAULTS_TEXT_MAX);
	f->n = 0;
}

void faults_clear(struct faults *f)
{
	buf_clear(&f->faults);
	buf_clear(&f->warnings);
}

static void say(struct buf *b, struct str where, const char *fmt, va_list ap)
    __attribute__((format(printf, 3, 0)));

/* One line, whatever the texts in it hold. */
static void say(struct buf *b, struct str where, const char *fmt, va_list ap)
{
	size_t begin = b->n;

	if (where.n > 0 && !str_eq(where, STR("default")))
		buf_printf(b, "%.*s: ", STR_ARG(where));
	buf_vprintf(b, fmt, ap);
	for (size_t i = begin; i < b->n; i++)
		if ((unsigned char)b->p[i] < ' ' || b->p[i] == 127)
			b->p[i] = '?';
	buf_char(b, '\n');
}

void faults_add(struct faults *f, const char *file, unsigned line, const char *fmt, ...)
{
	struct buf where;
	va_list ap;

	if (++f->n > FAULTS_MAX)
		return;
	buf_init(&where, 8192);
	if (file != NULL)
		buf_z(&where, file);
	if (line > 0)
		buf_printf(&where, ":%u", line);
	va_start(ap, fmt);
	say(&f->faults, buf_view(&where), fmt, ap);
	va_end(ap);
	buf_clear(&where);
}

void faults_at(struct faults *f, struct str where, const char *fmt, ...)
{
	va_list ap;

	if (++f->n > FAULTS_MAX)
		return;
	va_start(ap, fmt);
	say(&f->faults, where, fmt, ap);
	va_end(ap);
}

void faults_warn(struct faults *f, struct str where, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(&f->warnings, where, fmt, ap);
	va_end(ap);
}
