"""The end of a pass over a message, slow or failing: what administrators want meanwhile, and a file that stays.

The queue's system calls are delayed or fail by strace, attached to the running program.
"""
import json, os, pathlib, shutil, sys
import pytest
from test_syscalls import HERE, injected, scenario

sys.path.insert(0, str(HERE.parent / 'scenario'))
from smtp_fault_server import SLOW as SLOWLY, FaultServer

pytestmark = [pytest.mark.skipif(os.geteuid() != 0, reason='attaching to the confined processes needs root'),
              pytest.mark.skipif(not shutil.which('strace'), reason='needs strace')]

SLOW = 1500000  # us
CONF = '''sandbox_action = refuse
trash_time = {trash}
minimal_backoff = {backoff}
maximal_backoff = {backoff}
transport_maps = {{"inline:{{later.test=smtp:{server.hop}}}"}}
remote_ports = {{{server.port}}}
'''


class Later(dict):
    """A server's answer to any recipient."""

    def get(self, rcpt, default=None):
        return '450 4.2.0 not now'


@pytest.fixture
def suite(request):
    """The parameter is the pause between two tries, or that and how long what was deleted is kept."""
    backoff, _, trash = request.param.partition(' ')
    with FaultServer() as server:
        server.refused = Later()
        with scenario.running(conf=CONF.format(backoff=backoff, trash=trash or '0', server=server)) as s:
            s.server = server
            yield s


def listing(suite):
    return [json.loads(l) for l in suite.tool('queue', 'list', '--json').stdout.splitlines()]


def spool_files(suite):
    return list(pathlib.Path(suite.spool).glob('??/*'))


def settling(suite):
    """Sends one and waits until the time of its next try is being put on its file, slowly; returns its id."""
    suite.send('settles', to=['them@later.test'])
    suite.wait_for(lambda: len(suite.logged('deferred')) == 1)
    return listing(suite)[0]['queue_id']


def act(suite, action, id):
    assert '1 message' in suite.tool('queue', action, id).stdout
    assert [r['queue_name'] for r in listing(suite)] == ['active']


@pytest.mark.parametrize('suite', ['300s'], indirect=True)
@pytest.mark.parametrize('action', ['requeue', 'hold', 'delete'])
def test_wish_while_it_settles(suite, action):
    with injected(suite, 'queue', f'utimensat:delay_enter={SLOW}:when=1'):
        act(suite, action, settling(suite))
        check = {'requeue': lambda: len(suite.events('deferred')) == 2,
                 'hold': lambda: [r['queue_name'] for r in listing(suite)] == ['hold'],
                 'delete': lambda: not listing(suite) and not spool_files(suite)}
        suite.wait_for(check[action])


@pytest.mark.parametrize('suite', ['300s 24h'], indirect=True)
def test_into_the_trash_while_it_settles(suite):
    with injected(suite, 'queue', f'utimensat:delay_enter={SLOW}:when=1'):
        id = settling(suite)
        act(suite, 'delete', id)
        suite.wait_for(lambda: not listing(suite))
        assert [f.name.startswith(id + '~') for f in spool_files(suite)] == [True]
    assert '1 message' in suite.tool('queue', 'trash', 'restore', id).stdout
    suite.wait_for(lambda: listing(suite))


@pytest.mark.parametrize('suite', ['300s 24h'], indirect=True)
def test_one_order_for_what_settles_and_what_waits(suite):
    """What settles is deleted later than what waits, but by the same order: it comes back with it."""
    settling(suite)
    suite.wait_for(lambda: [r['queue_name'] for r in listing(suite)] == ['deferred'])
    with injected(suite, 'queue', f'utimensat:delay_enter={SLOW}:when=1'):
        suite.send('settles as well', to=['them@later.test'])
        suite.wait_for(lambda: len(suite.logged('deferred')) == 2)
        assert '2 messages' in suite.tool('queue', 'delete', 'ALL').stdout
        suite.wait_for(lambda: len(suite.logged('deleted')) == 2 and not listing(suite))
    assert suite.tool('queue', 'undo').stdout == 'restore: 2 messages\n'


@pytest.mark.parametrize('suite', ['300s 24h'], indirect=True)
@pytest.mark.parametrize('busy', [False, True], ids=['waits', 'is delivered'])
def test_trash_that_may_not_last(suite, busy):
    """Its directory cannot be synced: it is in the trash for all that is known, is seen there and can come back."""
    id = settling(suite)
    suite.wait_for(lambda: [r['queue_name'] for r in listing(suite)] == ['deferred'])
    with injected(suite, 'queue', 'fsync:error=EIO:when=1'):
        if busy:
            suite.server.plan('mail', SLOWLY(1))
            suite.tool('queue', 'requeue', id)
            suite.wait_for(lambda: [r['queue_name'] for r in listing(suite)] == ['active'])
        suite.tool('queue', 'delete', id)
        suite.wait_for(lambda: suite.logged('not-removed') and not listing(suite))
    assert [f.name.startswith(id + '~') for f in spool_files(suite)] == [True]
    suite.wait_for(lambda: '1 message' in suite.tool('queue', 'trash', 'restore', id).stdout)
    suite.wait_for(lambda: listing(suite))


@pytest.mark.parametrize('suite', ['300s'], indirect=True)
def test_last_wish_counts(suite):
    with injected(suite, 'queue', f'utimensat:delay_enter={SLOW}:when=1'):
        id = settling(suite)
        for action in ('hold', 'requeue', 'hold'):
            act(suite, action, id)
        suite.wait_for(lambda: [r['queue_name'] for r in listing(suite)] == ['hold'])
    # and a held one that is let go while it is being held
    suite.tool('queue', 'requeue', id)
    suite.wait_for(lambda: len(suite.logged('deferred')) == 2)
    suite.wait_for(lambda: [r['queue_name'] for r in listing(suite)] == ['deferred'])


@pytest.mark.parametrize('suite', ['1s'], indirect=True)
def test_file_that_cannot_be_removed(suite):
    """It stays known, is not delivered again, and goes when the disk lets it."""
    with injected(suite, 'queue', 'unlinkat:error=EIO'):
        suite.send('stays', to=['nobody-knows@later.test', suite.accounts[0]['address']])
        suite.wait_for(lambda: [r for r in listing(suite) if r['queue_name'] == 'deferred'])
        suite.tool('queue', 'delete', listing(suite)[0]['queue_id'])
        suite.wait_event('not-removed', 2)
        assert len(listing(suite)) == 1 and len(spool_files(suite)) == 1
    suite.wait_for(lambda: not listing(suite) and not spool_files(suite))
    assert len(suite.messages(0)) == 1


@pytest.mark.parametrize('suite', ['300s'], indirect=True)
def test_redirect_that_is_cut_off(suite):
    """The queue dies when the second redirect is on record and nothing else of it: the first one's recipient gets nothing."""
    id = settling(suite)
    recipients = lambda: [r['address'] for m in listing(suite) if m['queue_name'] == 'deferred' for r in m['recipients']]
    suite.wait_for(recipients)
    suite.tool('queue', 'redirect', '--to', 'others@later.test', id)
    suite.wait_for(lambda: recipients() == ['others@later.test'])
    loaded = len(suite.events('queue-loaded'))
    with injected(suite, 'queue', 'fsync:signal=KILL:when=1'):
        suite.tool('queue', 'redirect', '--to', suite.accounts[0]['address'], id, check=False)
        suite.wait_for(lambda: len(suite.events('queue-loaded')) > loaded)
    suite.wait_for(lambda: recipients() == [suite.accounts[0]['address']])
    suite.server.refused = {}
    suite.tool('queue', 'requeue', id)
    suite.wait_for(lambda: not listing(suite))
    assert len(suite.messages(0)) == 1 and suite.server.messages == []
    # the death is expected here; a fresh start leaves nothing to complain about
    suite.tool('stop')
    suite.tool('start')


@pytest.mark.parametrize('suite', ['300s'], indirect=True)
def test_redirect_that_cannot_be_written_down(suite):
    """What was held stays so: it does not go to those it is held back from."""
    suite.send('held', to=['them@later.test'])
    suite.wait_for(lambda: [r['queue_name'] for r in listing(suite)] == ['deferred'])
    id = listing(suite)[0]['queue_id']
    suite.tool('queue', 'hold', id)
    suite.wait_for(lambda: [r['queue_name'] for r in listing(suite)] == ['hold'])
    with injected(suite, 'queue', 'pwritev:error=ENOSPC'):
        suite.tool('queue', 'redirect', '--to', suite.accounts[0]['address'], id)
        suite.wait_event('not-redirected')
        suite.wait_for(lambda: [r['queue_name'] for r in listing(suite)] == ['hold'])
    suite.tool('queue', 'redirect', '--to', suite.accounts[0]['address'], id)
    suite.wait_for(lambda: not listing(suite))
    assert len(suite.messages(0)) == 1
