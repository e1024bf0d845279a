"""Mail that is on its way to a next hop before it is accepted, when the disk fails under the spool that it falls back to."""
import os, pathlib, shutil, sys, threading
import pytest
from test_syscalls import HERE, injected, scenario, send

sys.path.insert(0, str(HERE.parent / 'scenario'))
from smtp_fault_server import FaultServer

pytestmark = [pytest.mark.skipif(os.geteuid() != 0, reason='attaching to the confined processes needs root'),
              pytest.mark.skipif(not shutil.which('strace'), reason='needs strace')]

SLOW = 2000000  # us
THEM = 'them@quick.test'


@pytest.fixture
def suite():
    with FaultServer() as server:
        with scenario.running(conf=f'''sandbox_action = refuse
remote_shortcut_time = 500ms
relayhost = "{server.hop}"
remote_ports = {{{server.port}}}
''') as s:
            s.server = server
            yield s


def files(suite):
    return list(pathlib.Path(suite.spool).glob('??/*'))


@pytest.mark.parametrize('when', ['before', 'after'])
def test_next_hop_takes_it(suite, when):
    """Late, while it is being written, or when it could not be written: the client need not send it again."""
    suite.wait_for(lambda: send(suite, 'learn', [THEM])[0] == 250 and
                   any(e['fields']['how'] == 'shortcut' for e in suite.events('message-accepted')))
    free, answer = threading.Event(), []

    def late(session):
        free.wait(60)
        return '250 2.0.0 at last'
    suite.server.plan('final', late)
    with injected(suite, 'queue', f'fsync:error=EIO:delay_enter={SLOW}'):
        client = threading.Thread(target=lambda: answer.append(send(suite, 'late', [THEM])))
        client.start()
        suite.wait_for(lambda: files(suite) if when == 'before' else suite.logged('commit-failed'))
        free.set()
        client.join()
    assert answer[0][0] == 250
    suite.wait_for(lambda: not files(suite))
    id = answer[0][1].split()[-1].decode()
    told = suite.wait_for(lambda: len(t := [e['event'] for e in suite.events() if e.get('queue') == id and e['program'] == 'queue']) > 2 and t)
    assert told == ['commit-failed', 'message-accepted', 'delivered']
    assert len([m for m in suite.server.messages if b'Subject: late' in m.data]) == 1


def test_next_hop_does_not_take_it(suite):
    """It says so after the disk has failed: then the client hears no, and nothing is left."""
    suite.wait_for(lambda: send(suite, 'learn', [THEM])[0] == 250 and
                   any(e['fields']['how'] == 'shortcut' for e in suite.events('message-accepted')))
    free, answer = threading.Event(), []

    def never(session):
        free.wait(60)
        return '451 4.3.0 not today'
    suite.server.plan('final', never)
    with injected(suite, 'queue', 'fsync:error=EIO'):
        client = threading.Thread(target=lambda: answer.append(send(suite, 'never', [THEM])))
        client.start()
        suite.wait_for(lambda: suite.logged('commit-failed'))
        free.set()
        client.join()
    assert 400 <= answer[0][0] < 500
    suite.wait_for(lambda: not files(suite))
    assert not [m for m in suite.server.messages if b'Subject: never' in m.data]
