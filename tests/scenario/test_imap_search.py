"""SEARCH key by key (RFC 3501 6.4.4), with ESEARCH (RFC 4731) and MODSEQ (RFC 7162), over messages that are known."""
import pytest
import conftest
from imap_client import Imap

# flags, internal date, message
MESSAGES = [
    ('()', '10-Jan-2020 12:00:00 +0000', 'Date: Thu, 9 Jan 2020 23:59:59 +0000\r\nFrom: "Anna Ahn" <anna@one.test>\r\nTo: bob@two.test\r\n'
     'Subject: first thing\r\nMessage-ID: <1@one.test>\r\n\r\nhello world\r\n'),
    ('(\\Seen \\Answered)', '11-Jan-2020 00:00:00 +0000', 'Date: Sat, 11 Jan 2020 00:00:00 +0000\r\nFrom: carl@three.test\r\nTo: anna@one.test\r\n'
     'Cc: dora@four.test\r\nBcc: eve@five.test\r\nSubject: Second\r\nX-Empty:\r\n\r\nthe quick brown fox\r\n'),
    ('(\\Flagged kw1)', '11-Jan-2020 23:59:59 +0000', 'Date: Sun, 12 Jan 2020 01:00:00 +0000\r\nFrom: =?utf-8?Q?J=C3=B6rg?= <j@six.test>\r\nTo: bob@two.test\r\n'
     'Subject: =?utf-8?B?R3LDvMOfZQ==?= aus\r\n =?iso-8859-1?Q?_K=F6ln?=\r\n\r\nplain\r\n'),
    ('(\\Deleted \\Draft)', '12-Jan-2020 00:00:00 +0000', 'Date: Mon, 13 Jan 2020 00:00:00 +0000\r\nFrom: f@six.test\r\nSubject: mime\r\nMIME-Version: 1.0\r\n'
     'Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nDie Stra=C3=9Fe ist lang=\r\n und naß\r\n'.encode().decode('latin-1')),
    ('(\\Seen kw1 kw2)', '01-Mar-2021 10:00:00 +0000', 'Date: Mon, 1 Mar 2021 10:00:00 +0000\r\nFrom: g@seven.test\r\nSubject: multi\r\nMIME-Version: 1.0\r\n'
     'Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: base64\r\n\r\n'
     'Z/x0\r\n--b\r\nContent-Type: text/html\r\n\r\n<b>tagged</b>\r\n--b--\r\n' + 'x' * 70 + '\r\n' * 200),
]
N = len(MESSAGES)
EVERY = ' '.join(str(i) for i in range(1, N + 1))

# keys, and the messages that they find
KEYS = [
    ('ALL', EVERY), ('1', '1'), ('2:4', '2 3 4'), ('*', '5'), ('4:*', '4 5'), ('9:*', '5'), ('1,3,5', '1 3 5'), ('5:3', '3 4 5'), ('7', ''),
    ('ANSWERED', '2'), ('UNANSWERED', '1 3 4 5'), ('DELETED', '4'), ('UNDELETED', '1 2 3 5'), ('DRAFT', '4'), ('UNDRAFT', '1 2 3 5'),
    ('FLAGGED', '3'), ('UNFLAGGED', '1 2 4 5'), ('SEEN', '2 5'), ('UNSEEN', '1 3 4'), ('KEYWORD kw1', '3 5'), ('UNKEYWORD kw1', '1 2 4'),
    ('KEYWORD KW2', '5'), ('KEYWORD nosuch', ''), ('UNKEYWORD nosuch', EVERY), ('RECENT', EVERY), ('NEW', '1 3 4'), ('OLD', ''),
    ('BEFORE 11-Jan-2020', '1'), ('ON 11-Jan-2020', '2 3'), ('SINCE 11-Jan-2020', '2 3 4 5'), ('ON "11-Jan-2020"', '2 3'), ('BEFORE 1-Jan-2000', ''),
    ('SINCE 1-jan-2021', '5'), ('SENTBEFORE 11-Jan-2020', '1'), ('SENTON 9-Jan-2020', '1'), ('SENTON 12-Jan-2020', '3'), ('SENTSINCE 12-Jan-2020', '3 4 5'),
    ('LARGER 500', '5'), ('SMALLER 500', '1 2 3 4'), ('LARGER 0', EVERY), ('SMALLER 0', ''), ('LARGER 4294967295', ''),
    ('FROM anna', '1'), ('FROM ONE.TEST', '1'), ('FROM "Anna Ahn"', '1'), ('TO bob', '1 3'), ('CC dora', '2'), ('BCC eve', '2'), ('TO nosuch', ''),
    ('SUBJECT first', '1'), ('SUBJECT "FIRST THING"', '1'), ('SUBJECT ""', EVERY), ('SUBJECT {6+}\r\nsecond', '2'), ('HEADER Message-ID 1@one', '1'),
    ('HEADER X-Empty ""', '2'), ('HEADER x-empty x', ''), ('HEADER Cc ""', '2'), ('HEADER "Subject" mime', '4'), ('HEADER Nosuch ""', ''),
    ('BODY hello', '1'), ('BODY FOX', '2'), ('BODY first', ''), ('TEXT first', '1'), ('TEXT anna', '1 2'), ('TEXT nosuchword', ''), ('BODY tagged', '5'),
    ('CHARSET UTF-8 SUBJECT {9+}\r\nGr\xc3\xbc\xc3\x9fe a', '3'), ('CHARSET UTF-8 SUBJECT {5+}\r\nk\xc3\xb6ln', '3'), ('CHARSET UTF-8 FROM {5+}\r\nJ\xc3\xb6rg', '3'),
    ('CHARSET US-ASCII SUBJECT first', '1'), ('CHARSET UTF-8 BODY {8+}\r\nStra\xc3\x9fe ', '4'), ('CHARSET utf-8 BODY {4+}\r\ng\xc3\xbct', '5'), ('BODY "lang und"', '4'),
    ('UID 1', '1'), ('UID 2:3', '2 3'), ('UID 99', ''), ('UID 4:*', '4 5'), ('NOT SEEN', '1 3 4'), ('NOT NOT SEEN', '2 5'), ('OR SEEN FLAGGED', '2 3 5'),
    ('OR (SEEN ANSWERED) (FLAGGED KEYWORD kw1)', '2 3'), ('OR OR 1 2 3', '1 2 3'), ('SEEN KEYWORD kw2', '5'), ('(SEEN) (KEYWORD kw1)', '5'), ('NOT (SEEN KEYWORD kw1)', '1 2 3 4'),
    ('NOT 1:3', '4 5'), ('1:4 NOT 2 SEEN', ''), ('seen unanswered', '5'), ('MODSEQ 1', EVERY), ('MODSEQ "/flags/\\\\Seen" all 1', EVERY), ('MODSEQ 99999999', ''),
]


@pytest.fixture(scope='module')
def suite():
    with conftest.running(users=1) as s:
        yield s


@pytest.fixture(scope='module')
def imap(suite):
    m = Imap(suite)
    m.do('CREATE search')
    for flags, date, text in MESSAGES:
        data = text.encode('latin-1')
        assert m.do(f'APPEND search {flags} "{date}" {{{len(data)}+}}\r\n'.encode() + data).startswith('OK')
    assert m.do('SELECT search').startswith('OK')
    yield m
    m.close()


def found(imap, command):
    reply = imap.do(command.encode('latin-1'))
    assert reply.startswith('OK'), (command, reply)
    line, = [l for l in imap.lines() if l.startswith('* SEARCH')]
    return line.removeprefix('* SEARCH').partition(' (MODSEQ')[0].strip()


@pytest.mark.parametrize('keys, expected', KEYS, ids=range(len(KEYS)))
def test_key(imap, keys, expected):
    assert found(imap, f'SEARCH {keys}') == expected, keys
    assert found(imap, f'UID SEARCH {keys}') == expected, keys  # here UIDs are the same numbers


def test_uids_are_not_numbers(suite):
    m = Imap(suite)
    m.do('CREATE gap')
    for _ in range(4):
        m.append(b'Subject: gap\r\n\r\n', 'gap')
    m.do('SELECT gap'), m.do('STORE 2 +FLAGS (\\Deleted)'), m.do('EXPUNGE')
    assert found(m, 'SEARCH ALL') == '1 2 3' and found(m, 'UID SEARCH ALL') == '1 3 4'
    assert found(m, 'SEARCH UID 3:4') == '2 3' and found(m, 'UID SEARCH 2:3') == '3 4'
    assert found(m, 'UID SEARCH UID 2') == '' and found(m, 'SEARCH UID *') == '3'
    m.close()


@pytest.mark.parametrize('what, told', [
    ('RETURN () ALL', 'ALL 1:5'), ('RETURN (MIN) SEEN', 'MIN 2'), ('RETURN (MAX) SEEN', 'MAX 5'), ('RETURN (COUNT) SEEN', 'COUNT 2'),
    ('RETURN (ALL) SEEN', 'ALL 2,5'), ('RETURN (MIN MAX COUNT ALL) UNSEEN', 'MIN 1 MAX 4 ALL 1,3:4 COUNT 3'), ('RETURN (MIN MAX) KEYWORD nosuch', ''),
    ('RETURN (COUNT) KEYWORD nosuch', 'COUNT 0'), ('RETURN (ALL) KEYWORD nosuch', '')])
def test_esearch(imap, what, told):
    for uid in ('', 'UID '):
        assert imap.do(f'{uid}SEARCH {what}').startswith('OK')
        line, = imap.lines()
        assert line.startswith('* ESEARCH (TAG "t')
        words = line.partition(')')[2].replace(' UID', '', 1).split() if uid else line.partition(')')[2].split()
        assert ('UID' in line) == bool(uid)
        assert dict(zip(words[::2], words[1::2])) == dict(zip(told.split()[::2], told.split()[1::2]))


def test_refusals(imap):
    assert imap.do('SEARCH CHARSET X-NOSUCH ALL').startswith('NO [BADCHARSET')
    for bad in ('RETURN (NOSUCH) ALL', 'RETURN ALL', 'RETURN (MIN', 'RETURN (MIN)', 'MODSEQ "/flags/\\\\Seen" nobody 1', 'MODSEQ -1', 'ALL RETURN (MIN)', 'ON 11-Jan-20'):
        assert imap.do(f'SEARCH {bad}').startswith('BAD'), bad
    assert found(imap, 'SEARCH 1') == '1'
