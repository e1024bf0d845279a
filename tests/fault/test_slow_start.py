"""The queue is asked while a start has not come to all of it: reading its directories takes long."""
import json, os, shutil, signal
import pytest
from test_syscalls import attached, scenario

pytestmark = [pytest.mark.skipif(os.geteuid() != 0, reason='attaching to the confined processes needs root'),
              pytest.mark.skipif(not shutil.which('strace'), reason='needs strace')]

SLOW = 3000000  # us
MESSAGES = 6


def queue(suite):
    """Its process, once it is ready."""
    rows = map(json.loads, suite.tool('status', '--json', check=False).stdout.splitlines())
    return next((r['pid'] for r in rows if r.get('process') == 'queue' and r['state'] == 'ready'), None)


def test_an_order_misses_nothing():
    with scenario.running(users=0, conf='sandbox_action = refuse\nrelayhost = "[127.0.0.1]:9"\nremote_ports = {9}\nminimal_backoff = 1h\n') as suite:
        for n in range(MESSAGES):
            suite.send(f'wait {n}', to=[f'them{n}@away.test'])
        suite.wait_event('deferred', n=MESSAGES)
        old, loaded = queue(suite), len(suite.events('queue-loaded'))
        with attached(suite, suite.pid, f'getdents64:delay_enter={SLOW}'):
            os.kill(old, signal.SIGKILL)
            suite.wait_for(lambda: queue(suite) not in (None, old))
            assert len(suite.logged('queue-loaded')) == loaded, 'it was too quick to be asked meanwhile'
            count = json.loads(suite.tool('queue', 'hold', '--json', 'ALL').stdout.splitlines()[0])['count']
        assert count == MESSAGES and len(suite.events('queue-loaded')) == loaded + 1
        suite.stop()
        suite.start()  # the death was expected
