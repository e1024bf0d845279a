"""FUTURERELEASE (RFC 4865): messages that users have kept back, and what becomes of them."""
import datetime, json, os, pathlib, signal, time
import pytest
import conftest
from test_submission import session

CONF = '''smtp_xclient_networks = {"127.0.0.1"}
minimal_backoff = 1s
maximal_backoff = 2s
queue_lifetime = 0
'''


@pytest.fixture(scope='module')
def suite():
    with conftest.running(users=2, conf=CONF) as s:
        yield s


def submit(suite, subject, option, to=None):
    me, other = suite.accounts[0]['address'], suite.accounts[1]['address']
    with session(suite, me) as s:
        assert s.mail(me, [option])[0] == 250
        assert s.rcpt(to or other)[0] == 250
        code, text = s.data(f'From: {me}\nSubject: {subject}\n\nbody\n')
        assert code == 250
        return text.split()[-1].decode()


def record(suite, id):
    found = [json.loads(l) for l in suite.tool('queue', 'list', '--json', id).stdout.splitlines()]
    return found[0] if found else None


def mailbox(suite, subject, n=1):
    return [t for t in (p.read_text() for p in suite.messages(n)) if f'Subject: {subject}\n' in t]


def test_it_waits_and_is_sent(suite):
    began = time.time()
    id = submit(suite, 'soon', 'HOLDFOR=2')
    suite.wait_for(lambda: mailbox(suite, 'soon'))
    assert time.time() - began >= 2
    assert [e['fields']['release'] for e in suite.events('scheduled') if e['queue'] == id]
    suite.wait_for(lambda: record(suite, id) is None)


def test_it_is_seen_and_can_be_revoked(suite):
    at = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0) + datetime.timedelta(hours=5)
    id = submit(suite, 'revoked', 'HOLDUNTIL=' + at.isoformat())
    r = suite.wait_for(lambda: record(suite, id))
    assert r['release_time'] == at.timestamp() and r['queue_name'] == 'deferred' and abs(r['next_try'] - at.timestamp()) <= 2
    assert 'its sender wants it sent at' in suite.tool('queue', 'list', id).stdout
    assert f'release_time: {int(at.timestamp())}' in suite.tool('queue', 'show', '-e', id).stdout
    # what makes others be tried at once does not touch it
    suite.tool('queue', 'flush')
    suite.tool('queue', 'flush', '@example.test')
    suite.tool('queue', 'requeue', id)
    suite.wait_for(lambda: (record(suite, id) or {}).get('queue_name') == 'deferred')
    suite.tool('queue', 'delete', id)
    suite.wait_for(lambda: record(suite, id) is None)
    assert not mailbox(suite, 'revoked')


def test_it_can_be_sent_now(suite):
    id = submit(suite, 'now', 'HOLDFOR=86400')
    assert '1 message' in suite.tool('queue', 'release', id).stdout
    suite.wait_for(lambda: mailbox(suite, 'now'))
    suite.wait_for(lambda: record(suite, id) is None)


def test_hold_and_release_bring_it_back_to_waiting(suite):
    id = submit(suite, 'held', 'HOLDFOR=86400')
    suite.tool('queue', 'hold', id)
    suite.wait_for(lambda: record(suite, id)['queue_name'] == 'hold')
    suite.tool('queue', 'release', id)
    suite.wait_for(lambda: record(suite, id)['queue_name'] == 'deferred' and 'next_try' in record(suite, id))
    assert record(suite, id)['next_try'] > time.time() + 80000 and not mailbox(suite, 'held')
    suite.tool('queue', 'release', 'ALL')
    suite.wait_for(lambda: mailbox(suite, 'held'))


def test_its_age_counts_from_the_release(suite):
    """With a lifetime of nothing it is tried once, then, and the report says what was asked for."""
    id = submit(suite, 'undeliverable', 'HOLDFOR=2', to='them@nowhere.test')
    report = suite.wait_for(lambda: [t for t in (p.read_text() for p in suite.messages(0)) if f'X-Queue-ID: {id}' in t])[0]
    assert 'Future-Release-Request: for;2\n' in report
    bounced = [e for e in suite.events() if e['event'] in ('expired', 'bounced') and e.get('queue') == id]
    assert len(bounced) == 1


def test_it_survives_a_crash_and_a_restart():
    with conftest.running(users=2, conf=CONF) as s:
        far, near = submit(s, 'far', 'HOLDFOR=86400'), submit(s, 'near', 'HOLDFOR=4')
        queue = next(r['pid'] for r in map(json.loads, s.tool('status', '--json').stdout.splitlines()) if r.get('process') == 'queue')
        os.kill(queue, signal.SIGKILL)
        s.wait_for(lambda: [e for e in s.logged('queue-loaded') if e['pid'] != queue])
        s.wait_for(lambda: mailbox(s, 'near'))
        assert record(s, far)['release_time'] > time.time() + 80000 and not mailbox(s, 'far')
        s.tool('stop')
        # what a kill between the seal and the time on the file leaves
        os.utime(next(pathlib.Path(s.spool).glob(f'??/{far}')))
        loaded = len(s.events('queue-loaded'))
        s.tool('start')
        s.wait_for(lambda: len(s.logged('queue-loaded')) > loaded)
        s.wait_for(lambda: (record(s, far) or {}).get('queue_name') == 'deferred')
        assert not mailbox(s, 'far')
        assert '1 message' in s.tool('queue', 'release', far).stdout
        s.wait_for(lambda: mailbox(s, 'far'))
        assert len(mailbox(s, 'near')) == 1
