"""One process dies while users are logged in: the others go on, and what it did is done again."""
import imaplib, json, os, shutil, signal, time
import pytest
import conftest
from instances import Failed


@pytest.fixture
def suite(new_suite):
    s = new_suite(users=0)
    s.tool('user', 'add', '--import', '-', input='user1@example.test secret-1\n')
    s.accounts = [{'address': 'user1@example.test', 'password': 'secret-1'}]
    yield s
    # deaths are expected here; a fresh start has nothing to complain about
    s.stop()
    s.start()


def pid(suite, process):
    for line in suite.tool('status', '--json', check=False).stdout.splitlines():
        r = json.loads(line)
        if r.get('process') == process and r.get('state') == 'ready':
            return r['pid']


def kill(suite, process):
    old = pid(suite, process)
    os.kill(old, signal.SIGKILL)
    suite.wait_for(lambda: pid(suite, process) not in (None, old))


def hears(m, other):
    """Does a session in IDLE hear of what another does?"""
    m.send(b'x IDLE\r\n')
    assert m.readline().startswith(b'+')
    other.append('INBOX', None, None, b'Subject: news\r\n\r\n')
    m.sock.settimeout(3)
    try:
        while b'EXISTS' not in m.readline():
            pass
    except OSError:
        return False
    m.send(b'DONE\r\n')
    while not m.readline().startswith(b'x '):
        pass
    return True


@pytest.mark.parametrize('process', ['notify', 'log', 'auth', 'sasl', 'lookup', 'deliver-maildir', 'queue'])
def test_sessions_go_on(suite, process):
    m, other = suite.login(), suite.login()
    m.select()
    assert hears(m, other)
    kill(suite, process)
    suite.wait_for(lambda: hears(m, other))
    assert m.noop()[0] == 'OK'
    suite.wait_for(lambda: suite.login())


def test_sessions_end_with_spawn(suite):
    m = suite.login()
    kill(suite, 'spawn')
    assert m.readline() == b''
    suite.wait_for(lambda: suite.login())


def test_a_check_under_way_is_temporary(suite):
    auth = pid(suite, 'auth')
    os.kill(auth, signal.SIGSTOP)
    m = imaplib.IMAP4(suite.host, suite.imap_port, timeout=20)
    m.send(b'a LOGIN user1@example.test secret-1\r\n')
    time.sleep(0.2)
    os.kill(auth, signal.SIGKILL)
    assert m.readline().startswith(b'a NO [UNAVAILABLE]')
    suite.wait_for(lambda: pid(suite, 'auth') not in (None, auth))
    m.send(b'b LOGIN user1@example.test secret-1\r\n')
    assert m.readline().startswith(b'b OK')


def test_directories_that_came_later():
    """An installation that has its directories elsewhere starts with a version that wants one more; what must not be
    empty is not made where its file system may be missing."""
    s = conftest.Suite()
    s.extra.write_text(f'token_directory = "{s.top}/later/tokens"\npolicy_directory = "{s.top}/more/policies"\n')
    try:
        s.start()
        assert (s.top / 'later').stat().st_mode & 0o7777 == 0o755
        assert (s.top / 'later/tokens').stat().st_mode & 0o7777 == 0o700
        s.send('as before')
        s.wait_for(lambda: s.messages(0))
    finally:
        s.close()
    for name in ('spool', 'account', 'mail'):
        s = conftest.Suite()
        s.extra.write_text(f'{name}_directory = "{s.top}/away/x"\n')
        with pytest.raises(Failed, match=f'cannot make {s.top}/away/x: No such file'):
            s.start()
        assert not (s.top / 'away').exists()
        shutil.rmtree(s.top)
