"""thurn queue over many messages: queries, with the real programs."""
import json, smtplib
import pytest
import conftest
from test_queue import SLOW, SENDER, address, deferred, file_of, gone, listing


@pytest.fixture(scope='module')
def suite():
    with conftest.running(conf=SLOW, users=5) as s:
        yield s


@pytest.fixture
def three(suite):
    """Deferred messages: to one, to two, to eleven recipients (more than are kept in memory)."""
    ids = [deferred(suite, 'one')]
    for subject, sender, to in (('two', address(2), ['a@nowhere.test', 'b@thousand.test']), ('many', address(3), [f'm{n}@thousand.test' for n in range(11)])):
        before = {r['queue_id'] for r in listing(suite)}
        with smtplib.SMTP(suite.host, suite.smtp_port, timeout=20) as s:
            s.sendmail(sender, to, f'Subject: {subject}\r\n\r\nbody\r\n'.encode())
        fresh = suite.wait_for(lambda: {r['queue_id'] for r in listing(suite) if r['queue_name'] == 'deferred'} - before)
        ids += fresh
    yield ids
    for id in ids:
        suite.tool('queue', 'delete', id, check=False)
    for id in ids:
        gone(suite, id)


def where(suite, query):
    return {r['queue_id'] for r in map(json.loads, suite.tool('queue', 'list', '--json', '--where', query).stdout.splitlines())}


def queue(suite, *args):
    return suite.tool('queue', *args).stdout


def test_where(suite, three):
    one, two, many = three
    assert where(suite, f'sender={SENDER}') == {one}
    assert where(suite, 'sender="*@example.test"') == {one, two, many}
    assert where(suite, 'rcpt-domain=nowhere.test') == {one, two}
    assert where(suite, 'rcpt-domain=nowhere.test and not rcpt-domain=thousand.test') == {one}
    assert where(suite, 'rcpts>1 and age<1h') == {two, many}
    assert where(suite, 'attempts>=1 and status~"not now" and state=deferred') == {one, two, many}
    assert where(suite, 'size>1G or age>1h') == set()
    # the last of the eleven is in the file only
    assert where(suite, 'rcpt=m10@thousand.test') == {many}
    r, = [r for r in listing(suite) if r['queue_id'] == many]
    assert len(r['recipients']) == 11 and 'more_recipients' not in r
    # the text that mailq shows
    out = queue(suite, 'list', '--where', f'id={two}')
    assert out.count('not now') == 1 and 'b@thousand.test' in out and '1 Request' in out


def test_where_says_what_is_wrong(suite):
    for query, complaint in (('colour=red', 'no such field at character 1'), ('age>1k', 'no time'), ('(id=a', 'closing bracket')):
        r = suite.tool('queue', 'list', '--where', query, check=False)
        assert r.returncode == 64 and complaint in r.stderr and r.stdout == ''
        r = suite.tool('queue', 'delete', '--where', query, check=False)
        assert r.returncode == 64 and complaint in r.stderr


def test_actions_on_what_a_query_asks_for(suite, three):
    one, two, many = three
    out = queue(suite, 'hold', '--dry-run', '--where', 'rcpt-domain=thousand.test')
    assert 'hold: 2 messages (dry run' in out and two in out and many in out and one not in out
    assert where(suite, 'state=hold') == set()
    rows = [json.loads(l) for l in queue(suite, 'hold', '-n', '-j', '--where', 'rcpt-domain=thousand.test').splitlines()]
    assert {r.get('queue_id') for r in rows} == {two, many, None} and rows[-1] == {'action': 'hold', 'count': 2, 'dry_run': True}
    assert queue(suite, 'hold', '--where', 'rcpt-domain=thousand.test') == 'hold: 2 messages\n'
    suite.wait_for(lambda: where(suite, 'state=hold') == {two, many})
    # one that is held already is none that it is done to
    assert queue(suite, 'hold', '--where', 'rcpt=b@thousand.test') == 'hold: 0 messages\n'
    assert json.loads(queue(suite, 'release', '--json', '--where', 'rcpt=m10@thousand.test')) == {'action': 'release', 'count': 1, 'dry_run': False}
    suite.wait_for(lambda: where(suite, 'state=hold') == {two})
    asked = [e['fields'] for e in suite.events('queue-action')]
    assert {'action': 'hold', 'where': 'rcpt-domain=thousand.test'}.items() <= asked[-3].items()
    assert queue(suite, 'delete', '--where', 'state=hold or rcpts>10') == 'delete: 2 messages\n'
    gone(suite, two)
    gone(suite, many)
    assert where(suite, '') == {one}


def test_queries_after_a_restart(suite, three):
    """What waits is known from its file when it has not been in memory since the start."""
    suite.tool('stop')
    suite.tool('start')
    one, two, many = three
    suite.wait_for(lambda: json.loads(queue(suite, 'summary', '--json'))['complete'])
    assert where(suite, 'rcpt-domain=nowhere.test') == {one, two}
    assert where(suite, 'rcpt-domain=nowhere.test and status~"not now" and rcpts=2') == {two}
    assert 'expire: 1 message' in queue(suite, 'expire', '--where', f'rcpt=m10@thousand.test and sender={address(3)}')
    gone(suite, many)
