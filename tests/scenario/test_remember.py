"""auth_remember: a password that was right a moment ago costs no hash; everything that changes an account ends that."""
import imaplib, json
import pytest
from conftest import running


def hashed(suite):
    """Passwords hashed so far."""
    rows = [json.loads(l) for l in suite.tool('status', '--json').stdout.splitlines()]
    return next(r['counts']['hashed'] for r in rows if r.get('process') == 'auth')


def logs_in(suite, password, n=0, user=None):
    m = imaplib.IMAP4(suite.host, suite.imap_port, timeout=20)
    try:
        m.login(f'"{user or suite.accounts[n]["address"]}"', password)
        m.logout()
        return True
    except imaplib.IMAP4.error:
        return False


@pytest.fixture(scope='module')
def suite():
    with running(users=3, conf='imap_failure_delay = 50ms\nauth_master_users = {"user3@example.test"}\n') as s:
        yield s


def test_only_the_first_is_hashed(suite):
    right = suite.accounts[0]['password']
    before = hashed(suite)
    assert all(logs_in(suite, right) for _ in range(10))
    assert hashed(suite) == before + 1
    # others, and what is wrong, cost what they always do
    assert not logs_in(suite, right + 'x') and not logs_in(suite, right, 1)
    assert hashed(suite) == before + 3
    assert logs_in(suite, right) and hashed(suite) == before + 3


def test_a_new_password_counts_at_once(suite):
    a = suite.accounts[1]
    assert logs_in(suite, a['password'], 1) and logs_in(suite, a['password'], 1)
    suite.tool('user', 'passwd', '--password-stdin', a['address'], input='another\n')
    assert not logs_in(suite, a['password'], 1)
    assert logs_in(suite, 'another', 1)
    # back by way of the journal
    change = json.loads(suite.tool('user', 'log', '--json').stdout.splitlines()[0])['number']
    suite.tool('user', 'undo', str(change))
    assert not logs_in(suite, 'another', 1) and logs_in(suite, a['password'], 1)


def test_who_may_not_log_in_does_not(suite):
    a = suite.accounts[1]
    for way, back in ((['disable'], ['enable']), (['set', '--imap', 'off'], ['set', '--imap', 'on']), (['delete'], ['undelete'])):
        assert logs_in(suite, a['password'], 1) and logs_in(suite, a['password'], 1)
        suite.tool('user', *way, a['address'])
        assert not logs_in(suite, a['password'], 1), way
        suite.tool('user', *back, a['address'])
        suite.wait_for(lambda: logs_in(suite, a['password'], 1))


def test_masters(suite):
    """Remembered is that the master's password is right; whose mailbox it opens is asked each time."""
    victim, master = suite.accounts[0]['address'], suite.accounts[2]
    before = hashed(suite)
    assert all(logs_in(suite, master['password'], user=f'{victim}*{master["address"]}') for _ in range(3))
    assert logs_in(suite, master['password'], 2)
    assert hashed(suite) == before + 1
    assert not logs_in(suite, master['password'], 0)


def test_off(new_suite):
    s = new_suite(conf='auth_remember = 0\n')
    before = hashed(s)
    assert all(logs_in(s, s.accounts[0]['password']) for _ in range(5))
    assert hashed(s) == before + 5
