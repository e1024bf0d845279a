"""What one login may send to other hosts, whichever way the mail comes."""
import json, os, signal, subprocess
import pytest
import conftest
from test_submission import session

CONF = '''smtp_xclient_networks = {"127.0.0.1"}
login_hourly_limit = 10
login_daily_limit = 12
login_limit_notice = 50
minimal_backoff = 300s
maximal_backoff = 300s
relayhost = "[127.0.0.1]:24"
'''  # where nobody listens, so that mail stays in the queue


@pytest.fixture
def suite():
    with conftest.running(users=3, conf=CONF) as s:
        yield s


def submit(suite, login, n=1, local=False):
    """The answer to one message to n recipients."""
    domain = 'example.test' if local else 'nowhere.test'
    with session(suite, login) as s:
        assert s.mail(login)[0] == 250
        for i in range(n):
            assert s.rcpt(f'{"user" if local else "them"}{i + 1}@{domain}')[0] == 250
        return s.data(f'From: {login}\nSubject: {n} for {domain}\n\nbody\n')


def counts(suite, *login):
    return {r['login']: r for r in map(json.loads, suite.tool('queue', 'logins', '--json', *login).stdout.splitlines())}


def notices(suite, n):
    return [t for t in (p.read_text() for p in suite.messages(n)) if 'Subject: Your mail account is near its limit' in t]


def test_limits(suite):
    me, other = suite.accounts[0]['address'], suite.accounts[1]['address']
    # local copies do not count
    for _ in range(3):
        assert submit(suite, me, 3, local=True)[0] == 250
    assert counts(suite) == {}
    code, text = submit(suite, me, 11)
    assert code == 550 and text.startswith(b'5.7.1')
    assert submit(suite, me, 4)[0] == 250 and not notices(suite, 0)
    assert submit(suite, me, 1)[0] == 250
    notice = suite.wait_for(lambda: notices(suite, 0))[0]
    assert 'to 5 recipients within one hour' in notice and 'Auto-Submitted: auto-generated' in notice and f'To: <{me}>' in notice
    # what does not fit is refused whole, and counts for nothing
    code, text = submit(suite, me, 6)
    assert code == 450 and text.startswith(b'4.7.1') and b'it goes on at 20' in text
    assert submit(suite, me, 5)[0] == 250
    assert submit(suite, me, 1)[0] == 450
    assert submit(suite, other, 1)[0] == 250
    assert submit(suite, me, 3, local=True)[0] == 250
    c = counts(suite)
    assert (c[me]['hour'], c[me]['day'], c[other]['hour']) == (10, 10, 1) and c[me]['day_until'] - c[me]['hour_until'] == 23 * 3600
    assert me in suite.tool('queue', 'logins').stdout
    assert list(counts(suite, other)) == [other] and counts(suite, 'nobody') == {}
    reached = suite.wait_event('login-limit-reached')
    assert reached[0]['fields']['login'] == me
    near = [e['fields'] for e in suite.events('login-limit-near')]
    assert near == [{'login': me, 'period': 'hour', 'limit': 10}, {'login': me, 'period': 'day', 'limit': 12}]
    assert len(suite.wait_for(lambda: len(notices(suite, 0)) == 2 and notices(suite, 0))) == 2


def test_an_account_may_have_limits_of_its_own(suite):
    more, less = suite.accounts[0]['address'], suite.accounts[1]['address']
    suite.tool('user', 'set', '--recipients-per-hour', '20', '--recipients-per-day', '30', more)
    suite.tool('user', 'set', '--recipients-per-hour', '2', less)
    assert submit(suite, more, 15)[0] == 250
    assert submit(suite, more, 6)[0] == 450
    assert submit(suite, less, 2)[0] == 250
    code, text = submit(suite, less, 1)
    assert code == 450 and b'its limit is 2;' in text
    # at once, without a restart of anything
    suite.tool('user', 'set', '--recipients-per-hour', '0', less)
    assert submit(suite, less, 8)[0] == 250


def test_an_account_that_may_not_send(suite):
    me = suite.accounts[2]['address']
    with session(suite, me) as s:
        assert s.mail(me)[0] == 250 and s.rset()[0] == 250
        suite.tool('user', 'set', '--smtp', 'off', me)
        assert s.mail(me)[0] == 550  # though it had logged in


def test_counters_survive(suite):
    me = suite.accounts[0]['address']
    assert submit(suite, me, 10)[0] == 250
    assert submit(suite, me, 1)[0] == 450
    saved = suite.top / 'spool/logins'
    suite.wait_for(saved.exists)  # within ten seconds
    queue = next(r['pid'] for r in map(json.loads, suite.tool('status', '--json').stdout.splitlines()) if r.get('process') == 'queue')
    os.kill(queue, signal.SIGKILL)
    suite.wait_for(lambda: [e for e in suite.logged('queue-loaded') if e['pid'] != queue])
    suite.wait_for(lambda: submit(suite, me, 1)[0] == 450)
    suite.tool('stop')
    suite.tool('start')
    assert submit(suite, me, 1)[0] == 450
    # a damaged file is said, and stops nobody
    suite.tool('stop')
    saved.write_bytes(b'THURNLGN garbage')
    suite.tool('start')
    assert submit(suite, me, 1)[0] == 250
    suite.wait_event('login-counts-lost')


def test_what_is_not_taken_does_not_count(new_suite):
    """A message that is to come again later, here because a table says nonsense, is neither counted nor near a limit."""
    s = new_suite(users=2, conf=CONF + 'lane_maps = {"inline:{user1@example.test=motorway}"}\n')
    me, other = s.accounts[0]['address'], s.accounts[1]['address']
    for _ in range(3):
        assert submit(s, me, 9)[0] == 451
    assert counts(s) == {} and not s.events('login-limit-near')
    assert submit(s, other, 9)[0] == 250 and counts(s)[other]['hour'] == 9


@pytest.mark.skipif(os.geteuid() != 0, reason='needs users')
def test_local_users_are_limited(suite):
    sendmail = [suite.build / 'bin/sendmail', '-C', suite.conf, '-f', suite.accounts[0]['address'], '-i']
    to = [f'them{i}@nowhere.test' for i in range(6)]
    env = dict(os.environ, THURN_CONF=suite.conf)

    def send(as_user):
        return subprocess.run([*as_user, *map(str, sendmail), '--', *to], input='Subject: x\n\nbody\n', capture_output=True, text=True, env=env)

    somebody = ['setpriv', '--reuid=65533', '--regid=65533', '--clear-groups']
    assert send(somebody).returncode == 0
    r = send(somebody)
    assert r.returncode != 0, r
    assert send([]).returncode == 0 and send([]).returncode == 0  # root
    assert counts(suite)['uid:65533']['hour'] == 6


@pytest.mark.skipif(os.geteuid() != 0, reason='needs users')
def test_one_person_has_one_limit(new_suite):
    """Whoever has an account and a shell: what sendmail sends counts as what comes by submission."""
    s = new_suite(users=2, conf=CONF + 'local_login_maps = {"inline:{uid:65533=user1@example.test}"}\n')
    me = s.accounts[0]['address']
    sendmail = ['setpriv', '--reuid=65533', '--regid=65533', '--clear-groups', s.build / 'bin/sendmail', '-C', s.conf, '-f', me, '-i', '--']

    def local(n):
        return subprocess.run([*map(str, sendmail), *(f'them{i}@nowhere.test' for i in range(n))], input='Subject: x\n\nbody\n', capture_output=True,
                              text=True, env=dict(os.environ, THURN_CONF=s.conf)).returncode

    assert submit(s, me, 4)[0] == 250 and local(4) == 0
    assert 'to 8 recipients' in s.wait_for(lambda: notices(s, 0))[0]
    assert submit(s, me, 3)[0] == 450 and local(3) != 0
    assert local(2) == 0 and submit(s, me, 1)[0] == 450
    c = counts(s)
    assert c[me]['hour'] == 10 and list(c) == [me]
    # the account's own limits are those of both
    s.tool('user', 'set', '--recipients-per-hour', '20', '--recipients-per-day', '20', me)
    assert local(2) == 0 and counts(s)[me]['hour'] == 12
    assert record_of_sender(s) == {me, 'uid:65533'}


def record_of_sender(s):
    """Messages still say who brought them."""
    return {r['login'] for r in map(json.loads, s.tool('queue', 'list', '--json').stdout.splitlines()) if r.get('login')}


def test_the_queue_of_a_login_can_be_held(suite):
    """One command when a password has been stolen, wherever the messages are."""
    me, other = suite.accounts[0]['address'], suite.accounts[1]['address']
    for n in (1, 2, 3):
        assert submit(suite, me, n)[0] == 250
    assert submit(suite, other, 1)[0] == 250
    out = suite.tool('queue', 'hold', '--note', 'stolen', '--login', me).stdout
    assert out == 'hold: 3 messages\n', out
    def states(login):
        rows = [json.loads(l) for l in suite.tool('queue', 'list', '--json', f'login={login}').stdout.splitlines()]
        assert {r['login'] for r in rows} <= {login}
        return [r['queue_name'] for r in rows]
    suite.wait_for(lambda: states(me) == ['hold'] * 3)
    assert len(states(other)) == 1 and states(other) != ['hold']
    assert suite.tool('queue', 'delete', '--login', me).stdout == 'delete: 3 messages\n'
    suite.wait_for(lambda: states(me) == [])
    assert len(states(other)) == 1
