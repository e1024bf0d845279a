"""Mail for a next hop that is quick: passed on before the client is told that it is accepted, and never in the spool."""
import json, os, pathlib, shutil, signal, smtplib, socket, threading
import pytest
import smtp_fault_server as fault
from smtp_fault_server import FaultServer

SENDER = 'user1@example.test'  # ours, so that bounces can be read
# as much time as there may be: the machine of a test is busy
CONF = '''
minimal_backoff = 1s
maximal_backoff = 2s
remote_shortcut_time = 500ms
'''


@pytest.fixture(scope='module')
def servers():
    with FaultServer() as smtp, FaultServer(lmtp=True) as lmtp:
        yield {'quick.test': smtp, 'lmtp.test': lmtp}
        assert smtp.faults == lmtp.faults == []


def conf(servers):
    return CONF + f'''
relayhost = "{servers['quick.test'].hop}"
transport_maps = {{"inline:{{lmtp.test=lmtp:{servers['lmtp.test'].hop}}}"}}
remote_ports = {{{', '.join(str(s.port) for s in servers.values())}}}
'''


@pytest.fixture(scope='module')
def suite(servers):
    import conftest
    with conftest.running(conf=conf(servers)) as s:
        yield s


def send(suite, subject, *to, options=(), sender=SENDER):
    """The queue id that the reply names."""
    with smtplib.SMTP(suite.host, suite.smtp_port, timeout=30) as s:
        s.ehlo()
        assert s.mail(sender)[0] == 250
        for t in to or ['them@quick.test']:
            assert s.rcpt(t, options)[0] == 250
        code, reply = s.data(f'Subject: {subject}\r\n\r\nbody\r\n')
    assert code == 250
    return reply.split()[-1].decode()


def how(suite, id):
    (e,) = suite.wait_event('message-accepted', queue=id)
    return e['fields']['how']


def learn(suite, to='them@quick.test'):
    """Until it has found out that the next hop is quick."""
    suite.wait_for(lambda: how(suite, send(suite, 'learn', to)) == 'shortcut')


def taken(server, subject):
    return [m for m in server.messages if f'Subject: {subject}\r\n'.encode() in m.data]


def spooled(suite):
    return [f for f in pathlib.Path(suite.spool).rglob('*') if f.is_file() and len(f.parent.name) == 2]


def empties(suite):
    suite.wait_for(lambda: not spooled(suite))


def events(suite, id):
    """What the queue has told of it."""
    return [e['event'] for e in suite.events() if e.get('queue') == id and e['program'] == 'queue']


def bounces(suite, id):
    return [f for f in suite.messages(0) if f'X-Queue-ID: {id}' in f.read_text(errors='replace')]


class Held:
    """The server does not answer a step until it is let go."""

    def __init__(self, server, step):
        self.reached, self.free = threading.Event(), threading.Event()
        server.plan(step, self.act)

    def act(self, session):
        self.reached.set()
        self.free.wait(60)
        return '250 2.0.0 at last'

    def go(self):
        self.free.set()


@pytest.mark.parametrize('domain', ['quick.test', 'lmtp.test'])
def test_quick(suite, servers, domain):
    """There with the 250, once; the log tells it in the usual order."""
    learn(suite, f'them@{domain}')
    id = send(suite, f'past {domain}', f'them@{domain}')
    assert len(taken(servers[domain], f'past {domain}')) == 1
    assert how(suite, id) == 'shortcut'
    suite.wait_for(lambda: events(suite, id) == ['message-accepted', 'delivered'])
    empties(suite)


def test_shown(suite, servers):
    """Whether a destination takes it, and what was measured."""
    why = lambda: json.loads(suite.tool('queue', 'why', '--json', 'quick.test').stdout)
    learn(suite)
    w = suite.wait_for(lambda: (w := why())['shortcut'] == 'yes' and w)
    assert 0 < w['pace_ms'] <= 500
    assert "short cut: yes (deliveries take " in suite.tool('queue', 'why', 'quick.test').stdout
    unknown = json.loads(suite.tool('queue', 'why', '--json', '[127.0.0.9]:26').stdout)
    assert unknown['shortcut'] == 'no' and 'pace_ms' not in unknown


def test_three_recipients(suite, servers):
    learn(suite)
    id = send(suite, 'three', *[f'{n}@quick.test' for n in 'abc'])
    assert how(suite, id) == 'shortcut'
    (m,) = taken(servers['quick.test'], 'three')
    assert m.rcpts == [f'{n}@quick.test' for n in 'abc']


@pytest.mark.parametrize('to, options', [
    (['them@quick.test', 'them@lmtp.test'], ()),      # two places
    (['them@quick.test', 'user2@example.test'], ()),  # one of them a mailbox
    ([f'{n}@quick.test' for n in 'abcd'], ()),        # too many
    (['them@quick.test'], ['NOTIFY=SUCCESS']),        # a report is due
])
def test_by_spool(suite, servers, to, options):
    learn(suite)
    learn(suite, 'them@lmtp.test')
    id = send(suite, f'spool {to} {options}', *to, options=options)
    assert how(suite, id) == 'spool'
    suite.wait_for(lambda: events(suite, id).count('delivered') == len(to))
    empties(suite)


def test_refused(suite, servers):
    """What the next hop says no to is ours to report, as always; whoever is taken is not sent again."""
    learn(suite)
    servers['quick.test'].plan('rcpt', '550 5.1.1 nobody')
    id = send(suite, 'refused', 'no@quick.test', 'yes@quick.test')
    assert how(suite, id) == 'spool'
    suite.wait_for(lambda: bounces(suite, id))
    empties(suite)
    assert len(bounces(suite, id)) == 1 and 'no@quick.test' in bounces(suite, id)[0].read_text()
    (m,) = taken(servers['quick.test'], 'refused')
    assert m.rcpts == ['yes@quick.test']


@pytest.mark.parametrize('step, action', [('rcpt', '450 4.2.0 not now'), ('mail', fault.CLOSE), ('final', '451 4.3.0 later')])
def test_not_now(suite, servers, step, action):
    """Deferred: accepted, in the spool, and there later."""
    learn(suite)
    servers['quick.test'].plan(step, action)
    id = send(suite, f'later {step}')
    suite.wait_for(lambda: taken(servers['quick.test'], f'later {step}'))
    assert how(suite, id) == 'spool' or step == 'mail'  # a connection that was kept may have been closed meanwhile
    empties(suite)
    assert len(taken(servers['quick.test'], f'later {step}')) == 1


def test_slow(suite, servers):
    """Who is late does not keep the client waiting, is given the message once, and is not waited for again."""
    learn(suite)
    final = Held(servers['quick.test'], 'final')
    id = send(suite, 'slow')
    assert how(suite, id) == 'spool' and 'delivered' not in events(suite, id)
    assert len(spooled(suite)) == 1
    next = send(suite, 'not waited for')
    assert how(suite, next) == 'spool'
    suite.wait_for(lambda: taken(servers['quick.test'], 'not waited for'))
    final.go()
    suite.wait_for(lambda: 'delivered' in events(suite, id))
    empties(suite)
    assert len(taken(servers['quick.test'], 'slow')) == 1
    learn(suite)


def test_client_gone(suite, servers):
    """The client does not wait for its answer: the message is there all the same, once."""
    learn(suite)
    final = Held(servers['quick.test'], 'final')
    with socket.create_connection((suite.host, suite.smtp_port), 30) as s, s.makefile('rb') as f:
        for line, last in ((b'', b'220 '), (b'EHLO client.test', b'250 '), (f'MAIL FROM:<{SENDER}>'.encode(), b'250 '),
                           (b'RCPT TO:<them@quick.test>', b'250 '), (b'DATA', b'354 ')):
            if line:
                s.sendall(line + b'\r\n')
            while not f.readline().startswith(last):
                pass
        s.sendall(b'Subject: gone\r\n\r\nbody\r\n.\r\n')
        assert final.reached.wait(20)
    final.go()
    suite.wait_for(lambda: taken(servers['quick.test'], 'gone'))
    empties(suite)
    assert len(taken(servers['quick.test'], 'gone')) == 1


def test_suspended(suite, servers):
    learn(suite)
    suite.tool('queue', 'suspend', servers['quick.test'].hop)
    id = send(suite, 'suspended')
    assert how(suite, id) == 'spool'
    suite.wait_for(lambda: 'deferred' in events(suite, id))
    assert not taken(servers['quick.test'], 'suspended')
    suite.tool('queue', 'resume', servers['quick.test'].hop)
    suite.wait_for(lambda: taken(servers['quick.test'], 'suspended'))
    empties(suite)


def test_cap(servers, new_suite):
    """No more at once than the destination may have; what waits too long for its turn goes into the spool."""
    server = servers['quick.test']
    s = new_suite(conf=conf(servers) + 'destination_concurrency = 1\n', users=1)
    learn(s)
    final = Held(server, 'final')
    ids = []
    clients = [threading.Thread(target=lambda n=n: ids.append(send(s, f'cap {n}'))) for n in range(5)]
    for c in clients:
        c.start()
    for c in clients:
        c.join()
    assert {how(s, id) for id in ids} == {'spool'}
    assert not any('delivered' in events(s, id) for id in ids)
    final.go()
    for n in range(5):
        s.wait_for(lambda: taken(server, f'cap {n}'))
    empties(s)
    assert [len(taken(server, f'cap {n}')) for n in range(5)] == [1] * 5


def test_off(servers, new_suite):
    s = new_suite(conf=conf(servers).replace('500ms', '0'), users=1)
    for n in range(5):
        id = send(s, f'off {n}')
        assert how(s, id) == 'spool'
        s.wait_for(lambda: taken(servers['quick.test'], f'off {n}'))
        empties(s)


@pytest.fixture
def mortal(servers):
    """An instance of which a process may die."""
    import conftest
    s = conftest.Suite(conf=conf(servers), users=1).start()
    yield s
    s.stop()
    shutil.rmtree(s.top, ignore_errors=True)


def test_worker_dies(servers, mortal):
    """deliver-remote ends with a message that the next hop has not confirmed: accepted, and sent again."""
    learn(mortal)
    mail = Held(servers['quick.test'], 'mail')
    ids = []
    t = threading.Thread(target=lambda: ids.append(send(mortal, 'worker')))
    t.start()
    assert mail.reached.wait(20)
    status = [json.loads(line) for line in mortal.tool('status', '--json').stdout.splitlines()]
    os.kill(next(p['pid'] for p in status if p.get('process') == 'deliver-remote'), signal.SIGKILL)
    mail.go()
    t.join()
    mortal.wait_for(lambda: taken(servers['quick.test'], 'worker'))
    empties(mortal)
    assert len(taken(servers['quick.test'], 'worker')) == 1 and events(mortal, ids[0]).count('delivered') == 1
