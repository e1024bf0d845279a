"""IMAP command by command: each in every state (RFC 3501 6), with right and wrong arguments."""
import base64
import pytest
import conftest
from imap_client import Imap

TEXT = b'From: a@example.test\r\nSubject: one\r\n\r\nbody\r\n'


@pytest.fixture(scope='module')
def suite():
    with conftest.running(users=3) as s:
        m = Imap(s)
        for box in ('Box', 'Other'):
            assert m.do(f'CREATE {box}').startswith('OK')
            assert m.append(TEXT, box).startswith('OK')
        m.close()
        yield s


# --- every command in every state ------------------------------------------------------------------

STATES = {
    'not authenticated': (False, []),
    'authenticated': (True, []),
    'selected': (True, ['SELECT Box']),
    'read-only': (True, ['EXAMINE Box']),
}
# command, and how the reply begins in each of the states
WALK = [
    ('CAPABILITY', 'OK', 'OK', 'OK', 'OK'),
    ('NOOP', 'OK', 'OK', 'OK', 'OK'),
    ('ID NIL', 'OK', 'OK', 'OK', 'OK'),
    ('LOGIN user1@example.test wrong', 'NO [AUTHENTICATIONFAILED]', 'BAD', 'BAD', 'BAD'),
    ('AUTHENTICATE NOSUCH', 'NO', 'BAD', 'BAD', 'BAD'),
    ('STARTTLS', None, 'BAD', 'BAD', 'BAD'),
    ('ENABLE CONDSTORE', 'BAD', 'OK', 'OK', 'OK'),
    ('SELECT Other', 'BAD', 'OK [READ-WRITE]', 'OK [READ-WRITE]', 'OK [READ-WRITE]'),
    ('EXAMINE Other', 'BAD', 'OK [READ-ONLY]', 'OK [READ-ONLY]', 'OK [READ-ONLY]'),
    ('SELECT nowhere', 'BAD', 'NO [NONEXISTENT]', 'NO [NONEXISTENT]', 'NO [NONEXISTENT]'),
    ('CREATE walk', 'BAD', 'OK', 'OK', 'OK'),
    ('CREATE walk', 'BAD', 'NO [ALREADYEXISTS]', 'NO [ALREADYEXISTS]', 'NO [ALREADYEXISTS]'),
    ('RENAME walk walked', 'BAD', 'OK', 'OK', 'OK'),
    ('DELETE walked', 'BAD', 'OK', 'OK', 'OK'),
    ('DELETE walked', 'BAD', 'NO [NONEXISTENT]', 'NO [NONEXISTENT]', 'NO [NONEXISTENT]'),
    ('RENAME walk walked', 'BAD', 'NO [NONEXISTENT]', 'NO [NONEXISTENT]', 'NO [NONEXISTENT]'),
    ('SUBSCRIBE Box', 'BAD', 'OK', 'OK', 'OK'),
    ('UNSUBSCRIBE Box', 'BAD', 'OK', 'OK', 'OK'),
    ('LIST "" *', 'BAD', 'OK', 'OK', 'OK'),
    ('LSUB "" *', 'BAD', 'OK', 'OK', 'OK'),
    ('STATUS Other (MESSAGES)', 'BAD', 'OK', 'OK', 'OK'),
    ('NAMESPACE', 'BAD', 'OK', 'OK', 'OK'),
    ('CHECK', 'BAD', 'BAD', 'OK', 'OK'),
    ('FETCH 1 FLAGS', 'BAD', 'BAD', 'OK', 'OK'),
    ('UID FETCH 1 FLAGS', 'BAD', 'BAD', 'OK', 'OK'),
    ('SEARCH ALL', 'BAD', 'BAD', 'OK', 'OK'),
    ('UID SEARCH ALL', 'BAD', 'BAD', 'OK', 'OK'),
    ('STORE 1 +FLAGS (\\Seen)', 'BAD', 'BAD', 'OK', 'NO'),
    ('UID STORE 1 +FLAGS (\\Seen)', 'BAD', 'BAD', 'OK', 'NO'),
    ('COPY 1 Other', 'BAD', 'BAD', 'OK [COPYUID ', 'OK [COPYUID '),
    ('UID COPY 1 Other', 'BAD', 'BAD', 'OK [COPYUID ', 'OK [COPYUID '),
    ('COPY 1 nowhere', 'BAD', 'BAD', 'NO [TRYCREATE]', 'NO [TRYCREATE]'),
    ('EXPUNGE', 'BAD', 'BAD', 'OK', 'NO'),
    ('UID EXPUNGE 1', 'BAD', 'BAD', 'OK', 'NO'),
    ('MOVE 1 nowhere', 'BAD', 'BAD', 'NO [TRYCREATE]', 'NO'),
    ('UID MOVE 99 Other', 'BAD', 'BAD', 'OK', 'NO'),
    ('CLOSE', 'BAD', 'BAD', 'OK', 'OK'),
    ('UNSELECT', 'BAD', 'BAD', 'OK', 'OK'),
    ('XYZZY', 'BAD', 'BAD', 'BAD', 'BAD'),
    ('UID', 'BAD', 'BAD', 'BAD', 'BAD'),
    ('UID NOOP', 'BAD', 'BAD', 'BAD', 'BAD'),
    ('LOGOUT', 'OK', 'OK', 'OK', 'OK'),
]


@pytest.mark.parametrize('state', STATES)
def test_states(suite, state):
    column = 1 + list(STATES).index(state)
    login, before = STATES[state]
    wrong, m = [], Imap(suite, login=login)
    for row in WALK:
        if row[column] is None:
            continue
        for command in before:
            assert m.do(command).startswith('OK')
        reply = m.do(row[0])
        if not reply.startswith(row[column]):
            wrong.append((row[0], reply, row[column]))
        if not login and (reply.startswith('BAD') or reply.startswith('NO')):
            m.close()  # only so many errors are taken before the login
            m = Imap(suite, login=False)
        if login and not before and row[0].split()[0] in ('SELECT', 'EXAMINE') and reply.startswith('OK'):
            assert m.do('UNSELECT').startswith('OK')
    assert not wrong
    assert m.lines()[0].startswith('* BYE') and not m.f.readline()
    m.close()


def test_append_in_every_state(suite):
    for before in ([], ['SELECT Box'], ['EXAMINE Box']):
        m = Imap(suite, 1)
        if before:
            m.do('CREATE Box')
            assert m.do(before[0]).startswith('OK')
        assert m.append(TEXT).startswith('OK [APPENDUID ')
        assert m.append(TEXT, 'nowhere').startswith('NO [TRYCREATE]')
        m.do('LOGOUT')
    m = Imap(suite, login=False)
    assert m.with_literals(b'APPEND INBOX {5}', b'hello').startswith('BAD')
    m.close()


def test_idle_in_every_state(suite):
    for before in ([], ['SELECT INBOX'], ['EXAMINE INBOX']):
        m = Imap(suite, 2)
        for command in before:
            assert m.do(command).startswith('OK')
        m.send('i IDLE\r\n')
        assert m.f.readline().startswith(b'+ ')
        m.send('done\r\n')
        assert m.until('i').startswith('OK')
        m.send('j IDLE\r\n')
        assert m.f.readline().startswith(b'+ ')
        m.send('NOOP\r\n')
        assert m.until('j').startswith('BAD')
        assert m.do('IDLE now').startswith('BAD')
        assert m.do('NOOP').startswith('OK')
        m.close()
    m = Imap(suite, login=False)
    assert m.do('IDLE').startswith('BAD')
    m.close()


# --- wrong arguments: BAD, and the session is as good as before ------------------------------------------

WRONG = '''CAPABILITY now|NOOP now|ID|ID ()x|ID "name"|ID ("name")|ID ("name" 1)|LOGOUT now|ENABLE|ENABLE ()|SELECT|SELECT a b|SELECT (a)
SELECT Box (NOSUCH)|SELECT Box (|EXAMINE|CREATE|CREATE a b|CREATE a (USE)|CREATE a (USE (\\Archive)|DELETE|DELETE a b|RENAME a|RENAME a b c
SUBSCRIBE|UNSUBSCRIBE|LIST|LIST ""|LIST "" * x|LIST (NOSUCH) "" *|LIST "" (|LSUB|LSUB ""|STATUS|STATUS Box|STATUS Box MESSAGES|STATUS Box ()
STATUS Box (NOSUCH)|STATUS Box (MESSAGES|NAMESPACE x|CHECK x|CLOSE x|UNSELECT x|EXPUNGE 1|UID EXPUNGE|UID EXPUNGE x|SEARCH|SEARCH NOSUCH
SEARCH BEFORE|SEARCH BEFORE 1-Foo-2020|SEARCH BEFORE 32-Jan-2020|SEARCH LARGER|SEARCH LARGER x|SEARCH LARGER -1|SEARCH OR ALL|SEARCH NOT|SEARCH (
SEARCH ()|SEARCH (ALL|SEARCH HEADER Subject|SEARCH UID|SEARCH KEYWORD|SEARCH CHARSET|SEARCH CHARSET UTF-8|SEARCH ALL )|SEARCH MODSEQ|SEARCH 0
FETCH|FETCH 1|FETCH 1 ()|FETCH 1 NOSUCH|FETCH 1 (FLAGS|FETCH 1 FLAGS)|FETCH 1 FLAGS UID|FETCH x FLAGS|FETCH 1, FLAGS|FETCH 1::2 FLAGS|FETCH 1 BODY[
FETCH 1 BODY[NOSUCH]|FETCH 1 BODY[0]|FETCH 1 BODY[1.0]|FETCH 1 BODY[01]|FETCH 1 BODY[.1]|FETCH 1 BODY[1.]|FETCH 1 BODY[HEADER.FIELDS]
FETCH 1 BODY[HEADER.FIELDS ()]|FETCH 1 BODY[MIME]|FETCH 1 BODY[]<>|FETCH 1 BODY[]<0>|FETCH 1 BODY[]<0.0>|FETCH 1 BODY[]<-1.5>|FETCH 1 BODY[]<0.5
FETCH 1 (ALL)|FETCH 1 (FAST FLAGS)|FETCH 1 BODY.PEEK|FETCH 1 RFC822.NOSUCH|FETCH 1 FLAGS (CHANGEDSINCE)|FETCH 1 FLAGS (CHANGEDSINCE x)
STORE|STORE 1|STORE 1 FLAGS|STORE 1 +FLAGS (|STORE 1 =FLAGS (a)|STORE 1 FLAGS (\\Nosuch)|STORE 1 FLAGS.LOUD (a)|STORE 0 FLAGS (a)
STORE 1 (UNCHANGEDSINCE) FLAGS (a)|STORE 1 (UNCHANGEDSINCE x) FLAGS (a)|STORE 1 (NOSUCH 1) FLAGS (a)|COPY|COPY 1|COPY x Other|COPY 1 Other x|MOVE|MOVE 1
UID MOVE 1|UID COPY 1|UID FETCH 1|UID STORE 1 FLAGS|UID SEARCH|APPEND|APPEND Box|APPEND Box text|APPEND Box "32-Jan-2020 00:00:00 +0000" {1+}
APPEND Box (a|APPEND Box {x}|CREATE {3|CREATE "a|CREATE a\\"|CREATE "a\\x"|STARTTLS x|AUTHENTICATE|LOGIN|LOGIN a'''


@pytest.mark.parametrize('how', ['SELECT', 'EXAMINE'])
def test_wrong_arguments(suite, how):
    wrong, m = [], Imap(suite)
    assert m.do(f'{how} Box').startswith('OK')
    for command in WRONG.replace('\n', '|').split('|'):
        tail = b'\r\nx' if command.endswith('{1+}') else b''
        reply = m.do(command.encode() + tail)
        if not reply.startswith('BAD') or m.untagged:
            wrong.append((command, reply, m.untagged))
        if not reply or not m.do('NOOP').startswith('OK'):
            m.close()  # too many errors, or it was the end
            m = Imap(suite)
            assert m.do(f'{how} Box').startswith('OK')
    m.close()
    assert not wrong, '\n'.join(map(str, wrong))


@pytest.mark.parametrize('line', ['', ' ', 'a', 'a ', ' a NOOP', '* NOOP', '+ NOOP', 'a  NOOP', 'a NOOP ', '(a NOOP', 'a\\ NOOP', '"a" NOOP', 'a{ NOOP',
                                  'a% NOOP', '\tNOOP', 'a\tNOOP'])
def test_lines_that_are_no_command(suite, line):
    m = Imap(suite)
    m.send(f'{line}\r\nz NOOP\r\n')
    assert m.until('z').startswith('OK')
    assert len(m.untagged) == 1 and b' BAD ' in m.untagged[0]
    m.close()


# --- how arguments may be written ---------------------------------------------------------------------------

def test_forms_of_a_string(suite):
    """An atom, quoted, a literal of either kind, and literals that are empty or hold anything."""
    m = Imap(suite)
    for command in ('STATUS Box (MESSAGES)', 'status "Box" (messages)', 'STATUS "B\\ox" (MESSAGES)', 'Status {3+}\r\nBox (MESSAGES)'):
        reply = m.do(command)
        assert reply.startswith('BAD' if 'B\\o' in command else 'OK') or '"B\\o' in command, (command, reply)
    assert m.with_literals(b'STATUS {3}', b'Box (MESSAGES)').startswith('OK')
    assert m.with_literals(b'RENAME {3}', b'Box {5}', b'Box 2').startswith('OK')
    assert m.with_literals(b'RENAME "Box 2" {3}', b'Box').startswith('OK')
    assert m.do('STATUS inbox (MESSAGES)').startswith('OK') and m.told('(?i)STATUS INBOX')
    assert m.do('STATUS {5+}\r\niNbOx (MESSAGES)').startswith('OK')
    assert m.with_literals(b'SELECT {0}', b'').startswith(('NO', 'BAD'))
    assert m.do('SELECT ""').startswith(('NO', 'BAD'))
    assert m.with_literals(b'CREATE {3}', b'a\r\n').startswith(('NO', 'BAD'))
    assert m.with_literals(b'CREATE {1}', b'\x00').startswith(('NO', 'BAD'))
    assert m.do('NOOP').startswith('OK')
    m.close()


def test_pipelined(suite):
    """Many at once, with literals in them, are answered in their order."""
    m = Imap(suite)
    m.send(b'a SELECT {3+}\r\nBox\r\nb FETCH 1 FLAGS\r\nc NOOP\r\nd STATUS {5+}\r\nOther (MESSAGES)\r\ne SEARCH ALL\r\nf UNSELECT\r\ng FETCH 1 FLAGS\r\n')
    for tag, begin in zip('abcdefg', ('OK', 'OK', 'OK', 'OK', 'OK', 'OK', 'BAD')):
        assert m.until(tag).startswith(begin)
    m.close()


def test_login_forms(suite):
    a = suite.accounts[0]
    plain = base64.b64encode(f"\0{a['address']}\0{a['password']}".encode())
    for parts, begin in (((b'LOGIN {%d}' % len(a['address']), a['address'].encode() + b' {%d}' % len(a['password']), a['password'].encode()), 'OK'),
                         ((b'AUTHENTICATE PLAIN', plain), 'OK'), ((b'authenticate plain ' + plain,), 'OK'),
                         ((b'AUTHENTICATE PLAIN', b'*'), 'BAD'), ((b'AUTHENTICATE PLAIN', b'!!'), 'BAD'), ((b'AUTHENTICATE PLAIN =',), 'BAD')):
        m = Imap(suite, login=False)
        reply = m.with_literals(*parts)
        assert reply.startswith(begin), (parts, reply)
        if begin == 'OK':
            assert '[CAPABILITY IMAP4rev1' in reply and m.do('LIST "" *').startswith('OK')
        m.close()
    m = Imap(suite, login=False)
    assert b'[CAPABILITY ' in m.greeting
    m.close()


# --- what SELECT says, ENABLE, ID, NAMESPACE -----------------------------------------------------------------

def test_select_says_all(suite):
    m = Imap(suite)
    m.do('CREATE says')
    m.append(TEXT, 'says'), m.append(TEXT, 'says')
    for how, code, flags in (('SELECT', 'READ-WRITE', r'\* OK \[PERMANENTFLAGS \([^)]*\\\*\)\]'), ('EXAMINE', 'READ-ONLY', r'\* OK \[PERMANENTFLAGS \(\)\]')):
        reply = m.do(f'{how} says')
        assert reply.startswith(f'OK [{code}]')
        for pattern in (r'\* FLAGS \([^)]*\\Answered[^)]*\)', r'\* 2 EXISTS', r'\* \d RECENT', r'\* OK \[UNSEEN 1\]', r'\* OK \[UIDVALIDITY \d+\]',
                        r'\* OK \[UIDNEXT 3\]', r'\* OK \[HIGHESTMODSEQ \d+\]', flags):
            assert m.told(pattern), (pattern, m.untagged)
    assert m.do('SELECT says (CONDSTORE)').startswith('OK')
    assert m.do('SELECT nowhere').startswith('NO')
    assert m.do('FETCH 1 FLAGS').startswith('BAD')  # a failed SELECT leaves none selected
    m.close()


def test_recent(suite):
    """Whoever may write takes it; whoever may not sees it and leaves it (RFC 3501 2.3.2)."""
    m, reader, later = Imap(suite), Imap(suite), Imap(suite)
    m.do('CREATE recent')
    m.append(TEXT, 'recent')
    for session, how, n in ((reader, 'EXAMINE', 1), (m, 'SELECT', 1), (later, 'SELECT', 0), (later, 'EXAMINE', 0)):
        session.do(f'{how} recent')
        assert session.told(r'\* (\d) RECENT') == str(n), how
    m.do('UNSELECT')
    m.append(TEXT, 'recent')
    assert reader.do('NOOP').startswith('OK') and reader.told(r'\* (\d) RECENT') == '2'
    reader.do('FETCH 1:2 FLAGS')
    assert all('(\\Recent)' in line for line in reader.lines())
    assert m.do('SELECT recent').startswith('OK') and m.told(r'\* (\d) RECENT') == '1'
    for session in (m, reader, later):
        session.close()


def test_close_expunges_and_unselect_does_not(suite):
    for how, end, left in (('SELECT', 'UNSELECT', 2), ('SELECT', 'SELECT Other', 2), ('EXAMINE', 'CLOSE', 2), ('SELECT', 'CLOSE', 0)):
        m = Imap(suite)
        if how == 'SELECT' and end == 'UNSELECT':
            m.do('CREATE closes')
            m.append(TEXT, 'closes'), m.append(TEXT, 'closes')
            m.do('SELECT closes')
            m.do('STORE 1:2 +FLAGS.SILENT (\\Deleted)')
        assert m.do(f'{how} closes').startswith('OK')
        assert m.do(end).startswith('OK') and not m.told('EXPUNGE')
        assert m.do('STATUS closes (MESSAGES)').startswith('OK') and m.told(r'MESSAGES (\d+)') == str(left)
        m.close()


def test_enable(suite):
    m = Imap(suite)
    for names, enabled in (('NOSUCH', ''), ('condstore', ' CONDSTORE'), ('CONDSTORE X', ''), ('IMAP4rev1', '')):
        assert m.do(f'ENABLE {names}').startswith('OK') and m.lines() == ['* ENABLED' + enabled], names
    m.do('SELECT Box')
    m.do('STORE 1 +FLAGS (enabled)')
    assert m.told(r'MODSEQ \(\d+\)')
    m.close()


def test_id_and_namespace(suite):
    m = Imap(suite)
    for argument in ('NIL', '()', '("name" "x" "version" NIL)', '({4+}\r\nname {1+}\r\nx)'):
        assert m.do(f'ID {argument}').startswith('OK') and m.told(r'\* ID \("name" "Thurn"'), argument
    assert m.do('ID (' + ' '.join(f'"k{i}" "v"' for i in range(31)) + ')').startswith('BAD')  # RFC 2971 3.3
    assert m.do('NAMESPACE').startswith('OK') and m.lines() == ['* NAMESPACE (("" "/")) NIL NIL']
    m.close()


def test_news_of_others(suite):
    """EXISTS, EXPUNGE and FETCH of another session come with NOOP and IDLE, and EXPUNGE not with FETCH, STORE, SEARCH."""
    one, two = Imap(suite, 1), Imap(suite, 1)
    one.do('CREATE news')
    for m in (one, two):
        assert m.do('SELECT news').startswith('OK')
    one.append(TEXT, 'news'), one.append(TEXT, 'news')
    assert two.do('NOOP').startswith('OK') and two.told(r'\* 2 EXISTS')
    one.do('NOOP')
    one.do('STORE 1 FLAGS (\\Flagged)')
    two.do('NOOP')
    assert two.told(r'\* 1 FETCH \(.*FLAGS \(.*\\Flagged')
    two.send('i IDLE\r\n')
    assert two.f.readline().startswith(b'+')
    one.do('STORE 1 +FLAGS (\\Deleted)')
    assert b'\\Deleted' in two.f.readline()
    two.send('DONE\r\n')
    assert two.until('i').startswith('OK')
    assert one.do('EXPUNGE').startswith('OK') and one.lines() == ['* 1 EXPUNGE']
    for command in ('FETCH 2 (UID)', 'SEARCH ALL', 'STORE 2 +FLAGS (x)'):
        assert two.do(command).startswith('OK') and not two.told('EXPUNGE'), command
    assert two.do('FETCH 1 (BODY[])').startswith(('NO [EXPUNGEISSUED]', 'OK'))
    assert two.do('NOOP').startswith('OK') and two.told(r'\* 1 EXPUNGE')
    one.close(), two.close()
