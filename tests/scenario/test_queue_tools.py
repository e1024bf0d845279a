"""thurn queue over many messages: queries, the trash, and what a start knows, with the real programs."""
import json, os, pathlib, signal, smtplib, time
import pytest
import conftest, test_queue
from test_queue import SLOW, SENDER, address, deferred, file_of, gone, listing, mailbox


@pytest.fixture(scope='module')
def suite():
    with conftest.running(conf=SLOW, users=5) as s:
        yield s


def queue(suite, *args):
    return suite.tool('queue', *args).stdout


def trash(suite, *args):
    return {r['queue_id']: r for r in map(json.loads, queue(suite, 'trash', 'list', '--json', *args).splitlines())}


@pytest.fixture
def empty(suite):
    queue(suite, 'trash', 'empty')
    suite.wait_for(lambda: trash(suite) == {})


@pytest.fixture
def three(suite, empty):
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
    assert {r.get('queue_id') for r in rows} == {two, many, None} and rows[-1] == {'status': 0, 'text': '', 'action': 'hold', 'count': 2, 'dry_run': True}
    assert queue(suite, 'hold', '--where', 'rcpt-domain=thousand.test') == 'hold: 2 messages\n'
    suite.wait_for(lambda: where(suite, 'state=hold') == {two, many})
    # one that is held already is none that it is done to
    assert queue(suite, 'hold', '--where', 'rcpt=b@thousand.test') == 'hold: 0 messages\n'
    assert json.loads(queue(suite, 'release', '--json', '--where', 'rcpt=m10@thousand.test')) == \
        {'status': 0, 'text': '', 'action': 'release', 'count': 1, 'dry_run': False}
    suite.wait_for(lambda: where(suite, 'state=hold') == {two})
    held = {'action': 'hold', 'where': 'rcpt-domain=thousand.test'}
    suite.wait_for(lambda: [e for e in suite.logged('queue-action') if held.items() <= e['fields'].items()])
    assert queue(suite, 'delete', '--where', 'state=hold or rcpts>10') == 'delete: 2 messages\n'
    gone(suite, two)
    gone(suite, many)
    assert where(suite, '') == {one}


def test_shape(suite, three):
    rows = [json.loads(l) for l in queue(suite, 'shape', '--json').splitlines()]
    # of the eleven, those that are not kept in memory are others
    assert [(r['row'], r['domain']) for r in rows] == [('total', ''), ('domain', 'thousand.test'), ('domain', 'nowhere.test'), ('others', '')]
    total, thousand, nowhere, others = (r['total'] for r in rows)
    assert (total, nowhere, thousand + others) == (14, 2, 12) and thousand > 1
    assert all(r['ages'] == [r['total']] + [0] * 9 for r in rows)
    rows = [json.loads(l) for l in queue(suite, 'shape', '-s', '-j', '--rows', '0').splitlines()]
    assert [(r['row'], r['total']) for r in rows] == [('total', 3)]
    out = queue(suite, 'shape', '-s', 'deferred')
    assert out.split('\n')[0].split() == 'T 5 10 20 40 80 160 320 640 1280 1280+'.split()
    assert out.split('\n')[2].split() == ['example.test', '3', '3'] + ['0'] * 9
    assert queue(suite, 'shape', '--where', 'rcpts=2').split('\n')[1].split()[:3] == ['TOTAL', '2', '2']
    assert queue(suite, 'shape', 'hold', 'active').split('\n')[1].split()[:2] == ['TOTAL', '0']
    assert suite.tool('queue', 'shape', '--where', 'colour=red', check=False).returncode == 64


# --- elsewhere ----------------------------------------------------------------------------------

def test_redirect_to_another_recipient(suite, three):
    one, two, many = three
    assert 'redirect: 1 message (dry' in queue(suite, 'redirect', '-n', '--to', address(5), one)
    queue(suite, 'hold', many)
    suite.wait_for(lambda: where(suite, 'state=hold') == {many})
    assert queue(suite, 'redirect', '--to', address(5), one, many) == 'redirect: 2 messages\n'
    gone(suite, one)
    gone(suite, many)
    told = suite.wait_for(lambda: [e['fields'] for e in suite.logged('redirected') if e['queue'] == one])
    assert [(f['to'], f['new_to']) for f in told] == [('them@nowhere.test', address(5))]
    suite.wait_for(lambda: len([e for e in suite.logged('redirected') if e['queue'] == many]) == 11)
    for subject in ('one', 'many'):  # once, for however many it was before
        suite.wait_for(lambda: mailbox(suite, 4, subject))
        assert len(mailbox(suite, 4, subject)) == 1
    assert not [e for e in suite.events('report-made') if e['queue'] in (one, many)]


def test_redirect_again_and_by_another_next_hop(suite, three):
    one, two, many = three
    # to somebody who is not there either: that is on record, and can be redirected again
    queue(suite, 'redirect', '--to', 'else@thousand.test', two)
    suite.wait_for(lambda: where(suite, 'rcpt=else@thousand.test and state=deferred') == {two})
    r, = [r for r in listing(suite) if r['queue_id'] == two]
    # two that become the same are one
    assert [(x['address'], x['orig_address']) for x in r['recipients']] == [('else@thousand.test', 'a@nowhere.test')]
    assert restarted(suite)['deferred'] == 3
    refused, test_queue.BUSY.refused = test_queue.BUSY.refused, {}
    try:
        assert queue(suite, 'redirect', '--nexthop', test_queue.BUSY.hop, two) == 'redirect: 1 message\n'
        gone(suite, two)
    finally:
        test_queue.BUSY.refused = refused
    assert [m.rcpts for m in test_queue.BUSY.messages] == [['else@thousand.test']]
    suite.wait_for(lambda: [e for e in suite.logged('redirected') if e['queue'] == two and e['fields'].get('nexthop')])


def test_redirect_that_leads_nowhere(suite, three):
    one, two, many = three
    for bad in (['--to', 'no address', one], ['--to', 'a@b.test', '--nexthop', 'smtp:x', one], ['--nexthop', 'pigeon:x', one], [one]):
        assert suite.tool('queue', 'redirect', *bad, check=False).returncode == 64
    queue(suite, 'redirect', '--to', 'nobody@example.test', one)
    suite.wait_event('not-redirected', queue=one)
    suite.wait_for(lambda: one in where(suite, 'rcpt=them@nowhere.test and state=deferred'))
    # what was held stays so: it does not go to those it is held back from
    queue(suite, 'hold', two)
    suite.wait_for(lambda: where(suite, 'state=hold') == {two})
    queue(suite, 'redirect', '--to', 'nobody@example.test', two)
    suite.wait_event('not-redirected', queue=two)
    suite.wait_for(lambda: where(suite, 'state=hold') == {two})
    assert len([e for e in suite.events('held') if e['queue'] == two]) == 2


# --- the trash ----------------------------------------------------------------------------------

def trashed(suite, *ids):
    return suite.wait_for(lambda: set(ids) <= set(trash(suite)) and not [p for id in ids for p in [file_of(suite, id)] if p.exists()])


def test_delete_and_undo(suite, three):
    one, two, many = three
    assert queue(suite, 'delete', one, two) == 'delete: 2 messages\n'
    trashed(suite, one, two)
    assert where(suite, '') == {many}
    rows = trash(suite)
    assert set(rows) == {one, two} and rows[one]['queue_name'] == 'trash' and rows[one]['sender'] == SENDER
    assert rows[one]['removed_at'] - rows[one]['deleted_at'] in range(86400 - 2, 86400 + 3)
    summary = json.loads(queue(suite, 'summary', '--json'))
    assert summary['trash'] == 2 and summary['trash_bytes'] > 1000 and summary['deferred'] == 1
    assert 'Subject: one' in queue(suite, 'show', one)
    deleted = [e for e in suite.events('deleted') if e['queue'] in (one, two)]
    assert {e['fields']['from'] for e in deleted} == {SENDER, address(2)}
    # what is in the trash is nothing else's business
    for action in ('hold', 'release', 'flush', 'requeue', 'expire', 'delete'):
        assert queue(suite, action, one) == f'{action}: 0 messages\n'
    assert queue(suite, 'undo') == 'restore: 2 messages\n'
    suite.wait_for(lambda: where(suite, 'state=deferred') == {one, two, many})
    assert trash(suite) == {} and file_of(suite, one).exists()
    assert queue(suite, 'undo') == 'restore: 0 messages\n'


def test_undo_takes_the_last_order_first(suite, three):
    one, two, many = three
    queue(suite, 'delete', one)
    trashed(suite, one)
    first = trash(suite)[one]['deleted_at']
    suite.wait_for(lambda: time.time() >= first + 1)
    queue(suite, 'delete', '--where', 'rcpts>1')
    trashed(suite, two, many)
    assert queue(suite, 'undo') == 'restore: 2 messages\n'
    suite.wait_for(lambda: where(suite, '') == {two, many})
    assert queue(suite, 'undo') == 'restore: 1 message\n'
    suite.wait_for(lambda: where(suite, '') == {one, two, many})


def test_the_trash_survives_a_restart(suite, three):
    one, two, many = three
    queue(suite, 'hold', two)
    suite.wait_for(lambda: where(suite, 'state=hold') == {two})
    queue(suite, 'delete', two, many)
    trashed(suite, two, many)
    assert restarted(suite)['deferred'] == 1
    assert set(trash(suite)) == {two, many} and set(trash(suite, '--where', 'rcpt=m10@thousand.test and deleted<1h')) == {many}
    assert queue(suite, 'trash', 'restore', '--dry-run', '--where', 'rcpts=2').endswith('restore: 1 message (dry run: nothing was done)\n')
    # a kill, and what is unknown to the checkpoint
    queue(suite, 'delete', one)
    trashed(suite, one)
    before = len(suite.events('queue-loaded'))
    os.kill(next(r['pid'] for r in map(json.loads, suite.tool('status', '--json').stdout.splitlines()) if r.get('process') == 'queue'), signal.SIGKILL)
    suite.wait_for(lambda: suite.logged('queue-loaded')[before:])
    assert set(trash(suite)) == {one, two, many}
    assert queue(suite, 'undo', two, many) == 'restore: 2 messages\n'
    # what was held is held
    suite.wait_for(lambda: where(suite, 'state=hold') == {two} and many in where(suite, 'state=deferred'))
    assert queue(suite, 'trash', 'empty') == 'empty: 1 message\n'
    suite.wait_for(lambda: trash(suite) == {} and not list(file_of(suite, one).parent.glob(one + '*')))


def test_expansions_stay_with_their_message(suite, empty):
    """Who had got it does not get it again when it comes back."""
    suite.tool('alias', 'set', 'team@example.test', address(4), 'gone@nowhere.test', address(5))
    with smtplib.SMTP(suite.host, suite.smtp_port, timeout=20) as s:
        s.sendmail(SENDER, ['team@example.test'], b'Subject: team\r\n\r\nbody\r\n')
    id, = suite.wait_for(lambda: where(suite, 'rcpt=gone@nowhere.test and state=deferred'))
    assert file_of(suite, id, '.1').exists()
    queue(suite, 'delete', id)
    trashed(suite, id)
    restarted(suite)
    assert file_of(suite, id, '.1').exists() and list(trash(suite)) == [id]
    # nor when it could not be taken in, as somebody's backup has a link to it
    deleted, = file_of(suite, id).parent.glob(id + '~*')
    os.link(deleted, pathlib.Path(suite.spool) / 'backup')
    restarted(suite)
    assert trash(suite) == {}
    (pathlib.Path(suite.spool) / 'backup').unlink()
    restarted(suite)
    assert file_of(suite, id, '.1').exists() and list(trash(suite)) == [id]
    queue(suite, 'undo')
    suite.wait_for(lambda: where(suite, '') == {id})
    queue(suite, 'requeue', id)
    suite.wait_for(lambda: where(suite, 'attempts=2 and state=deferred') == {id})
    for n in (3, 4):
        assert len(mailbox(suite, n, 'team')) == 1
    queue(suite, 'delete', id)
    trashed(suite, id)
    queue(suite, 'trash', 'empty')
    suite.wait_for(lambda: not file_of(suite, id, '.1').exists())


def test_the_trash_empties_itself():
    with conftest.running(conf=SLOW + 'trash_time = 2s\n', users=1) as s:
        id = deferred(s, 'soon')
        queue(s, 'delete', id)
        s.wait_for(lambda: list(file_of(s, id).parent.glob(id + '~*')))
        s.wait_for(lambda: trash(s) == {} and not list(file_of(s, id).parent.glob(id + '*')))
        assert [e for e in s.events('trash-removed') if e['queue'] == id]


def test_no_trash():
    with conftest.running(conf=SLOW + 'trash_time = 0\n', users=1) as s:
        id = deferred(s, 'none')
        queue(s, 'delete', id)
        gone(s, id)
        s.wait_for(lambda: not list(file_of(s, id).parent.glob(id + '*')))
        assert queue(s, 'undo') == 'restore: 0 messages\n'


# --- the checkpoint -----------------------------------------------------------------------------

def restarted(suite, change=lambda checkpoint: None, stop=True):
    """Stops the suite, changes its checkpoint, starts it: the queue-loaded event."""
    before = len(suite.events('queue-loaded'))
    suite.tool('stop')
    change(pathlib.Path(suite.spool) / 'checkpoint')
    suite.tool('start')
    return suite.wait_for(lambda: suite.logged('queue-loaded')[before:])[0]['fields']


def damage(at):
    def change(checkpoint):
        raw = bytearray(checkpoint.read_bytes())
        raw[at] ^= 1
        checkpoint.write_bytes(raw)
    return change


def test_a_start_knows_what_the_checkpoint_says(suite, three):
    one, two, many = three
    loaded = restarted(suite)
    assert loaded['known'] == 3 and loaded['deferred'] == 3
    assert where(suite, 'rcpt-domain=nowhere.test') == {one, two}
    assert where(suite, 'rcpt-domain=nowhere.test and status~"not now" and rcpts=2') == {two}
    assert 'expire: 1 message' in queue(suite, 'expire', '--where', f'rcpt=m10@thousand.test and sender={address(3)}')
    gone(suite, many)


@pytest.mark.parametrize('change', [lambda c: c.unlink(), damage(3), damage(700), damage(-3), lambda c: os.truncate(c, 6000), lambda c: c.write_bytes(b'')],
                         ids=['missing', 'header', 'table', 'section', 'short', 'empty'])
def test_a_start_without_a_good_checkpoint(suite, three, change):
    """What it lacks is read from the files."""
    one, two, many = three
    before, complaints = len(suite.events('queue-read')), len(suite.events('checkpoint-damaged'))
    loaded = restarted(suite, change)
    assert loaded['known'] < 3 and loaded['deferred'] == 3
    read = suite.wait_for(lambda: suite.logged('queue-read')[before:])[0]['fields']
    assert read['messages'] + loaded['known'] == 3
    assert (len(suite.events('checkpoint-damaged')) > complaints) == ('missing' not in os.environ['PYTEST_CURRENT_TEST'])
    assert where(suite, 'rcpts=1') == {one} and where(suite, 'rcpt=b@thousand.test') == {two} and where(suite, 'rcpt=m10@thousand.test') == {many}


def test_a_stale_checkpoint(suite, three):
    """Messages that have changed since, that have gone, that it does not know."""
    one, two, many = three
    restarted(suite)
    old = (pathlib.Path(suite.spool) / 'checkpoint').read_bytes()
    suite.tool('queue', 'delete', many)
    gone(suite, many)
    suite.tool('queue', 'requeue', one)
    suite.wait_for(lambda: where(suite, 'attempts=2 and state=deferred') == {one})
    new = deferred(suite, 'new')
    three.append(new)
    loaded = restarted(suite, lambda c: c.write_bytes(old))
    assert loaded['known'] == 1 and loaded['deferred'] == 3
    assert where(suite, 'attempts=2') == {one} and where(suite, 'attempts=1') == {two, new}


def test_a_kill_leaves_the_checkpoint_before(suite, three):
    restarted(suite)
    spool = pathlib.Path(suite.spool)
    old = (spool / 'checkpoint').read_bytes()
    (spool / 'checkpoint.new').write_bytes(old[:5000])  # as a kill in the middle of writing leaves it
    before = len(suite.events('queue-loaded'))
    os.kill(next(r['pid'] for r in map(json.loads, suite.tool('status', '--json').stdout.splitlines()) if r.get('process') == 'queue'), signal.SIGKILL)
    assert suite.wait_for(lambda: suite.logged('queue-loaded')[before:])[0]['fields']['known'] == 3
    assert restarted(suite)['known'] == 3
