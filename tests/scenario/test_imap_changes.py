"""What changes messages: APPEND, STORE, EXPUNGE, COPY, MOVE, with the response codes of UIDPLUS and CONDSTORE."""
import re
import pytest
import conftest
from imap_client import Imap

TEXT = b'Subject: %d\r\n\r\nbody\r\n'


@pytest.fixture(scope='module')
def suite():
    with conftest.running(users=1) as s:
        yield s


@pytest.fixture
def imap(suite):
    """Box with five messages, selected, and To, empty."""
    m = Imap(suite)
    for box in ('Box', 'To'):
        m.do(f'DELETE {box}')
        assert m.do(f'CREATE {box}').startswith('OK')
    for i in range(5):
        assert m.append(TEXT % i, 'Box').startswith('OK')
    assert m.do('SELECT Box').startswith('OK')
    yield m
    m.close()


def flags(m, n):
    assert m.do(f'FETCH {n} FLAGS').startswith('OK')
    return set(m.told(r'FLAGS \(([^)]*)\)').split()) - {'\\Recent'}


def uids(m):
    assert m.do('UID SEARCH ALL').startswith('OK')
    return [int(n) for n in m.told(r'\* SEARCH([ \d]*)').split()]


def validity(m, box):
    m.do(f'STATUS {box} (UIDVALIDITY)')
    return m.told(r'UIDVALIDITY (\d+)')


# --- STORE ------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('steps, left', [
    (['FLAGS (\\Seen)'], {'\\Seen'}), (['FLAGS \\Seen'], {'\\Seen'}), (['FLAGS \\Seen \\Flagged kw'], {'\\Seen', '\\Flagged', 'kw'}), (['FLAGS ()'], set()),
    (['FLAGS (a b)', '+FLAGS (c)', '-FLAGS (a)'], {'b', 'c'}), (['+FLAGS (\\Seen \\Seen)'], {'\\Seen'}), (['-FLAGS (\\Seen)'], set()),
    (['flags (\\SEEN \\answered)'], {'\\Seen', '\\Answered'}), (['FLAGS (\\Recent)'], set()), (['FLAGS (Kw)', '+FLAGS (kW)'], {'Kw'}), (['FLAGS ($Forwarded $MDNSent)'], {'$Forwarded', '$MDNSent'}),
    (['FLAGS (\\Draft \\Deleted)', 'FLAGS ()'], set())])
def test_store(imap, steps, left):
    for step in steps:
        assert imap.do(f'STORE 2 {step}').startswith('OK')
        told = imap.told(r'\* 2 FETCH \(.*FLAGS \(([^)]*)\)')
    if told is not None:
        assert {f.lower() for f in told.split()} - {'\\recent'} == {f.lower() for f in left}
    assert {f.lower() for f in flags(imap, 2)} == {f.lower() for f in left}
    assert flags(imap, 1) == set()


def test_store_silent_and_uid(imap):
    assert imap.do('STORE 1:2 +FLAGS.SILENT (\\Flagged)').startswith('OK') and not imap.told('FETCH')
    assert imap.do('UID STORE 3 +FLAGS (\\Flagged)').startswith('OK') and imap.told(r'FETCH \(.*UID 3')
    assert imap.do('UID STORE 99 +FLAGS (\\Flagged)').startswith('OK') and not imap.untagged
    assert imap.do('STORE 6 +FLAGS (\\Flagged)').startswith(('BAD', 'NO'))
    assert [flags(imap, n) for n in (1, 2, 3, 4)] == [{'\\Flagged'}] * 3 + [set()]


def test_many_keywords(imap):
    """A new keyword is told with FLAGS; when there is no room for more, the answer says so."""
    assert imap.do('STORE 1 +FLAGS (brandnew)').startswith('OK') and imap.told(r'\* FLAGS \(.*brandnew')
    replies = [imap.do(f'STORE 1 +FLAGS.SILENT (k{i})') for i in range(80)]
    full = [i for i, r in enumerate(replies) if not r.startswith('OK')]
    assert all(replies[i].startswith('NO') for i in full)
    assert len(flags(imap, 1)) == 1 + 80 - len(full)
    assert imap.do('STORE 1 +FLAGS (' + 'x' * 300 + ')').startswith(('BAD', 'NO'))


def test_unchanged_since(imap):
    imap.do('FETCH 1:3 MODSEQ')
    first, second, third = (int(n) for n in re.findall(r'MODSEQ \((\d+)\)', '\n'.join(imap.lines())))
    imap.do('STORE 2 +FLAGS (other)')
    changed = int(imap.told(r'MODSEQ \((\d+)\)'))
    assert changed > third
    reply = imap.do(f'STORE 1:3 (UNCHANGEDSINCE {third}) +FLAGS.SILENT (mine)')
    assert reply.startswith('OK [MODIFIED 2]') or reply.startswith('NO [MODIFIED 2]')
    # RFC 7162 3.1.3: those that were stored tell their new number although it is silent
    assert sorted(int(l.split()[1]) for l in imap.lines() if 'MODSEQ' in l and 'FETCH' in l) == [1, 3]
    assert flags(imap, 1) == {'mine'} and flags(imap, 2) == {'other'} and flags(imap, 3) == {'mine'}
    assert '[MODIFIED 1:3]' in imap.do('UID STORE 1:3 (UNCHANGEDSINCE 0) +FLAGS (never)').replace('1,2,3', '1:3')
    assert 'never' not in flags(imap, 1)


# --- APPEND -----------------------------------------------------------------------------------------------

@pytest.mark.parametrize('options, kept', [('', set()), ('() ', set()), ('(\\Seen kw) ', {'\\Seen', 'kw'}), ('(\\Recent) ', set()), ('"01-Feb-2019 10:20:30 -0500" ', set()),
                                           ('(\\Draft) " 1-Feb-2019 10:20:30 -0500" ', {'\\Draft'})])
def test_append(imap, options, kept):
    body = TEXT % 9
    reply = imap.do(f'APPEND Box {options}{{{len(body)}+}}\r\n'.encode() + body)
    assert reply.startswith(f'OK [APPENDUID {validity(imap, "Box")} 6]')
    assert imap.do('NOOP').startswith('OK') and flags(imap, 6) == kept
    assert imap.do('FETCH 6 (INTERNALDATE BODY.PEEK[])').startswith('OK')
    if 'Feb' in options:
        assert imap.told(r'INTERNALDATE "( 1|01)-Feb-2019 (10:20:30 -0500|15:20:30 \+0000)"')
    assert body in imap.untagged[-1]


def test_multiappend(imap):
    a, b = TEXT % 7, TEXT % 8
    reply = imap.do(b'APPEND To (\\Seen) {%d+}\r\n' % len(a) + a + b' (kw) "01-Feb-2019 10:20:30 +0000" {%d+}\r\n' % len(b) + b)
    assert reply.startswith(f'OK [APPENDUID {validity(imap, "To")} 1:2]')
    # all or nothing
    assert imap.do(b'APPEND To {%d+}\r\n' % len(a) + a + b' (\\Nosuch) {%d+}\r\n' % len(b) + b).startswith('BAD')
    imap.do('STATUS To (MESSAGES)')
    assert imap.told(r'MESSAGES (\d)') == '2'


def test_append_refused(imap):
    assert imap.do(b'APPEND nosuch {1+}\r\nx').startswith('NO [TRYCREATE]')
    assert imap.with_literals(b'APPEND nosuch {5}', b'hello').startswith('NO [TRYCREATE]')
    assert imap.do(b'APPEND Box {3+}\r\na\0b').startswith(('NO', 'BAD'))
    assert imap.do('NOOP').startswith('OK')


def test_append_cancelled(imap):
    """A message of no bytes (RFC 3502)."""
    a = TEXT % 7
    assert imap.do(b'APPEND Box {0+}\r\n').startswith('NO')
    assert imap.with_literals(b'APPEND Box {0}', b'').startswith('NO')
    assert imap.do(b'APPEND To {%d+}\r\n' % len(a) + a + b' (\\Seen) {0+}\r\n').startswith('NO')
    assert imap.do(b'APPEND To {%d+}\r\n' % len(a) + a + b' {0+}\r\n {%d+}\r\n' % len(a) + a).startswith('NO')
    imap.do('STATUS To (MESSAGES)')
    assert imap.told(r'MESSAGES (\d)') == '0'


# --- EXPUNGE, COPY, MOVE --------------------------------------------------------------------------------------

def test_expunge(imap):
    imap.do('STORE 1,3,5 +FLAGS.SILENT (\\Deleted)')
    assert imap.do('UID EXPUNGE 2:3').startswith('OK') and [l for l in imap.lines() if 'EXPUNGE' in l] == ['* 3 EXPUNGE']
    assert imap.do('UID EXPUNGE 99').startswith('OK') and not imap.told('EXPUNGE')
    assert imap.do('EXPUNGE').startswith('OK')
    gone, left = [int(l.split()[1]) for l in imap.lines() if 'EXPUNGE' in l], [1, 2, 4, 5]
    for n in gone:
        del left[n - 1]
    assert left == [2, 4] and uids(imap) == [2, 4]


@pytest.mark.parametrize('uid', ['', 'UID '])
def test_copy(imap, uid):
    imap.do('STORE 2 +FLAGS (\\Flagged kw)')
    reply = imap.do(f'{uid}COPY 2,4:5 To')
    assert reply.startswith(f'OK [COPYUID {validity(imap, "To")} 2,4:5 1:3]')
    assert uids(imap) == [1, 2, 3, 4, 5]
    assert imap.do(f'{uid}COPY 1 nosuch').startswith('NO [TRYCREATE]')
    assert imap.do('UID COPY 99 To').startswith('OK') and imap.do('COPY 6 To').startswith(('BAD', 'NO'))
    assert imap.do(f'{uid}COPY 1 Box').startswith('OK [COPYUID ') and imap.do('NOOP').startswith('OK') and uids(imap) == [1, 2, 3, 4, 5, 6]
    assert imap.do('SELECT To').startswith('OK') and flags(imap, 1) == {'\\Flagged', 'kw'}
    assert imap.do('FETCH 1:3 BODY.PEEK[HEADER.FIELDS (SUBJECT)]').startswith('OK')
    assert [re.search(rb'Subject: (\d)', l)[1] for l in imap.untagged] == [b'1', b'3', b'4']


@pytest.mark.parametrize('uid', ['', 'UID '])
def test_move(imap, uid):
    imap.do('STORE 2 +FLAGS.SILENT (\\Flagged)'), imap.do('STORE 1 +FLAGS.SILENT (\\Deleted)')
    assert imap.do(f'{uid}MOVE 2,4 To').startswith('OK')
    # RFC 6851 4.3: COPYUID comes before the EXPUNGEs
    told = [l for l in imap.lines() if 'COPYUID' in l or 'EXPUNGE' in l]
    assert told[0].startswith(f'* OK [COPYUID {validity(imap, "To")} 2,4 1:2]') and len(told) == 3
    assert uids(imap) == [1, 3, 5] and flags(imap, 1) == {'\\Deleted'}  # which is not expunged along with them
    assert imap.do(f'{uid}MOVE 1 nosuch').startswith('NO [TRYCREATE]') and uids(imap) == [1, 3, 5]
    assert imap.do('UID MOVE 99 To').startswith('OK')
    assert imap.do('SELECT To').startswith('OK') and flags(imap, 1) == {'\\Flagged'} and uids(imap) == [1, 2]


@pytest.mark.parametrize('command', ['STORE 1 +FLAGS (x)', 'UID STORE 1 FLAGS (x)', 'EXPUNGE', 'UID EXPUNGE 1', 'MOVE 1 To', 'UID MOVE 1 To'])
def test_read_only(imap, command):
    imap.do('STORE 1 +FLAGS (\\Deleted)')
    assert imap.do('EXAMINE Box').startswith('OK')
    assert imap.do(command).startswith('NO [READ-ONLY]') and imap.do('CLOSE').startswith('OK')
    assert imap.do('SELECT Box').startswith('OK') and uids(imap) == [1, 2, 3, 4, 5] and flags(imap, 1) == {'\\Deleted'}


def test_uids_never_come_back(imap):
    imap.do('STORE 1:* +FLAGS.SILENT (\\Deleted)'), imap.do('EXPUNGE')
    assert uids(imap) == [] and 'APPENDUID' in imap.append(TEXT % 1, 'Box')
    imap.do('NOOP')
    assert uids(imap) == [6]
