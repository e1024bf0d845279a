/* The languages of reports, and how one is chosen. */
#include "../../../queue/words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct conf *conf;

static struct conf_section *language(const char *title)
{
	return conf_add_section(conf, "report", str_of(title), "thurn.conf", 1);
}

static void set(struct conf_section *s, const char *name, const char *text)
{
	conf_set(conf, s, name, str_of(text), "thurn.conf", 1);
}

static int set_up(void **state)
{
	struct conf_section *s;

	(void)state;
	conf = conf_new();
	s = language("de");
	set(s, "senders", "example.de");
	set(s, "senders", "example.at");
	set(s, "failure_subject", "Nicht zugestellt");
	set(s, "failure_text", "Erster Absatz.");
	set(s, "failure_text", "Zweiter Absatz.");
	set(s, "reasons", "1.1  Unbekannte Adresse.");
	set(s, "reasons", "2 Etwas mit dem Postfach.");
	language("pt-BR");
	words_load(conf);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	conf_free(conf);
	return 0;
}

static void is(struct str got, const char *want)
{
	if (!str_eq(got, str_of(want)))
		fail_msg("\"%.*s\" is not \"%s\"", STR_ARG(got), want);
}

static void chosen(const char *sender, const char *message, const char *want)
{
	is(words_for(str_of(sender), str_of(message))->language, want);
}

static void test_choice(void **state)
{
	(void)state;
	chosen("a@example.org", "", "en");
	chosen("", "", "en");
	chosen("a@EXAMPLE.at", "Content-Language: pt-BR\r\n\r\n", "de");
	chosen("a@sub.example.de", "", "en");
	chosen("a@b", "Subject: x\r\nContent-Language: de\r\n\r\n", "de");
	chosen("a@b", "content-language:\r\n de-CH\r\n\r\n", "de");
	chosen("a@b", "Accept-Language: fr, pt-br;q=0.5, de\r\n\r\n", "pt-BR");
	chosen("a@b", "Accept-Language: pt, en\r\n\r\n", "en");
	chosen("a@b", "Accept-Language: ,;,--,-\r\nContent-Language: de\r\n\r\n", "de");
	/* only in the header */
	chosen("a@b", "Subject: x\r\n\r\nContent-Language: de\r\n", "en");
	chosen("a@b", "Subject: de\r\n", "en");
}

static void test_default(void **state)
{
	(void)state;
	conf_set(conf, NULL, "report_language", STR("de"), "thurn.conf", 1);
	words_load(conf);
	chosen("a@b", "", "de");
	chosen("a@b", "Content-Language: en\r\n\r\n", "en");
}

/* What a section does not say is said in English. */
static void test_texts(void **state)
{
	const struct words *w = words_for(STR("a@example.de"), STR_NONE), *e = words_english();

	(void)state;
	is(w->subject[WORDS_FAILURE], "Nicht zugestellt");
	is(w->opening[WORDS_FAILURE], "Erster Absatz.\nZweiter Absatz.");
	is(w->subject[WORDS_DELAY], e->subject[WORDS_DELAY].p);
	is(w->opening[WORDS_DELAY], e->opening[WORDS_DELAY].p);
	is(w->closing, e->closing.p);
	is(words_reason(w, STR("5.1.1")), "Unbekannte Adresse.");
	is(words_reason(w, STR("4.2.2")), "Etwas mit dem Postfach.");
	is(words_reason(w, STR("5.4.1")), words_reason(e, STR("5.4.1")).p);
	is(words_reason(e, STR("5.2.99")), words_reason(e, STR("5.2.0")).p);
	is(words_reason(e, STR("5.99.1")), "");
	is(words_reason(e, STR("")), "");
	is(words_reason(e, STR("5")), "");
	is(words_reason(e, STR("5.")), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_choice, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_default, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_texts, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
