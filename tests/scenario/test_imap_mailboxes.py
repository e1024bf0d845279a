"""IMAP mailboxes: names, hierarchy, wildcards, subscriptions, CHILDREN, SPECIAL-USE, LIST-EXTENDED, STATUS (RFC 3501 6.3)."""
import re
import pytest
import conftest
from imap_client import Imap

TEXT = b'Subject: x\r\n\r\nbody\r\n'


@pytest.fixture(scope='module')
def suite():
    with conftest.running(users=6) as s:
        yield s


@pytest.fixture
def imap(suite, request):
    m = Imap(suite)
    yield m
    m.close()


def listed(m, command):
    """Name -> attributes of what LIST or LSUB answers."""
    assert m.do(command).startswith('OK'), command
    out = {}
    for line in m.lines():
        found = re.fullmatch(r'\* (LIST|LSUB) \(([^)]*)\) "/" ("(?:[^"\\]|\\.)*"|\S+)( \(.*\))?', line)
        assert found, line
        name = found[3]
        assert name not in out, line
        out[name.strip('"')] = set(found[2].split())
    return out


def test_create_and_list(suite):
    m = Imap(suite, 1)
    for name in ('Work', 'Work/2020/Jan', 'Lists/', 'a b', '"quo te"', 'Entw&APw-rfe', 'dot.ted'):
        assert m.do(f'CREATE "{name}"' if ' ' in name and name[0] != '"' else f'CREATE {name}').startswith('OK'), name
    everything = {'INBOX', 'Work', 'Work/2020', 'Work/2020/Jan', 'Lists', 'a b', 'quo te', 'Entw&APw-rfe', 'dot.ted'}
    assert set(listed(m, 'LIST "" *')) == everything
    for pattern, names in (('%', {n for n in everything if '/' not in n}), ('Work/%', {'Work/2020'}), ('Work*', {'Work', 'Work/2020', 'Work/2020/Jan'}), ('work', set()),
                           ('W%/2%/J%', {'Work/2020/Jan'}), ('%/%', {'Work/2020'}), ('*Jan', {'Work/2020/Jan'}), ('inbox', {'INBOX'}), ('InB%', {'INBOX'}), ('*2*', {'Work/2020', 'Work/2020/Jan'}),
                           ('nosuch', set()), ('Work/', set()), ('Work//2020', set()), ('"a b"', {'a b'}), ('{3+}\r\na b', {'a b'}), ('Entw&APw-*', {'Entw&APw-rfe'}), ('d*.ted', {'dot.ted'})):
        assert set(listed(m, f'LIST "" {pattern}')) == names, pattern
    for reference, pattern, names in (('Work/', '%', {'Work/2020'}), ('Work/2020/', 'Jan', {'Work/2020/Jan'}), ('Work', '/2020', {'Work/2020'}), ('Work/', '*', {'Work/2020', 'Work/2020/Jan'})):
        assert set(listed(m, f'LIST {reference} {pattern}')) == names, (reference, pattern)
    # the empty pattern asks for the delimiter
    assert m.do('LIST "" ""').startswith('OK') and m.told(r'\* LIST \(\\Noselect\) "/" ""')
    attributes = listed(m, 'LIST "" *')
    assert '\\HasChildren' in attributes['Work'] and '\\HasNoChildren' in attributes['Work/2020/Jan'] and '\\HasChildren' in attributes['Work/2020']
    m.close()


def test_delete_and_rename(suite):
    m = Imap(suite, 2)
    for name in ('a', 'a/b', 'a/b/c', 'd'):
        assert m.do(f'CREATE {name}').startswith('OK')
        assert m.append(TEXT, name).startswith('OK')
    # a mailbox with children leaves its name behind
    assert m.do('DELETE a/b').startswith('OK')
    attributes = listed(m, 'LIST "" *')
    assert '\\Noselect' in attributes['a/b'] or '\\NonExistent' in attributes['a/b']
    assert m.do('SELECT a/b').startswith('NO') and m.do('SELECT a/b/c').startswith('OK') and m.do('UNSELECT').startswith('OK')
    assert m.do('DELETE a/b/c').startswith('OK')
    assert 'a/b/c' not in listed(m, 'LIST "" *')
    assert m.do('DELETE INBOX').startswith('NO') and m.do('DELETE nosuch').startswith('NO [NONEXISTENT]')
    # children go with their parent
    m.do('CREATE a/x'), m.append(TEXT, 'a/x')
    assert m.do('RENAME a z/new').startswith('OK')
    names = listed(m, 'LIST "" *')
    assert {'z/new', 'z/new/x', 'd', 'INBOX'} <= set(names) and 'a' not in names and 'a/x' not in names
    assert m.do('STATUS z/new/x (MESSAGES)').startswith('OK') and m.told(r'MESSAGES (\d+)') == '1'
    for bad, code in (('RENAME nosuch y', '[NONEXISTENT]'), ('RENAME d z/new', '[ALREADYEXISTS]'), ('RENAME d INBOX', ''), ('CREATE inbox', '[ALREADYEXISTS]'),
                      ('CREATE d', '[ALREADYEXISTS]'), ('RENAME d d', '')):
        assert m.do(bad).startswith(f'NO {code}'), bad
    # even below itself, and back
    assert m.do('RENAME z/new z/new/x/y').startswith('OK')
    assert {'z/new/x/y', 'z/new/x/y/x'} <= set(listed(m, 'LIST "" *'))
    assert m.do('STATUS z/new/x/y/x (MESSAGES)').startswith('OK') and m.told(r'MESSAGES (\d+)') == '1'
    assert m.do('RENAME z/new/x/y z/new').startswith('OK')
    assert m.do('STATUS z/new/x (MESSAGES)').startswith('OK') and m.told(r'MESSAGES (\d+)') == '1'
    # RENAME of INBOX moves what is in it
    m.append(TEXT), m.append(TEXT)
    assert m.do('RENAME INBOX old').startswith('OK')
    assert m.do('STATUS INBOX (MESSAGES)').startswith('OK') and m.told(r'MESSAGES (\d+)') == '0'
    assert m.do('STATUS old (MESSAGES)').startswith('OK') and m.told(r'MESSAGES (\d+)') == '2'
    # UIDVALIDITY is never that of another mailbox of that name
    m.do('STATUS d (UIDVALIDITY)')
    before = int(m.told(r'UIDVALIDITY (\d+)'))
    m.do('DELETE d'), m.do('CREATE d'), m.do('STATUS d (UIDVALIDITY UIDNEXT)')
    assert int(m.told(r'UIDVALIDITY (\d+)')) > before
    m.close()


def test_selected_mailbox_goes_away(suite):
    one, two = Imap(suite, 2), Imap(suite, 2)
    one.do('CREATE gone'), one.append(TEXT, 'gone')
    assert two.do('SELECT gone').startswith('OK')
    assert one.do('DELETE gone').startswith('OK')
    reply = two.do('FETCH 1 BODY[]')
    assert reply == '' or reply.startswith(('OK', 'NO'))
    one.close(), two.close()


def test_subscriptions(suite):
    m = Imap(suite, 3)
    for name in ('s', 's/t', 's/t/u', 'v'):
        m.do(f'CREATE {name}')
    for name in ('s/t/u', 'v', 'inbox'):
        assert m.do(f'SUBSCRIBE {name}').startswith('OK')
    assert set(listed(m, 'LSUB "" *')) == {'s/t/u', 'v', 'INBOX'}
    # RFC 3501 6.3.9: a parent of what is subscribed answers to % with \Noselect
    assert listed(m, 'LSUB "" %') == {'s': {'\\Noselect'}, 'v': listed(m, 'LSUB "" v')['v'], 'INBOX': listed(m, 'LSUB "" INBOX')['INBOX']}
    assert m.do('UNSUBSCRIBE v').startswith('OK') and set(listed(m, 'LSUB "" *')) == {'s/t/u', 'INBOX'}
    # a deleted mailbox stays subscribed
    assert m.do('DELETE s/t/u').startswith('OK') and 's/t/u' in listed(m, 'LSUB "" *')
    assert '\\NonExistent' in listed(m, 'LIST (SUBSCRIBED) "" *')['s/t/u']
    assert m.do('UNSUBSCRIBE s/t/u').startswith('OK') and m.do('UNSUBSCRIBE nosuch').startswith(('OK', 'NO'))
    assert set(listed(m, 'LIST "" * RETURN (SUBSCRIBED)')) >= {'s', 'v', 'INBOX'}
    assert '\\Subscribed' in listed(m, 'LIST "" * RETURN (SUBSCRIBED)')['INBOX'] and '\\Subscribed' not in listed(m, 'LIST "" * RETURN (SUBSCRIBED)')['v']
    m.do('SUBSCRIBE s/t')
    assert m.do('LIST (SUBSCRIBED RECURSIVEMATCH) "" %').startswith('OK') and m.told(r'\* LIST \(.*\) "/" s \("?CHILDINFO"? \("SUBSCRIBED"\)\)')
    assert m.do('LIST (RECURSIVEMATCH) "" %').startswith('BAD')
    assert set(listed(m, 'LIST "" (v "s/%")')) == {'v', 's/t'}
    m.close()


def test_special_use(suite):
    m = Imap(suite, 4)
    for name, use in (('Sent', '\\Sent'), ('Bin', '\\Trash'), ('D', '\\Drafts'), ('Spam', '\\Junk'), ('Arch', '\\Archive')):
        assert m.do(f'CREATE {name} (USE ({use}))').startswith('OK'), name
        assert use in listed(m, 'LIST "" *')[name]
    m.do('CREATE plain')
    assert set(listed(m, 'LIST (SPECIAL-USE) "" *')) == {'Sent', 'Bin', 'D', 'Spam', 'Arch'}
    assert 'plain' in listed(m, 'LIST "" * RETURN (SPECIAL-USE)') and '\\Sent' in listed(m, 'LIST "" Sent RETURN (SPECIAL-USE)')['Sent']
    assert m.do('CREATE x (USE (\\Nosuch))').startswith('NO [USEATTR]') and 'x' not in listed(m, 'LIST "" *')
    m.do('RENAME Sent Out')
    assert '\\Sent' in listed(m, 'LIST "" *')['Out']
    m.close()


def test_status(suite):
    m = Imap(suite, 5)
    m.do('CREATE st')
    for flags in ('()', '(\\Seen)', '(\\Deleted)'):
        assert m.do(b'APPEND st %s {%d+}\r\n' % (flags.encode(), len(TEXT)) + TEXT).startswith('OK')
    assert m.do('STATUS st (MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN HIGHESTMODSEQ SIZE DELETED)').startswith('OK')
    line, = m.lines()
    for item in ('MESSAGES 3', r'RECENT \d', 'UIDNEXT 4', r'UIDVALIDITY \d+', 'UNSEEN 2', r'HIGHESTMODSEQ \d+', f'SIZE {3 * len(TEXT)}', 'DELETED 1'):
        assert re.search(rf'[( ]{item}[ )]', line), (item, line)
    assert m.do('STATUS nosuch (MESSAGES)').startswith('NO [NONEXISTENT]')
    assert m.do('LIST "" st RETURN (STATUS (MESSAGES UNSEEN))').startswith('OK') and m.told(r'\* STATUS st \(MESSAGES 3 UNSEEN 2\)')
    # of the mailbox that is selected, too
    m.do('SELECT st'), m.do('STORE 1 +FLAGS (\\Seen)')
    assert m.do('STATUS st (UNSEEN)').startswith('OK') and m.told(r'UNSEEN (\d)') == '1'
    m.close()


@pytest.mark.parametrize('name', ['a/', '/a', 'a//b', 'a/../b', '&', '&AA', '&AOQ', '&AGE-', 'a%b', 'a*b', '&2AA-', '&' + 'AOQ' * 400 + '-', 'x' * 300, '/'.join('abcdefghij' * 10), '.', '..', 'a/.', 'cur', '.a'])
def test_names(suite, imap, name):
    """Whatever is made is listed under the same name and can be used; what is refused leaves nothing."""
    before = set(listed(imap, 'LIST "" *'))
    reply = imap.do(b'CREATE {%d+}\r\n' % len(name) + name.encode())
    after = set(listed(imap, 'LIST "" *'))
    if reply.startswith('OK'):
        plain = name.rstrip('/')
        assert plain in after and imap.do(b'SELECT {%d+}\r\n' % len(plain) + plain.encode()).startswith('OK')
        assert imap.do('UNSELECT').startswith('OK')
        for made in sorted(after - before, reverse=True):
            assert imap.do(b'DELETE {%d+}\r\n' % len(made) + made.encode()).startswith('OK')
    else:
        assert reply.startswith(('NO', 'BAD')) and after == before
    assert set(listed(imap, 'LIST "" *')) == before
