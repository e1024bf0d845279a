/* Settings of sections "report". */
#include "proto/settings.h"

#define SUBJECT_ROW(kind, what)                                                                    \
	{                                                                                          \
		.section = "report", .name = kind "_subject", .type = SET_STR, .def = "",          \
		.roles = R(QUEUE), .help = "The subject of " what "."                              \
	}
#define TEXT_ROW(kind, what)                                                                       \
	{                                                                                          \
		.section = "report", .name = kind "_text", .type = SET_LIST, .def = "",            \
		.roles = R(QUEUE), .help = what                                                    \
	}

static const struct setting rows[] = {
	{ .topic = "Languages of reports",
	    .section = "report",
	    .name = "senders",
	    .type = SET_LIST,
	    .form = FORM_HOST,
	    .def = "",
	    .roles = R(QUEUE),
	    .help =
		"Domains of senders who are always written to in this language. The title of the "
		"section is the language as in Content-Language: \"de\", \"pt-BR\". Others get it "
		"when their message says that it is written or read in it." },
	SUBJECT_ROW("failure", "a bounce"),
	TEXT_ROW("failure",
	    "What a bounce begins with, one item a paragraph. Lines are broken where they must. "
	    "In all texts `$host` is this host, `$id` the queue id of the message, `$arrival` when "
	    "it "
	    "was accepted, and `$until` when it will be given up. What is left out is said in "
	    "English."),
	SUBJECT_ROW("delay", "a warning of delay"),
	TEXT_ROW("delay", "The same of a warning of delay."),
	SUBJECT_ROW("success", "a report of success"),
	TEXT_ROW("success", "The same of a report of success."),
	SUBJECT_ROW("postmaster", "a report that could not be delivered and goes to `postmaster`"),
	TEXT_ROW("postmaster", "The same of such a report."),
	TEXT_ROW("closing", "What stands behind the recipients."),
	{ .section = "report",
	    .name = "reasons",
	    .type = SET_LIST,
	    .def = "",
	    .roles = R(QUEUE),
	    .help =
		"What codes of RFC 3463 mean, each as the code without its class and a sentence: "
		"\"1.1 This address does not exist.\" A code such as \"2\" stands for all of 2.x "
		"that have no sentence of their own." },
};

struct setting_rows settings_report(void)
{
	return SETTING_ROWS(rows);
}
