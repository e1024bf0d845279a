"""Mail to other hosts: by SMTP and LMTP, to a server that behaves, refuses, lies, hangs or dies."""
import re, smtplib, time
import pytest
import smtp_fault_server as fault
from smtp_fault_server import FaultServer

QUICK = '''
minimal_backoff = 1s
maximal_backoff = 2s
remote_command_timeout = 1s
remote_data_timeout = 1s
remote_final_timeout = 1s
'''
SENDER = 'user1@example.test'  # ours, so that bounces can be read

STEPS = ['connect', 'ehlo', 'mail', 'rcpt', 'data', 'final']
TROUBLE = {
    'close': fault.CLOSE, 'reset': fault.RESET, 'hang': fault.HANG, 'flood': fault.FLOOD, 'line': fault.ENDLESS_LINE,
    'garbage': fault.GARBAGE, 'mixed': fault.MIXED, 'advance': fault.ADVANCE, '421': '421 4.3.2 going down',
    '451': '451 4.3.0 later',
}


@pytest.fixture(scope='module')
def server():
    with FaultServer(extensions=['PIPELINING', 'SIZE', '8BITMIME', 'ENHANCEDSTATUSCODES', 'DSN']) as s:
        yield s
        assert s.faults == []


@pytest.fixture(scope='module')
def lmtp():
    with FaultServer(lmtp=True) as s:
        yield s
        assert s.faults == []


class Zoo:
    """A server of its own for each kind of trouble at each step, so that all of it can happen at once."""

    def __init__(self):
        self.servers, self.sent = {}, False
        for what, action in TROUBLE.items():
            for step in STEPS:
                self.servers[what, step] = FaultServer()
                self.servers[what, step].plan(step, action)


@pytest.fixture(scope='module')
def zoo():
    z = Zoo()
    yield z
    for s in z.servers.values():
        s.close()


@pytest.fixture(scope='module')
def suite(server, lmtp, zoo):
    import conftest
    routes = ', '.join([f'lmtp.test=lmtp:{lmtp.hop}', 'forbidden.test=smtp:[127.0.0.1]:9'] +
                       [f'{w}-{st}.test=smtp:{s.hop}' for (w, st), s in zoo.servers.items()])
    ports = ', '.join(map(str, [server.port, lmtp.port] + [s.port for s in zoo.servers.values()]))
    conf = QUICK + f'''
relayhost = "{server.hop}"
remote_ports = {{{ports}}}
transport_maps = {{"inline:{{{routes}}}"}}
'''
    with conftest.running(conf=conf) as s:
        yield s


def send(suite, subject, *to, text='body\r\n', **kw):
    with smtplib.SMTP(suite.host, suite.smtp_port, timeout=20) as s:
        return s.sendmail(SENDER, list(to) or ['them@remote.test'], f'Subject: {subject}\r\n\r\n{text}'.encode(), **kw)


def taken(server, subject):
    """The messages of that subject that the server has accepted."""
    return [m for m in server.messages if f'Subject: {subject}\r\n'.encode() in m.data]


def arrives(suite, server, subject, seconds=30):
    return suite.wait_for(lambda: taken(server, subject), seconds)[0]


def test_relay(suite, server):
    text = 'one\r\n.two\r\n..three\r\n.\r\nx'.replace('\r\n.\r\n', '\r\n..\r\n') + '\r\n'
    send(suite, 'plain relay', text=text)
    m = arrives(suite, server, 'plain relay')
    assert m.sender == SENDER and m.rcpts == ['them@remote.test']
    assert m.data.endswith(text.encode())
    assert m.data.startswith(b'Received: ')
    assert re.search(r'SIZE=\d+', m.mail_args)


def test_connection_is_used_again(suite, server):
    before = server.connections
    for i in range(10):
        send(suite, f'again {i}')
        arrives(suite, server, f'again {i}')
    assert server.connections <= before + 2


def test_chunking(suite, server):
    server.extensions.append('CHUNKING')
    # the connection that is open was greeted without it
    server.plan('mail', '421 4.3.2 greet me again')
    try:
        text = '.dot\r\n' * 100000
        send(suite, 'in chunks', text=text)
        m = arrives(suite, server, 'in chunks')
        assert m.chunked and m.data.endswith(b'\r\n\r\n' + text.encode())
    finally:
        server.extensions.remove('CHUNKING')
        server.plan('mail', '421 4.3.2 greet me again')
        send(suite, 'without chunks')
        arrives(suite, server, 'without chunks')


def test_each_recipient_its_result(suite, server):
    server.refused = {'b@remote.test': '550 5.1.1 no such user', 'c@remote.test': '450 4.2.1 not now'}
    send(suite, 'three fates', 'a@remote.test', 'b@remote.test', 'c@remote.test')
    assert arrives(suite, server, 'three fates').rcpts == ['a@remote.test']
    text = suite.bounce('three fates')
    assert 'b@remote.test' in text and 'no such user' in text and '5.1.1' in text
    server.refused = {}
    suite.wait_for(lambda: len(taken(server, 'three fates')) == 2)
    assert taken(server, 'three fates')[1].rcpts == ['c@remote.test']


@pytest.mark.parametrize('step', ['mail', 'rcpt', 'data', 'final'])
def test_refused_for_good(suite, server, step):
    server.plan(step, f'554 5.7.1 refused at {step}')
    send(suite, f'for good {step}')
    assert f'refused at {step}' in suite.bounce(f'for good {step}')
    assert not taken(server, f'for good {step}')


@pytest.mark.parametrize('step', STEPS)
@pytest.mark.parametrize('what', TROUBLE)
def test_trouble_is_temporary(suite, zoo, step, what):
    """Sent again until it is taken; never lost, never bounced, and once but where the answer was lost."""
    if not zoo.sent:
        for w, st in zoo.servers:
            send(suite, f'{w} at {st}', f'them@{w}-{st}.test')
        zoo.sent = True
    server = zoo.servers[what, step]
    if (what, step) == ('advance', 'final'):
        # its first line says yes: that is believed, and the rest ends the connection
        suite.wait_for(lambda: server.seen)
        time.sleep(0.5)
        assert len(server.seen) == 1
    else:
        arrives(suite, server, f'{what} at {step}')
        assert len(server.seen) == (2 if step == 'final' else 1)
    assert server.faults == []
    assert not any(f'Subject: {what} at {step}\n' in f.read_text(errors='replace') for f in suite.messages(0))


def test_text_of_the_server_stays_text(suite, server):
    server.plan('rcpt', fault.CONTROLS)
    send(suite, 'control codes')
    text = suite.bounce('control codes')
    assert not re.search('^X-Injected', text, re.M) and '\x1b' not in text and '\x07' not in text
    assert all('\x1b' not in str(e) for e in suite.events())


def test_slow_but_right(suite, server):
    server.plan('mail', '421 4.3.2 greet me again')
    server.plan('connect', fault.BYTEWISE('220 fault.test ready'))
    server.plan('final', fault.BYTEWISE('250 2.0.0 taken'))
    server.plan('data', fault.SLOW(0.5, '354 go'))
    send(suite, 'byte by byte')
    arrives(suite, server, 'byte by byte')
    time.sleep(0.5)
    assert len(taken(server, 'byte by byte')) == 1


def test_lmtp(suite, lmtp):
    lmtp.plan('final', '250 2.1.5 taken')
    lmtp.plan('final', '552 5.2.2 mailbox full')
    send(suite, 'by lmtp', 'a@lmtp.test', 'b@lmtp.test', 'c@lmtp.test')
    m = arrives(suite, lmtp, 'by lmtp')
    assert sorted(m.rcpts) == ['a@lmtp.test', 'c@lmtp.test']
    assert 'mailbox full' in suite.bounce('by lmtp')
    assert b'LHLO mx.example.test' in lmtp.transcript


def test_dsn_goes_along(suite, server):
    server.plan('mail', '421 4.3.2 greet me again')
    with smtplib.SMTP(suite.host, suite.smtp_port, timeout=20) as s:
        s.sendmail(SENDER, ['them@remote.test'], 'Subject: with dsn\r\n\r\nx\r\n', mail_options=['RET=HDRS', 'ENVID=abc+2B'],
                   rcpt_options=['NOTIFY=SUCCESS,FAILURE', 'ORCPT=rfc822;first@remote.test'])
    m = arrives(suite, server, 'with dsn')
    assert 'RET=HDRS' in m.mail_args and 'ENVID=abc+2B' in m.mail_args
    assert 'NOTIFY=SUCCESS,FAILURE' in m.rcpt_args[0] and 'ORCPT=rfc822;first@remote.test' in m.rcpt_args[0]


def test_port_that_is_not_allowed(suite):
    """It is a setting of ours that is in the way, and the text names it."""
    send(suite, 'no such port', 'x@forbidden.test')
    assert 'is the port one of remote_ports?' in suite.outcome('x@forbidden.test')['status']


def test_nothing_listens(suite, server):
    """No connection: deferred with a text that says so, and delivered when somebody listens again."""
    server.close()
    server.plan('mail', fault.CLOSE)  # nor on a connection that is still open
    try:
        send(suite, 'nobody there')
        suite.wait_for(lambda: 'Connection refused' in suite.tool('queue', 'list').stdout)
    finally:
        server.plans.clear()
        again = FaultServer(server.port)
        server.sock, server.messages = again.sock, again.messages
    arrives(suite, server, 'nobody there')
