"""FETCH item by item (RFC 3501 6.4.5), partials, sections, macros, and what sets \\Seen; MODSEQ (RFC 7162)."""
import re
import pytest
import conftest
from imap_client import Imap

SIMPLE = b'Date: Thu, 9 Jan 2020 10:00:00 +0100\r\nFrom: "A. B" <a@one.test>\r\nTo: b@two.test, "G": ;\r\nSubject: simple\r\nMessage-ID: <s@one.test>\r\n\r\nline one\r\nline two\r\n'
PARTS = (b'From: a@one.test\r\nSubject: parts\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=out\r\n\r\npreamble\r\n--out\r\n'
         b'Content-Type: text/plain; charset=us-ascii\r\nContent-ID: <p1@x>\r\n\r\npart one\r\n--out\r\nContent-Type: message/rfc822\r\n\r\n'
         b'From: inner@one.test\r\nSubject: inner\r\nContent-Type: multipart/alternative; boundary=in\r\n\r\n--in\r\n\r\ninner one\r\n--in\r\n'
         b'Content-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\nContent-Disposition: inline; filename=x.html\r\n\r\n<b>=41</b>\r\n--in--\r\n'
         b'--out\r\nContent-Type: application/octet-stream; name="d.bin"\r\nContent-Transfer-Encoding: base64\r\nContent-Description: data\r\n\r\nAAECAw==\r\n--out--\r\n')
INNER = PARTS[PARTS.index(b'From: inner'):PARTS.index(b'\r\n--out\r\nContent-Type: application')]


def header(message):
    return message[:message.index(b'\r\n\r\n') + 4]


def text(message):
    return message[message.index(b'\r\n\r\n') + 4:]


@pytest.fixture(scope='module')
def suite():
    with conftest.running(users=1) as s:
        yield s


@pytest.fixture
def imap(suite):
    m = Imap(suite)
    m.do('DELETE fetch'), m.do('CREATE fetch')
    for message in (SIMPLE, PARTS):
        assert m.do(b'APPEND fetch "09-Jan-2020 12:30:45 +0230" {%d+}\r\n' % len(message) + message).startswith('OK')
    assert m.do('SELECT fetch').startswith('OK')
    yield m
    m.close()


def fetched(m, n, items):
    """The bytes behind the one FETCH reply's "(", with its ")"."""
    reply = m.do(f'FETCH {n} {items}')
    assert reply.startswith('OK'), (items, reply)
    line, = [l for l in m.untagged if b' FETCH ' in l]
    return re.match(rb'\* (\d+) FETCH \((.*)\)\r\n$', line, re.S)[2]


def literal(m, n, item, label=None):
    """The value of one body item, whatever form of string it has; NIL is None."""
    got = fetched(m, n, f'({item})')
    label = (label or item).replace('.PEEK', '').encode()
    got = re.sub(rb'^FLAGS \([^)]*\) | FLAGS \([^)]*\)$', b'', got)
    assert got.startswith(label + b' '), (item, got)
    value = got[len(label) + 1:]
    if value == b'NIL':
        return None
    size = re.match(rb'\{(\d+)\}\r\n', value)
    if size:
        assert len(value) == size.end() + int(size[1]), value
        return value[size.end():]
    assert value[:1] == value[-1:] == b'"'
    return value[1:-1]


ITEMS = [
    ('FLAGS', r'FLAGS \(\\Recent\)'), ('UID', 'UID 1'), ('INTERNALDATE', r'INTERNALDATE "( 9|09)-Jan-2020 (12:30:45 \+0230|10:00:45 \+0000)"'), ('RFC822.SIZE', f'RFC822.SIZE {len(SIMPLE)}'),
    ('ENVELOPE', r'ENVELOPE \("Thu, 9 Jan 2020 10:00:00 \+0100" "simple" \(\("A. B" NIL "a" "one.test"\)\) \(\("A. B" NIL "a" "one.test"\)\) '
                 r'\(\("A. B" NIL "a" "one.test"\)\) \(\(NIL NIL "b" "two.test"\)\(NIL NIL "G" NIL\)\(NIL NIL NIL NIL\)\) NIL NIL NIL "<s@one.test>"\)'),
    ('BODY', r'BODY \("TEXT" "PLAIN" \("CHARSET" "US-ASCII"\) NIL NIL "7BIT" 20 2\)'),
    ('BODYSTRUCTURE', r'BODYSTRUCTURE \("TEXT" "PLAIN" \("CHARSET" "US-ASCII"\) NIL NIL "7BIT" 20 2 NIL NIL NIL NIL\)'),
    ('FAST', r'FLAGS \(.*\) INTERNALDATE ".*" RFC822.SIZE \d+'), ('ALL', r'FLAGS \(.*\) INTERNALDATE ".*" RFC822.SIZE \d+ ENVELOPE \(.*\)'),
    ('FULL', r'FLAGS \(.*\) INTERNALDATE ".*" RFC822.SIZE \d+ ENVELOPE \(.*\) BODY \(.*\)'), ('MODSEQ', r'MODSEQ \(\d+\)'),
    ('(FLAGS UID)', r'FLAGS \(.*\) UID 1'), ('(UID UID)', 'UID 1( UID 1)?'), ('(flags Rfc822.Size)', r'FLAGS \(.*\) RFC822.SIZE \d+'),
]


@pytest.mark.parametrize('item, pattern', ITEMS, ids=[i for i, _ in ITEMS])
def test_items(imap, item, pattern):
    got = fetched(imap, 1, item).decode()
    # what was not asked for may come along, such as MODSEQ once it was wanted
    assert re.fullmatch(pattern + r'( MODSEQ \(\d+\))?', got, re.I), got
    assert imap.do('UID FETCH 1 (FLAGS)').startswith('OK') and imap.told(r'UID 1\b')
    assert not imap.told(r'\\Seen')


def test_structure(imap):
    got = fetched(imap, 2, 'BODYSTRUCTURE').decode().upper()
    for piece in ('("TEXT" "PLAIN" ("CHARSET" "US-ASCII") "<P1@X>" NIL "7BIT" 8 0', '("MESSAGE" "RFC822" NIL NIL NIL "7BIT" %d ' % len(INNER),
                  '"ALTERNATIVE" ("BOUNDARY" "IN")', '("TEXT" "HTML" ', '"QUOTED-PRINTABLE" 10 0', '("INLINE" ("FILENAME" "X.HTML"))',
                  '("APPLICATION" "OCTET-STREAM" ("NAME" "D.BIN") NIL "DATA" "BASE64" 8', '"MIXED" ("BOUNDARY" "OUT") NIL NIL NIL'):
        assert piece in got or piece.replace(' 8 0', ' 8 1').replace(' 10 0', ' 10 1') in got, (piece, got)
    assert '"BOUNDARY"' not in fetched(imap, 2, 'BODY').decode().upper()


SECTIONS = [
    ('BODY.PEEK[]', PARTS), ('BODY.PEEK[HEADER]', header(PARTS)), ('BODY.PEEK[TEXT]', text(PARTS)), ('BODY.PEEK[1]', b'part one'),
    ('BODY.PEEK[1.MIME]', b'Content-Type: text/plain; charset=us-ascii\r\nContent-ID: <p1@x>\r\n\r\n'), ('BODY.PEEK[2]', INNER),
    ('BODY.PEEK[2.HEADER]', header(INNER)), ('BODY.PEEK[2.TEXT]', text(INNER)), ('BODY.PEEK[2.MIME]', b'Content-Type: message/rfc822\r\n\r\n'),
    ('BODY.PEEK[2.1]', b'inner one'), ('BODY.PEEK[2.1.MIME]', b'\r\n'), ('BODY.PEEK[2.2]', b'<b>=41</b>'), ('BODY.PEEK[3]', b'AAECAw=='), ('BODY.PEEK[4]', None),
    ('BODY.PEEK[1.1]', None), ('BODY.PEEK[2.3]', None), ('BODY.PEEK[1.HEADER]', None), ('BODY.PEEK[1.TEXT]', None),
    ('BODY.PEEK[HEADER.FIELDS (SUBJECT)]', b'Subject: parts\r\n\r\n'), ('BODY.PEEK[HEADER.FIELDS (Subject FROM)]', b'From: a@one.test\r\nSubject: parts\r\n\r\n'),
    ('BODY.PEEK[HEADER.FIELDS (Nosuch)]', b'\r\n'), ('BODY.PEEK[HEADER.FIELDS.NOT (From MIME-Version Content-Type)]', b'Subject: parts\r\n\r\n'),
    ('BODY.PEEK[2.HEADER.FIELDS (subject)]', b'Subject: inner\r\n\r\n'), ('RFC822.HEADER', header(PARTS)),
]


@pytest.mark.parametrize('item, expected', SECTIONS, ids=[i for i, _ in SECTIONS])
def test_sections(imap, item, expected):
    got = literal(imap, 2, item)
    if expected is None:
        assert got in (None, b'')
    else:
        assert got == expected
    fetched(imap, 2, 'FLAGS')
    assert not imap.told(r'\\Seen')
    # any piece of it is the same piece
    if expected is not None and item.startswith('BODY'):
        for start, count in ((0, 1), (0, 10 ** 6), (3, 5), (len(expected) - 1, 5), (len(expected), 1), (10 ** 6, 1), (4294967295, 4294967295)):
            assert literal(imap, 2, f'{item}<{start}.{count}>', f'{item}<{start}>') == expected[start:start + count]


@pytest.mark.parametrize('item, label, expected', [('BODY[]', None, SIMPLE), ('BODY[TEXT]', None, text(SIMPLE)), ('RFC822', None, SIMPLE), ('RFC822.TEXT', None, text(SIMPLE)),
                                                   ('BODY[1]', None, text(SIMPLE)), ('BODY[HEADER]', None, header(SIMPLE)), ('BODY[]<0.4>', 'BODY[]<0>', b'Date')])
def test_seen(imap, item, label, expected):
    """What sets \\Seen says so, once; in a mailbox that is open for reading only nothing does."""
    assert imap.do('EXAMINE fetch').startswith('OK')
    assert literal(imap, 1, item, label) == expected and not imap.told('FLAGS')
    assert imap.do('SELECT fetch').startswith('OK')
    assert literal(imap, 1, item, label) == expected and imap.told(r'FLAGS \([^)]*\\Seen')
    assert literal(imap, 1, item, label) == expected and not imap.told('FLAGS')


def test_sets(imap):
    for m, (what, numbers) in ((imap, row) for row in (('1', [1]), ('2:1', [1, 2]), ('1,1,2', [1, 2]), ('*', [2]), ('1:*', [1, 2]), ('2:*', [2]))):
        assert m.do(f'FETCH {what} UID').startswith('OK')
        assert [int(l.split()[1]) for l in m.lines()] == numbers, what
    for what, numbers in (('1:99', [1, 2]), ('50', []), ('50:*', [2]), ('99:100', []), ('1:*', [1, 2])):
        assert imap.do(f'UID FETCH {what} FLAGS').startswith('OK')
        assert [int(l.split()[1]) for l in imap.lines()] == numbers, what
    assert imap.do('FETCH 3 UID').startswith(('BAD', 'NO')) and imap.do('FETCH 1:3 UID').startswith(('BAD', 'NO', 'OK'))


def test_changed_since(imap):
    imap.do('FETCH 1:2 MODSEQ')
    first, second = (int(re.search(r'MODSEQ \((\d+)\)', l)[1]) for l in imap.lines() if ' FETCH ' in l)
    imap.do('STORE 1 +FLAGS.SILENT (changed)')
    now = int(imap.told(r'MODSEQ \((\d+)\)'))
    assert now > max(first, second)
    assert imap.do(f'FETCH 1:2 (FLAGS) (CHANGEDSINCE {now - 1})').startswith('OK')
    line, = imap.lines()
    assert line.startswith('* 1 FETCH') and f'MODSEQ ({now})' in line
    assert imap.do(f'UID FETCH 1:* (FLAGS) (CHANGEDSINCE {now})').startswith('OK') and not imap.untagged


def test_empty_and_strange(suite):
    m = Imap(suite)
    m.do('CREATE strange'), m.do('SELECT strange')
    for n, message in enumerate((b'\r\n', b'Subject: no end', b'Subject: header only\r\n', b'\r\nbody only\r\n', b'no colon\r\n\r\nx\r\n', b'a: b\r\n\r\n'), 1):
        assert m.append(message, 'strange').startswith('OK'), message
        assert literal(m, n, 'BODY.PEEK[]') == message
        assert literal(m, n, 'BODY.PEEK[HEADER]') + literal(m, n, 'BODY.PEEK[TEXT]') == message
        got = fetched(m, n, '(RFC822.SIZE ENVELOPE BODYSTRUCTURE)').decode()
        assert got.startswith(f'RFC822.SIZE {len(message)} ENVELOPE (') and '"TEXT" "PLAIN"' in got.upper()
    m.close()
