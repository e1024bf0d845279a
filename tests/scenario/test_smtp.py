"""The SMTP server with the rest of the suite behind it: what strangers and broken programs may try."""
import json, os, pathlib, shutil, signal, socket, time
import pytest

import conftest

OUTSIDER = '203.0.113.9'
CONF = 'smtp_xclient_networks = {"127.0.0.0/8"}\nsmtp_client_connections = 50\n'


@pytest.fixture(scope='module')
def suite():
    with conftest.running(conf=CONF, users=3) as s:
        yield s


class Client:
    """A connection that says exactly what it is told to."""

    def __init__(self, where, greeting=True):
        if isinstance(where, str):
            self.s = socket.socket(socket.AF_UNIX)
            self.s.connect(where)
        else:
            self.s = socket.create_connection(('127.0.0.1', where), 10)
        self.s.settimeout(10)
        self.f = self.s.makefile('rb')
        if greeting:
            assert self.reply().startswith('220 ')

    def reply(self):
        """The last line of the next reply; '' when the server has closed."""
        while True:
            try:
                line = self.f.readline()
            except ConnectionResetError:
                return ''
            if line[3:4] != b'-':
                return line.decode('latin-1').strip()

    def say(self, text):
        self.send(text.encode() + b'\r\n')
        return self.reply()

    def send(self, data):
        self.s.sendall(data)

    def closed(self):
        return self.reply() == ''

    def close(self):
        self.f.close()
        self.s.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def client(suite, ehlo=True, outside=False):
    c = Client(suite.smtp_port)
    if outside:
        assert c.say('EHLO proxy.test').startswith('250')
        assert c.say(f'XCLIENT ADDR={OUTSIDER}').startswith('220')
    if ehlo:
        assert c.say('EHLO client.test').startswith('250')
    return c


def envelope(c, *to, sender='<a@client.test>'):
    assert c.say(f'MAIL FROM:{sender}').startswith('250')
    for t in to:
        assert c.say(f'RCPT TO:<{t}>').startswith('250')


def files(suite, token):
    return [p for n in range(len(suite.accounts)) for p in suite.messages(n) if token.encode() in p.read_bytes()]


def processes(suite, role):
    rows = [json.loads(l) for l in suite.tool('status', '--json').stdout.splitlines()]
    return [r['pid'] for r in rows if r.get('process') == role]


def data(c, body):
    assert c.say('DATA').startswith('354')
    c.send(body + b'\r\n.\r\n')
    return c.reply()


SEQUENCES = [b'\n.\n', b'\n.\r\n', b'\r\n.\n', b'\r.\r', b'\r\n.\r', b'\r\r\n.\r\r\n', b'\n.\r', b'\r.\n', b'\r.\r\n', b'\n\n.\r\n',
             b'\r\n\0.\r\n', b'\r\n.\0\r\n', b'\r\n.\r\r\n']


@pytest.mark.parametrize('how', ['DATA', 'BDAT'])
@pytest.mark.parametrize('sequence', SEQUENCES)
def test_nothing_is_smuggled(suite, sequence, how):
    to = suite.accounts[0]['address']
    evil = f'evil-{time.monotonic_ns()}'
    body = b'X: y\r\n\r\nfirst' + sequence + (f'MAIL FROM:<x@client.test>\r\nRCPT TO:<{to}>\r\nDATA\r\n'
                                             f'Subject: {evil}\r\n\r\nevil').encode()
    with client(suite) as c:
        envelope(c, to)
        if how == 'DATA':
            assert data(c, body)[:9] in ('550 5.5.2', '550 5.6.0')
        else:
            c.send(b'BDAT %d LAST\r\n' % len(body) + body)
            assert c.reply()[:9] in ('550 5.5.2', '550 5.6.0')
    time.sleep(0.05)
    assert not files(suite, evil)


def test_end_in_pieces(suite):
    token = f'pieces-{time.monotonic_ns()}'
    with client(suite) as c:
        envelope(c, suite.accounts[0]['address'])
        assert c.say('DATA').startswith('354')
        for b in f'Subject: {token}\r\n\r\n..\r\n.\r\n'.encode():
            c.send(bytes([b]))
            time.sleep(0.002)
        assert c.reply().startswith('250 2.0.0')
    assert suite.wait_for(lambda: files(suite, token))[0].read_bytes().endswith(b'\n\n.\n')


def test_early_talker(suite):
    with Client(suite.smtp_port, greeting=False) as c:
        c.send(b'EHLO early.test\r\nMAIL FROM:<a@client.test>\r\n')
        replies = [c.reply() for _ in range(3)]
        assert any(r.startswith('554 5.5.0') for r in replies) and not any(r.startswith('250') for r in replies)


@pytest.mark.parametrize('line', ['GET / HTTP/1.1', 'POST / HTTP/1.0', 'CONNECT mx.test:25 HTTP/1.1'])
def test_browser(suite, line):
    with client(suite, ehlo=False) as c:
        assert c.say(line).startswith('554 ')
        assert c.closed()


def test_relay_is_closed(suite):
    inside = suite.accounts[0]['address']
    forms = ['u@elsewhere.test', 'u%elsewhere.test@example.test', 'elsewhere.test!u@example.test', '"u@elsewhere.test"@example.test',
             'u@[192.0.2.1]', '@example.test:u@elsewhere.test', '@example.test,@x.test:u@elsewhere.test', '"|sh -c id"@example.test',
             'u@elsewhere.test@example.test', 'nobody@example.test', '""@example.test', 'u@elsewhere.test.', 'u']
    with client(suite, outside=True) as c:
        for f in forms:
            assert c.say('MAIL FROM:<a@client.test>').startswith('250')
            assert c.say(f'RCPT TO:<{f}>')[0] == '5', f
            assert c.say('RSET').startswith('250')
        envelope(c, inside)


def test_dictionary_attack(suite):
    with client(suite, outside=True) as c:
        assert c.say('MAIL FROM:<a@client.test>').startswith('250')
        replies = [c.say(f'RCPT TO:<guess{i}@example.test>') for i in range(21)]
        assert all(r.startswith('550 5.1.1') for r in replies[:20])
        assert replies[20].startswith('421 4.7.0') and c.closed()


def test_connections_of_one_client(suite):
    held, refused = [], 0
    try:
        for _ in range(200):  # each worker counts for itself
            c = Client(suite.smtp_port)
            held.append(c)
            assert c.say('EHLO proxy.test').startswith('250')
            refused += c.say('XCLIENT ADDR=203.0.113.77').startswith('421 4.7.0')
        assert refused >= 100
        with client(suite, outside=True):  # somebody else is not concerned
            pass
    finally:
        for c in held:
            c.close()


def test_close_after_dot(suite):
    token = f'gone-{time.monotonic_ns()}'
    with client(suite) as c:
        envelope(c, suite.accounts[0]['address'])
        assert c.say('DATA').startswith('354')
        c.send(f'Subject: {token}\r\n\r\nx\r\n.\r\n'.encode())
    suite.wait_for(lambda: files(suite, token))


def test_half_close_in_data(suite):
    token = f'half-{time.monotonic_ns()}'
    with client(suite) as c:
        envelope(c, suite.accounts[0]['address'])
        assert c.say('DATA').startswith('354')
        c.send(f'Subject: {token}\r\n\r\nx'.encode())
        c.s.shutdown(socket.SHUT_WR)
        assert c.closed()
    time.sleep(0.1)
    assert not files(suite, token)


def test_endless_line_and_mass_of_chunks(suite):
    with client(suite) as c:
        c.send(b'x' * 70000)
        assert c.reply().startswith('500 5.5.2')
        assert c.reply().startswith('421 4.7.0')
    with client(suite) as c:
        envelope(c, suite.accounts[0]['address'])
        try:
            for _ in range(100):
                c.send(b'BDAT 1\r\nx' * 1000)
        except OSError:
            pass
        replies = [c.reply() for _ in range(1001)]
        assert '421 4.7.0' in (r[:9] for r in replies)


def test_internationalised(suite):
    with client(suite) as c:
        assert c.say('MAIL FROM:<jörg@client.test>').startswith('553 5.6.7')
        assert c.say('MAIL FROM:<jörg@bücher.test> SMTPUTF8').startswith('250')
        assert c.say(f"RCPT TO:<{suite.accounts[0]['address']}>").startswith('250')
        token = f'utf8-{time.monotonic_ns()}'
        assert data(c, f'Subject: {token}\r\n\r\nx'.encode()).startswith('250')
    text = suite.wait_for(lambda: files(suite, token))[0].read_text()
    assert text.startswith('Return-Path: <jörg@xn--bcher-kva.test>\n') and 'with UTF8SMTP id' in text


def test_large_by_both_ways(suite):
    line = b'x' * 76 + b'\r\n'
    for how in ('DATA', 'BDAT'):
        token = f'large-{how}-{time.monotonic_ns()}'
        body = b'Subject: ' + token.encode() + b'\r\n\r\n' + line * 40000
        with client(suite) as c:
            envelope(c, suite.accounts[1]['address'])
            if how == 'DATA':
                assert data(c, body[:-2]).startswith('250')
            else:
                for at in range(0, len(body), 300000):
                    piece = body[at:at + 300000]
                    c.send(b'BDAT %d%s\r\n' % (len(piece), b' LAST' if at + 300000 >= len(body) else b'') + piece)
                    assert c.reply().startswith('250')
        stored = suite.wait_for(lambda: files(suite, token))[0].read_bytes()
        assert stored.endswith(body.replace(b'\r\n', b'\n'))


def test_local_socket(suite):
    token = f'local-{time.monotonic_ns()}'
    with Client(f'{suite.run}/submit') as c:
        assert c.say('EHLO localhost').startswith('250')
        envelope(c, suite.accounts[0]['address'], sender='<someone>')
        assert c.say('DATA').startswith('354')
        c.send(f'Subject: {token}\n\nfirst\n.\nsecond\r\n.\r\n'.encode())
        assert c.reply().startswith('250')
    text = suite.wait_for(lambda: files(suite, token))[0].read_text()
    assert f'(local, uid:{os.getuid()})' in text and '\nMessage-ID: <' in text and '\nDate: ' in text
    assert 'Return-Path: <someone@' in text and text.endswith('\nfirst\n\nsecond\n')


@pytest.fixture
def fragile():
    """An instance whose processes may die."""
    s = conftest.Suite(conf=CONF).start()
    yield s
    s.stop()
    shutil.rmtree(s.top, ignore_errors=True)


@pytest.mark.parametrize('role', ['queue', 'lookup'])
def test_without_a_peer(fragile, role):
    """Local trouble is the sender's to repeat, never a refusal, and passes by itself."""
    to = fragile.accounts[0]['address']
    pid, = processes(fragile, role)
    with client(fragile) as c:
        assert c.say('MAIL FROM:<a@client.test>').startswith('250')
        if role == 'lookup':
            os.kill(pid, signal.SIGSTOP)
            c.send(f'RCPT TO:<{to}>\r\n'.encode())
        else:
            assert c.say(f'RCPT TO:<{to}>').startswith('250')
            assert c.say('DATA').startswith('354')
            os.kill(pid, signal.SIGSTOP)
            c.send(b'Subject: x\r\n\r\nx\r\n.\r\n')
        time.sleep(0.1)
        os.kill(pid, signal.SIGKILL)
        assert c.reply().startswith('451 4.3.0')

    def works():
        with Client(fragile.smtp_port, greeting=False) as again:
            reply = again.reply()
            for command in ('EHLO x', 'MAIL FROM:<a@client.test>', f'RCPT TO:<{to}>'):
                if reply[:1] == '2':
                    reply = again.say(command)
            assert reply[:1] in ('2', '4', ''), reply
            return reply.startswith('250') and data(again, b'Subject: later\r\n\r\nx').startswith('250')
    fragile.wait_for(works)


def test_idle_connections_are_small(suite):
    def memory():
        texts = [pathlib.Path(f'/proc/{p}/smaps_rollup').read_text() for p in processes(suite, 'smtpd')]
        return sum(int(t.split('Pss:')[1].split()[0]) * 1024 for t in texts)
    held = [client(suite) for _ in range(20)]
    before = memory()
    try:
        held += [client(suite) for _ in range(800)]
        assert (memory() - before) / 800 < 8 * 1024
    finally:
        for c in held:
            c.close()


def test_lmtp(new_suite):
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        port = s.getsockname()[1]
    suite = new_suite(conf=f'listener store {{ service = lmtp address = {{"127.0.0.1"}} port = {port} }}\n')
    with Client(port) as c:
        assert c.say('EHLO x').startswith('500')
        assert c.say('LHLO x').startswith('250')
        assert c.say('MAIL FROM:<a@client.test>').startswith('250')
        replies = [c.say(f'RCPT TO:<{a}>')[:3] for a in (suite.accounts[0]['address'], 'nobody@example.test', suite.accounts[1]['address'])]
        assert replies == ['250', '550', '250']
        assert data(c, b'Subject: by LMTP\r\n\r\nx').startswith('250')
        assert c.reply().startswith('250')
    suite.wait_for(lambda: len(files(suite, 'by LMTP')) == 2)
