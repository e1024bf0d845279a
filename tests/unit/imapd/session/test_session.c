/* Whole sessions against a real store, as dialogues. */
#include "dialogue.h"

static int setup(void **state)
{
	(void)state;
	dialogue_home();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	dialogue_end();
	return 0;
}

/* --- tests ----------------------------------------------------------------------------------- */

static void basics(void **state)
{
	(void)state;
	DIALOGUE("C a CAPABILITY", "S \\* CAPABILITY IMAP4rev1 *", "S a OK *", "C b NOOP",
	    "S b OK *", "C c NAMESPACE", "S \\* NAMESPACE ((\"\" \"/\")) NIL NIL", "S c OK *",
	    "C d ID (\"name\" \"test\" \"version\" NIL)", "S \\* ID (*)", "S d OK *", "C d ID NIL",
	    "S \\* ID (*)", "S d OK *", "C e ENABLE CONDSTORE X-NONE", "S \\* ENABLED CONDSTORE",
	    "S e OK *", "C f FETCH 1 FLAGS", "S f BAD *", "C g UID NOOP", "S g BAD *", "C h WHAT",
	    "S h BAD *", "C + NOOP", "S \\* BAD *", "C \tx NOOP", "S \\* BAD *", "C ",
	    "S \\* BAD *", "C i NOOP x", "S i BAD *", "C j noop", "S j OK *", "C k SELECT INBOX",
	    "T k OK \\[READ-WRITE*", "C l CHECK", "S l OK *", "C m UNSELECT", "S m OK *",
	    "C m UNSELECT", "S m BAD *", "C z LOGOUT", "S \\* BYE *", "S z OK *");
}

static void mailboxes(void **state)
{
	(void)state;
	DIALOGUE("C a CREATE Lists/thurn", "S a OK *", "C a CREATE Lists/thurn",
	    "S a NO \\[ALREADYEXISTS] *", "C a CREATE Entw&APw-rfe", "S a OK *", "C a LIST \"\" *",
	    "U \\* LIST (*\\HasNoChildren*) \"/\" INBOX",
	    "U \\* LIST (*\\HasChildren*) \"/\" Lists",
	    "U \\* LIST (*\\HasNoChildren*) \"/\" Lists/thurn", "U \\* LIST (*) \"/\" Entw&APw-rfe",
	    "T a OK *", "C b LIST \"\" %", "- *Lists/thurn", "U \\* LIST (*) \"/\" INBOX",
	    "T b OK *", "C c LIST \"\" \"\"", "S \\* LIST (\\\\Noselect) \"/\" \"\"", "S c OK *",
	    "C d LIST Lists/ %", "S \\* LIST (*) \"/\" Lists/thurn", "S d OK *",
	    "C e SUBSCRIBE Lists/thurn", "S e OK *", "C f LSUB \"\" *",
	    "S \\* LSUB () \"/\" Lists/thurn", "S f OK *", "C g LSUB \"\" %",
	    "S \\* LSUB (\\\\Noselect) \"/\" Lists", "S g OK *",
	    "C h LIST (SUBSCRIBED RECURSIVEMATCH) \"\" % RETURN (CHILDREN)",
	    "S \\* LIST (*) \"/\" Lists (\"CHILDINFO\" (\"SUBSCRIBED\"))", "S h OK *",
	    "C i LIST (SUBSCRIBED) \"\" * RETURN (STATUS (MESSAGES UIDVALIDITY))",
	    "S \\* LIST (*\\\\Subscribed*) \"/\" Lists/thurn",
	    "S \\* STATUS Lists/thurn (MESSAGES 0 UIDVALIDITY *)", "S i OK *",
	    "C j UNSUBSCRIBE Lists/thurn", "S j OK *", "C k LSUB \"\" *", "S k OK *",
	    "C l CREATE \"My Sent\" (USE (\\Sent))", "S l OK *", "C m LIST (SPECIAL-USE) \"\" *",
	    "U \\* LIST (*\\\\Sent*) \"/\" \"My Sent\"", "T m OK *",
	    "C n RENAME Lists/thurn Lists/other", "S n OK *", "C o STATUS Lists/thurn (MESSAGES)",
	    "S o NO \\[NONEXISTENT] *", "C p DELETE Lists/other", "S p OK *",
	    "C q DELETE Lists/other", "S q NO \\[NONEXISTENT] *", "C r DELETE INBOX", "S r NO *",
	    "C s STATUS INBOX (MESSAGES X)", "S s BAD *", "C t LIST \"\" *%*%*%*%*%", "T t OK *");
	/* names that must not lead anywhere */
	DIALOGUE("C a SELECT ../u2", "S a NO *", "C a CREATE a/../../b", "S a NO \\[CANNOT] *",
	    "C a CREATE /etc", "S a NO *", "C a CREATE ~u2", "S a NO *", "C a SELECT .", "S a NO *",
	    "C a SELECT ..", "S a NO *", "C a CREATE \"\"", "S a NO *", "C a CREATE a//b",
	    "S a NO *", "C a CREATE &-", "S a OK *", "C a CREATE \"x*\"", "S a NO *",
	    "C a CREATE {3}", "S +*", "R abc\r\n", "S a OK *", "C a CREATE {4+}\r\nabcd",
	    "S a OK *");
}

static void append_fetch(void **state)
{
	(void)state;
	DIALOGUE("C a APPEND INBOX (\\Seen $Label) \" 1-Feb-1994 12:34:56 +0100\" {34}", "S +*",
	    "R Subject: one\r\nFrom: a@b\r\n\r\nhello\r\n\r\n", "T a OK \\[APPENDUID * 1] *",
	    "C b APPEND INBOX {23+}\r\nSubject: two\r\n\r\nworld\r\n", "T b OK \\[APPENDUID * 2] *",
	    "C c APPEND nowhere {3}", "S c NO \\[TRYCREATE] *", "C d APPEND nowhere {3+}\r\nabc",
	    "S d NO \\[TRYCREATE] *", "C e APPEND INBOX (\\Bad) {3+}\r\nabc", "S e BAD *",
	    "C f APPEND INBOX {99999999}", "S f NO \\[TOOBIG] *", "C g SELECT INBOX",
	    "U \\* 2 EXISTS", "U \\* OK \\[UNSEEN 2]*", "U \\* OK \\[UIDNEXT 3]*",
	    "U \\* FLAGS (*$Label*)", "T g OK *",
	    "C h FETCH 1 (FLAGS INTERNALDATE RFC822.SIZE UID)",
	    "S \\* 1 FETCH (FLAGS (\\\\Seen*$Label) INTERNALDATE \" 1-Feb-1994 11:34:56 +0000\" "
	    "RFC822.SIZE 34 UID 1)",
	    "S h OK *", "C i FETCH 1 ENVELOPE",
	    "S \\* 1 FETCH (ENVELOPE (NIL \"one\" ((NIL NIL \"a\" \"b\")) *))", "S i OK *",
	    "C j FETCH 1:2 (BODY BODYSTRUCTURE)",
	    "S \\* 1 FETCH (BODY (\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 7 "
	    "1) "
	    "BODYSTRUCTURE (\"text\" * 7 1 NIL NIL NIL NIL))",
	    "S \\* 2 FETCH *", "S j OK *", "C k FETCH 1 BODY.PEEK[]",
	    "S \\* 1 FETCH (BODY\\[] {34}\r\nSubject: one\r\nFrom: a@b\r\n\r\nhello\r\n)",
	    "S k OK *",
	    "C l FETCH 2 (BODY[TEXT]<2.3> BODY[HEADER.FIELDS (subject)] BODY.PEEK[1]<100.5>)",
	    "S \\* 2 FETCH (FLAGS (\\\\Seen*) BODY\\[TEXT]<2> {3}\r\nrld BODY\\[HEADER.FIELDS "
	    "(subject)] "
	    "{16}\r\nSubject: two\r\n\r\n BODY\\[1]<100> {0}\r\n)",
	    "S l OK *", "C m UID FETCH 1:* FLAGS", "S \\* 1 FETCH (UID 1 FLAGS *)",
	    "S \\* 2 FETCH (UID 2 FLAGS (\\\\Seen*))", "S m OK *", "C n FETCH 3 FLAGS", "S n BAD *",
	    "C o FETCH 1 BODY[2]", "S \\* 1 FETCH (BODY\\[2] NIL)", "S o OK *",
	    "C p FETCH 1 BODY[4294967295]<4294967295.4294967295>", "S *NIL)", "S p OK *",
	    "C q FETCH 1 BODY.PEEK[]<4294967295.4294967295>", "S *{0}\r\n)", "S q OK *",
	    "C r FETCH 2 RFC822.TEXT", "S \\* 2 FETCH (RFC822.TEXT {7}\r\nworld\r\n)", "S r OK *",
	    "C s UID FETCH 77 FLAGS", "S s OK *", "C t FETCH 0 FLAGS", "S t BAD *",
	    "C u FETCH * FAST", "S \\* 2 FETCH *", "S u OK *");
	/* a NUL, and a message cut off in the middle: nothing is stored */
	DIALOGUE("C a APPEND INBOX {3}", "S +*");
	assert_true(str_starts(dialogue_raw(0, (struct str){ "a\0b\r\n", 5 }, "a "), STR("a NO")));
	DIALOGUE("C b STATUS INBOX (MESSAGES)", "S \\* STATUS INBOX (MESSAGES 2)", "S b OK *",
	    "2C a APPEND INBOX {100}", "2S +*", "2R Subject: x");
	shutdown(home.peers[1].fd, SHUT_WR);
	DIALOGUE("C b STATUS INBOX (MESSAGES)", "S \\* STATUS INBOX (MESSAGES 2)", "S b OK *",
	    "C c APPEND INBOX {4+}\r\na\r\nb {4+}\r\nc\r\nd", "T c OK \\[APPENDUID * 3:4] *");
}

static void store_flags(void **state)
{
	(void)state;
	DIALOGUE("C a APPEND INBOX {4+}\r\na: b", "T a OK *", "C a APPEND INBOX {4+}\r\na: b",
	    "T a OK *", "C b SELECT INBOX", "T b OK *", "C c STORE 1 +FLAGS (\\Deleted kw)",
	    "U \\* FLAGS (*kw*)", "U \\* 1 FETCH (FLAGS (*\\\\Deleted*kw))", "T c OK *",
	    "C d STORE 1:2 FLAGS.SILENT (\\Seen)", "S d OK *", "C e FETCH 1:2 FLAGS",
	    "S \\* 1 FETCH (FLAGS (\\\\Seen*))", "S \\* 2 FETCH *", "S e OK *",
	    "C f UID STORE 2 -FLAGS \\Seen", "S \\* 2 FETCH (UID 2 FLAGS (*))", "S f OK *",
	    "C g STORE 9 FLAGS ()", "S g BAD *", "C h STORE 1 FLAGS (\\Bad)", "S h BAD *",
	    "C h STORE 1 FLAGGS ()", "S h BAD *", "C i STORE 2 +FLAGS (\\Deleted)", "T i OK *",
	    "C j EXPUNGE", "S \\* 2 EXPUNGE", "S j OK *", "C k STORE 1 +FLAGS (\\Deleted)",
	    "T k OK *", "C l UID EXPUNGE 5:9", "S l OK *", "C m UID EXPUNGE 1", "S \\* 1 EXPUNGE",
	    "S m OK *", "C n FETCH 1:* FLAGS", "S n OK *", "C o EXAMINE INBOX",
	    "U \\* OK \\[PERMANENTFLAGS ()]*", "T o OK \\[READ-ONLY]*", "C p STORE 1:* FLAGS ()",
	    "S p NO *", "C q EXPUNGE", "S q NO *");
}

static void condstore(void **state)
{
	(void)state;
	DIALOGUE("C a APPEND INBOX {4+}\r\na: b", "T a OK *", "C a APPEND INBOX {4+}\r\na: b",
	    "T a OK *", "C b SELECT INBOX (CONDSTORE)", "U \\* OK \\[HIGHESTMODSEQ *", "T b OK *",
	    "C c STORE 1 +FLAGS (\\Seen)", "S \\* 1 FETCH (UID 1 FLAGS (\\\\Seen*) MODSEQ (*))",
	    "S c OK *", "C d STORE 1:2 (UNCHANGEDSINCE 1) +FLAGS.SILENT (\\Flagged)",
	    "T d OK \\[MODIFIED 1*] *", "C e FETCH 1:2 (FLAGS) (CHANGEDSINCE 99999)", "S e OK *",
	    "C f FETCH 1 (MODSEQ)", "S \\* 1 FETCH (MODSEQ (*))", "S f OK *", "C g SEARCH MODSEQ 1",
	    "S \\* SEARCH 1 2 (MODSEQ *)", "S g OK *", "C h SEARCH MODSEQ 999999", "S \\* SEARCH",
	    "S h OK *", "C i STORE 2 +FLAGS.SILENT (\\Draft)", "S \\* 2 FETCH (UID 2 MODSEQ (*))",
	    "S i OK *");
}

static void search(void **state)
{
	(void)state;
	DIALOGUE("C a NOOP", "S a OK *");
	dialogue_deliver("new/1.a",
	    STR("From: Ann <ann@example.org>\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= to you\n"
		"Date: Tue, 1 Feb 1994 00:00:00 +0000\nX-Odd: value\nMessage-ID: <m1@x>\n\nplain "
		"text\n"));
	dialogue_deliver(
	    "new/2.b", STR("From: Bob <bob@example.org>\nTo: g: ann@example.org;\nSubject: two\n"
			   "Content-Type: text/plain; "
			   "charset=iso-8859-1\nContent-Transfer-Encoding: base64\n\n"
			   "U2No9m5lIEdy/N9l\n"));
	dialogue_deliver("new/3.c",
	    STR("Subject: three\nDate: what\nContent-Type: multipart/mixed; boundary=b\n\n--b\n"
		"Content-Type: text/plain\nContent-Transfer-Encoding: "
		"quoted-printable\n\nquoted=20pri=\n"
		"ntable\n--b\nContent-Type: message/rfc822\n\nSubject: inner\n\nx\n--b--\n"));
	DIALOGUE("C a SELECT INBOX", "U \\* 3 EXISTS", "U \\* 3 RECENT", "T a OK *",
	    "C b SEARCH ALL", "S \\* SEARCH 1 2 3", "S b OK *", "C b SEARCH FROM ANN",
	    "S \\* SEARCH 1", "S b OK *", "C b SEARCH TO ann@", "S \\* SEARCH 2", "S b OK *",
	    "C b SEARCH CHARSET UTF-8 SUBJECT {8+}\r\nGR\xc3\x9c\xc3\x9f"
	    "e ",
	    "S \\* SEARCH 1", "S b OK *", "C b SEARCH CHARSET UTF-8 BODY \"SCH\xc3\x96NE gr\"",
	    "S \\* SEARCH 2", "S b OK *", "C b SEARCH BODY \"quoted printable\"", "S \\* SEARCH 3",
	    "S b OK *", "C b SEARCH BODY inner", "S \\* SEARCH 3", "S b OK *",
	    "C b SEARCH TEXT value", "S \\* SEARCH 1", "S b OK *", "C b SEARCH BODY value",
	    "S \\* SEARCH", "S b OK *", "C b SEARCH HEADER x-odd VAL", "S \\* SEARCH 1", "S b OK *",
	    "C b SEARCH HEADER X-Odd \"\"", "S \\* SEARCH 1", "S b OK *",
	    "C b SEARCH HEADER Message-ID <m1@x>", "S \\* SEARCH 1", "S b OK *",
	    "C b SEARCH SENTON 1-Feb-1994", "S \\* SEARCH 1", "S b OK *",
	    "C b SEARCH SENTSINCE 1-Jan-2020", "S \\* SEARCH 2 3", "S b OK *",
	    "C b SEARCH OR FROM bob SUBJECT three", "S \\* SEARCH 2 3", "S b OK *",
	    "C b SEARCH NOT (OR FROM bob SUBJECT three)", "S \\* SEARCH 1", "S b OK *",
	    "C b SEARCH 2:* UNSEEN NEW", "S \\* SEARCH 2 3", "S b OK *",
	    "C b UID SEARCH UID 2,3 SMALLER 1000000", "S \\* SEARCH 2 3", "S b OK *",
	    "C b SEARCH RETURN (MIN MAX COUNT ALL) ALL",
	    "S \\* ESEARCH (TAG \"b\") MIN 1 MAX 3 ALL 1:3 COUNT 3", "S b OK *",
	    "C b UID SEARCH RETURN (COUNT) DELETED", "S \\* ESEARCH (TAG \"b\") UID COUNT 0",
	    "S b OK *", "C b SEARCH CHARSET KOI8-R ALL", "S b NO \\[BADCHARSET *",
	    "C b SEARCH KEYWORD none", "S \\* SEARCH", "S b OK *", "C b SEARCH UNKEYWORD none",
	    "S \\* SEARCH 1 2 3", "S b OK *");
}

static void copy_move(void **state)
{
	(void)state;
	DIALOGUE("C a CREATE Box", "S a OK *", "C a APPEND INBOX (\\Flagged kw) {4+}\r\na: 1",
	    "T a OK *", "C a APPEND INBOX {4+}\r\na: 2", "T a OK *",
	    "C a APPEND INBOX {4+}\r\na: 3", "T a OK *", "C b SELECT INBOX", "T b OK *",
	    "C c COPY 1,3 Box", "T c OK \\[COPYUID * 1,3 1:2] *", "C d UID COPY 2 nowhere",
	    "S d NO \\[TRYCREATE] *", "C e COPY 9 Box", "S e BAD *", "C f UID COPY 99 Box",
	    "S f OK *", "C g MOVE 2 Box", "S \\* OK \\[COPYUID * 2 3] *", "S \\* 2 EXPUNGE",
	    "S g OK *", "C h UID MOVE 1,3 Box", "S \\* OK \\[COPYUID * 1,3 4:5] *",
	    "S \\* 2 EXPUNGE", "S \\* 1 EXPUNGE", "S h OK *", "C i SELECT Box", "U \\* 5 EXISTS",
	    "T i OK *", "C j FETCH 1 (FLAGS BODY.PEEK[])",
	    "S \\* 1 FETCH (FLAGS (\\\\Flagged*kw) BODY\\[] {4}\r\na: 1)", "S j OK *", "C k CLOSE",
	    "S k OK *");
}

static void two_sessions(void **state)
{
	(void)state;
	DIALOGUE("C a APPEND INBOX {4+}\r\na: 1", "T a OK *", "C a APPEND INBOX {4+}\r\na: 2",
	    "T a OK *", "C a APPEND INBOX {4+}\r\na: 3", "T a OK *", "C b SELECT INBOX", "T b OK *",
	    "2C b SELECT INBOX", "2T b OK *",
	    /* an expunge elsewhere is not told during FETCH, STORE and SEARCH */
	    "C c STORE 2 +FLAGS (\\Deleted)", "T c OK *", "C c EXPUNGE", "S \\* 2 EXPUNGE",
	    "S c OK *", "2C d FETCH 1:3 UID", "2S \\* 1 FETCH (UID 1)", "2S \\* 2 FETCH (UID 2)",
	    "2S \\* 3 FETCH (UID 3)", "2- *EXPUNGE", "2T d *", "2C e FETCH 2 BODY.PEEK[]",
	    "2S \\* 2 FETCH (BODY\\[] {4}\r\na: 2)", "2S e OK *", "2C f STORE 2:3 +FLAGS (\\Seen)",
	    "2- *EXPUNGE", "2T f NO \\[EXPUNGEISSUED]*", "2C g SEARCH ALL", "2- *EXPUNGE",
	    "2T g OK *", "2C h NOOP", "2S \\* 2 EXPUNGE", "2S h OK *", "2C i FETCH 1:2 UID",
	    "2S \\* 1 FETCH (UID 1)", "2S \\* 2 FETCH (UID 3)", "2S i OK *",
	    /* IDLE hears of flags, new mail and expunges */
	    "2C j IDLE", "2S + idling", "C k STORE 1 +FLAGS (\\Answered)", "T k OK *",
	    "2S \\* 1 FETCH (FLAGS (*\\\\Answered*))", "C l APPEND INBOX {4+}\r\na: 4", "T l OK *",
	    "2S \\* 3 EXISTS", "2S \\* ? RECENT", "C m STORE 1 +FLAGS.SILENT (\\Deleted)",
	    "S m OK *", "2S \\* 1 FETCH *", "C m EXPUNGE", "S \\* 1 EXPUNGE", "S m OK *",
	    "2S \\* 1 EXPUNGE", "2C DONE", "2S j OK *",
	    /* UID commands may tell */
	    "C n UID STORE 3 +FLAGS.SILENT (\\Deleted)", "S n OK *", "C n EXPUNGE",
	    "S \\* 1 EXPUNGE", "S n OK *", "2C o UID FETCH 3:4 UID", "2U \\* 1 EXPUNGE",
	    "2T o OK *",
	    /* its mailbox is deleted */
	    "C p CREATE Box", "S p OK *", "2C p SELECT Box", "2T p OK *", "C q DELETE Box",
	    "S q OK *", "2C r NOOP", "2S r *", "2S \\* BYE *");
}

static void bad_input(void **state)
{
	static char text[200000];

	(void)state;
	DIALOGUE("C a NOOP", "S a OK *", "C b LOGIN {4294967296}", "S b BAD *",
	    "C c STATUS {4294967296} x", "S c BAD *", "C d STATUS {1000000}", "S d BAD *",
	    "C e CREATE \"open", "S e BAD *", "C f X {5+}\r\nc NOOP {3+}\r\nabc", "S f BAD *",
	    "C g NOOP", "S g OK *");
	/* a line that is too long: its sender waits for the tag, if it has one */
	memset(text, 'a', sizeof text);
	memcpy(text + sizeof text - 2, "\r\n", 2);
	assert_true(
	    str_starts(dialogue_raw(0, (struct str){ text, sizeof text }, "* BAD"), STR("* BAD")));
	memcpy(text, "a NOOP ", 7);
	assert_true(str_starts(
	    dialogue_raw(0, (struct str){ text, sizeof text }, "a BAD"), STR("a BAD [TOOBIG]")));
	/* a thousand literals */
	DIALOGUE("C b NOOP", "S b OK *");
	{
		struct buf b;

		buf_init(&b, 1 << 20);
		buf_z(&b, "c LIST \"\" (");
		for (int i = 0; i < 1000; i++)
			buf_z(&b, "{100+}"
				  "\r\n012345678901234567890123456789012345678901234567890123456789"
				  "0123456789"
				  "012345678901234567890123456789 ");
		buf_z(&b, "x)\r\n");
		assert_true(str_starts(dialogue_raw(0, buf_view(&b), "c "), STR("c BAD")));
		buf_clear(&b);
	}
	DIALOGUE("C d NOOP", "S d OK *");
	/* sections that no message has */
	DIALOGUE("C e APPEND INBOX {4+}\r\na: b", "T e OK *", "C e SELECT INBOX", "T e OK *");
	{
		struct buf b;

		buf_init(&b, 1 << 20);
		buf_z(&b, "f FETCH 1 BODY[1");
		for (int i = 0; i < 1000; i++)
			buf_z(&b, ".1");
		buf_z(&b, "]\r\n");
		assert_true(
		    str_search(dialogue_raw(0, buf_view(&b), "f "), STR("] NIL)\r\nf OK")) > 0);
		buf_reset(&b);
		buf_z(&b, "g UID FETCH 1");
		for (int i = 0; i < 10000; i++)
			buf_printf(&b, ",%d", i * 2 + 1);
		buf_z(&b, " UID\r\n");
		assert_true(
		    str_starts(dialogue_raw(0, buf_view(&b), "g "), STR("* 1 FETCH (UID 1)")));
		buf_reset(&b);
		buf_z(&b, "h CREATE ");
		for (int i = 0; i < 1024; i++)
			buf_char(&b, 'x');
		buf_z(&b, "\r\n");
		assert_true(str_starts(dialogue_raw(0, buf_view(&b), "h "), STR("h NO [CANNOT]")));
		buf_clear(&b);
	}
	/* too much of it */
	for (int i = 0; i < 19; i++)
		DIALOGUE("C x WHAT", "S x BAD *");
	DIALOGUE("C x WHAT", "S x BAD *", "S \\* BYE *");
}

/* security.md 64 */
static void odd_files(void **state)
{
	char name[256];

	(void)state;
	DIALOGUE("C a NOOP", "S a OK *");
	dialogue_deliver("new/1.good", STR("Subject: x\n\n\n"));
	dialogue_deliver("new/2.lost", STR("Subject: y\n\n\n"));
	snprintf(name, sizeof name, "%s/Maildir/cur/3.fifo", home.path);
	assert_int_equal(mkfifo(name, 0600), 0);
	snprintf(name, sizeof name, "%s/Maildir/cur/4.link", home.path);
	assert_int_equal(symlink("/etc/passwd", name), 0);
	snprintf(name, sizeof name, "%s/Maildir/cur/5.dir", home.path);
	assert_int_equal(mkdir(name, 0700), 0);
	DIALOGUE("C a SELECT INBOX", "U \\* 2 EXISTS", "T a OK *");
	DIALOGUE("C b FETCH 1:2 BODY.PEEK[]", "S \\* 1 FETCH *", "S \\* 2 FETCH *", "S b OK *");
	/* one vanishes behind everybody's back: told as unreadable, the others are served */
	assert_int_equal(dialogue_remove("2.lost"), 1);
	DIALOGUE("C c FETCH 1:2 BODY.PEEK[]", "S \\* 1 FETCH *", "T c NO *", "C d FETCH 1:2 FLAGS",
	    "U \\* 1 FETCH *", "T d *", "C e NOOP", "T e OK *");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(basics, setup, teardown),
		cmocka_unit_test_setup_teardown(mailboxes, setup, teardown),
		cmocka_unit_test_setup_teardown(append_fetch, setup, teardown),
		cmocka_unit_test_setup_teardown(store_flags, setup, teardown),
		cmocka_unit_test_setup_teardown(condstore, setup, teardown),
		cmocka_unit_test_setup_teardown(search, setup, teardown),
		cmocka_unit_test_setup_teardown(copy_move, setup, teardown),
		cmocka_unit_test_setup_teardown(two_sessions, setup, teardown),
		cmocka_unit_test_setup_teardown(bad_input, setup, teardown),
		cmocka_unit_test_setup_teardown(odd_files, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
