"""IMAP before authentication: what a stranger may send, and what he gets. Numbers are those of the list of bad inputs."""
import base64, imaplib, re, socket, statistics, time
import pytest

CONF = 'imap_failure_delay = 150ms\nauth_tries_per_minute = 0\nimap_login_timeout = 20s\nimap_workers = 1\n'


@pytest.fixture(scope='module')
def suite():
    from conftest import running
    with running(conf=CONF) as s:
        yield s


class Client:
    def __init__(self, suite, source='127.0.0.1'):
        self.socket = socket.create_connection((suite.host, suite.imap_port), timeout=10, source_address=(source, 0))
        self.greeting = self.read_line()

    def read_line(self):
        out = b''
        while not out.endswith(b'\n'):
            c = self.socket.recv(1)
            if not c:
                break
            out += c
        return out

    def send(self, data):
        self.socket.sendall(data)

    def ask(self, data):
        self.send(data)
        return self.read_line()

    def rest(self):
        """Everything until the server closes."""
        out = b''
        while True:
            try:
                part = self.socket.recv(65536)
            except ConnectionResetError:
                return out
            if not part:
                return out
            out += part


@pytest.fixture
def client(suite):
    c = Client(suite)
    yield c
    c.socket.close()


def credentials(suite, n=0):
    return suite.accounts[n]['address'], suite.accounts[n]['password']


def test_greeting_and_commands(suite, client):
    assert re.match(rb'\* OK \[CAPABILITY IMAP4rev1 .*LITERAL\+.*SASL-IR.*AUTH=PLAIN.*\] ', client.greeting)
    client.send(b'a CAPABILITY\r\nb NOOP\r\nc ID ("name" "x" "version" NIL)\r\nd ID NIL\r\ne LOGOUT\r\n')
    out = client.rest()
    for answer in (b'* CAPABILITY IMAP4rev1', b'a OK', b'b OK', b'* ID (', b'c OK', b'd OK', b'* BYE', b'e OK'):
        assert answer in out
    assert out.index(b'a OK') < out.index(b'b OK') < out.index(b'c OK') < out.index(b'e OK')


@pytest.mark.parametrize('command', [
    b'a LOGIN %s %s\r\n', b'a login "%s" "%s"\r\n', b'a AUTHENTICATE PLAIN PLAIN-IR\r\n'])
def test_ways_to_log_in(suite, client, command):
    user, password = (x.encode() for x in credentials(suite))
    if b'PLAIN-IR' in command:
        command = command.replace(b'PLAIN-IR', base64.b64encode(b'\0' + user + b'\0' + password))
    else:
        command = command % (user, password)
    # what is pipelined behind it reaches the session
    client.send(command + b'b NOOP\r\nc LOGOUT\r\n')
    out = client.rest()
    assert re.search(rb'a OK \[CAPABILITY .*\]', out) and b'b OK' in out and b'c OK' in out, out


def test_literals(suite, client):
    user, password = (x.encode() for x in credentials(suite))
    assert client.ask(b'a LOGIN {%d}\r\n' % len(user)).startswith(b'+ ')
    assert client.ask(user + b' {%d}\r\n' % len(password)).startswith(b'+ ')
    assert client.ask(password + b'\r\n').startswith(b'a OK')
    other = Client(suite)
    other.send(b'a LOGIN {%d+}\r\n%s {%d+}\r\n%s\r\n' % (len(user), user, len(password), password))
    assert other.read_line().startswith(b'a OK')


def test_authenticate_in_steps(suite, client):
    user, password = (x.encode() for x in credentials(suite))
    assert client.ask(b'a AUTHENTICATE PLAIN\r\n') == b'+ \r\n'
    assert client.ask(b'*\r\n').startswith(b'a BAD')
    assert client.ask(b'b AUTHENTICATE PLAIN\r\n') == b'+ \r\n'
    assert client.ask(b'!!!\r\n').startswith(b'b BAD')
    assert client.ask(b'c AUTHENTICATE CRAM-MD5\r\n').startswith(b'c NO')
    assert client.ask(b'd AUTHENTICATE PLAIN\r\n') == b'+ \r\n'
    assert client.ask(base64.b64encode(b'\0' + user + b'\0' + password) + b'\r\n').startswith(b'd OK')


def test_nobody_acts_for_another(suite, client):
    user, password = (x.encode() for x in credentials(suite))
    other = credentials(suite, 1)[0].encode()
    message = base64.b64encode(other + b'\0' + user + b'\0' + password)
    assert client.ask(b'a AUTHENTICATE PLAIN %s\r\n' % message).startswith(b'a NO [AUTHENTICATIONFAILED]')


@pytest.mark.parametrize('literal', [b'{4294967296}', b'{' + b'9' * 30 + b'}', b'{4097}', b'{5000+}'])
def test_45_48_huge_literals(client, literal):
    assert client.ask(b'a LOGIN ' + literal + b'\r\n').startswith(b'a BAD [TOOBIG]')
    assert client.rest().startswith(b'* BYE')


def test_46_many_literals(client):
    client.send(b'a LOGIN ' + b' '.join([b'{1+}\r\nx'] * 1000) + b'\r\n')
    assert client.rest().startswith(b'a BAD')


@pytest.mark.parametrize('line', [b'a ' + b'(' * 10000 + b'\r\n', b'a NOOP ' + b'x' * 8300 + b'\r\n', b'x' * 9000])
def test_47_long_lines(client, line):
    client.send(line)
    out = client.rest()
    assert b' BAD ' in out and b'* BYE' in out


@pytest.mark.parametrize('tag', [b'a\tb', b'+', b'a+b', b'x' * 1024, b'', b'\xc3\xbc', b'a\0b'])
def test_49_bad_tags(client, tag):
    assert client.ask(tag + b' NOOP\r\n').startswith(b'* BAD')
    assert client.ask(b'z NOOP\r\n').startswith(b'z OK')


def test_50_strange_logins_fail_like_any(suite):
    names = [b'nobody@example.test', credentials(suite)[0].encode(), b'a\r\nb@x', b'a\0b@example.test', b'%@x', b'\xff\xfe@x',
             b'x' * 3000, b'../../etc@x', b'']
    for name in names:
        for password in (b'wrong', b'', b'p\0w', b'x' * 2000):
            for late in (False, False, True):  # others may use the machine
                c = Client(suite)
                started = time.monotonic()
                answer = c.ask(b'a LOGIN {%d+}\r\n%s {%d+}\r\n%s\r\n' % (len(name), name, len(password), password))
                took = time.monotonic() - started
                c.socket.close()
                assert answer == b'a NO [AUTHENTICATIONFAILED] Wrong login or password\r\n', (name, answer)
                assert 0.14 < took and (took < 0.5 or not late), (name, took)
                if took < 0.5:
                    break


def test_51_starttls_with_more_behind_it(client):
    client.send(b'a STARTTLS\r\nb NOOP\r\n')
    out = client.rest()
    assert out.startswith(b'* BYE') and b'b OK' not in out


def test_ten_errors_end_it(client):
    client.send(b'a SELECT INBOX\r\n' * 50)
    out = client.rest()
    assert out.count(b'a BAD') == 10 and b'* BYE Too many errors' in out


def test_failed_login_and_then_a_good_one(suite, client):
    user, password = (x.encode() for x in credentials(suite))
    assert client.ask(b'a LOGIN %s wrong\r\n' % user).startswith(b'a NO [AUTHENTICATIONFAILED]')
    assert client.ask(b'b LOGIN %s %s\r\n' % (user, password)).startswith(b'b OK')


def test_byte_by_byte(suite, client):
    user, password = (x.encode() for x in credentials(suite))
    for c in b'a LOGIN {%d}\r\n' % len(user):
        client.send(bytes([c]))
    assert client.read_line().startswith(b'+ ')
    for c in user + b' ' + password + b'\r\n':
        client.send(bytes([c]))
    assert client.read_line().startswith(b'a OK')


def test_who_never_reads_holds_nobody_up(suite, client):
    client.socket.setblocking(False)
    sent = 0
    try:
        for _ in range(3000):
            sent += client.socket.send(b'a CAPABILITY\r\n' * 200)
    except BlockingIOError:
        pass
    assert sent > 0
    m = suite.login()
    m.logout()


def test_unknown_logins_take_as_long_as_known_ones(suite):
    """The hash is computed in either case: measured on auth's side by what stays above the constant delay."""
    c = {True: [], False: []}
    for i in range(20):
        for known in (True, False):
            s = Client(suite)
            name = credentials(suite)[0] if known else f'user{i}x@example.test'
            started = time.monotonic()
            s.ask(f'a LOGIN {name} wrong\r\n'.encode())
            c[known].append(time.monotonic() - started)
            s.socket.close()
    assert abs(statistics.median(c[True]) - statistics.median(c[False])) < 0.02


def test_timeout(new_suite):
    s = new_suite(conf='imap_login_timeout = 300ms\n')
    c = Client(s)
    started = time.monotonic()
    assert c.rest().startswith(b'* BYE')
    assert 0.25 < time.monotonic() - started < 5


def test_guessing_is_slowed(new_suite):
    s = new_suite(conf='imap_failure_delay = 0ms\nauth_tries_per_minute = 5\n')
    user = credentials(s)[0].encode()
    answers = []
    for _ in range(8):
        c = Client(s)
        answers.append(c.ask(b'a LOGIN %s wrong\r\n' % user))
        c.socket.close()
    assert [b'AUTHENTICATIONFAILED' in a for a in answers] == [True] * 5 + [False] * 3
    assert b'[UNAVAILABLE]' in answers[-1]
    s.wait_event('auth-throttled')
    s.login(1).logout()  # another account from the same place


def test_sessions_per_account(new_suite):
    s = new_suite(conf='imap_sessions_per_account = 3\n')
    held = [s.login() for _ in range(3)]
    with pytest.raises(imaplib.IMAP4.error, match=r'\[LIMIT\]'):
        s.login()
    s.login(1).logout()
    held.pop().logout()

    def admitted():
        """The session has said goodbye; that it is over is noticed a moment later."""
        try:
            return s.login()
        except imaplib.IMAP4.error as e:
            assert b'[LIMIT]' in e.args[0]

    s.wait_for(admitted)


def test_too_many_connections(new_suite):
    s = new_suite(conf='imap_workers = 1\nimap_login_connections = 5\n')
    held = [Client(s) for _ in range(5)]
    assert all(c.greeting.startswith(b'* OK') for c in held)
    assert Client(s).greeting.startswith(b'* BYE [UNAVAILABLE]')
    held.pop().socket.close()
    s.wait_for(lambda: Client(s).greeting.startswith(b'* OK'))


def test_nothing_is_said_before_a_handshake(new_suite):
    """One connection too many, where TLS is spoken from the first byte: no plain text."""
    s = new_suite(conf='imap_workers = 1\nimap_login_connections = 1\nsubmission_workers = 1\nsmtp_connections = 1\n')
    for port in (s.imaps, s.submissions):
        held = socket.create_connection((s.host, port), timeout=20)
        held.sendall(b'\x16')  # who says nothing is taken a second later
        # the first is taken before the second: both wait in one queue of one worker
        assert socket.create_connection((s.host, port), timeout=20).recv(100) == b''
        held.close()
    s.wait_event('connection-limit')


def test_no_client_takes_all_connections(new_suite):
    s = new_suite(conf='imap_workers = 1\nimap_login_connections = 8\nimap_client_connections = 5\ntrusted_networks = {"127.0.0.3"}\n')
    user, password = credentials(s)
    held = [Client(s) for _ in range(5)]
    refused = [Client(s).greeting for _ in range(5)]
    others = [Client(s, source) for source in ('127.0.0.2', '127.0.0.3')]
    assert all(c.greeting.startswith(b'* OK') for c in held + others)
    assert all(g.startswith(b'* BYE [UNAVAILABLE] Too many connections from your address') for g in refused)
    # whoever has logged in does not count any more
    assert held[0].ask(b'a LOGIN %s %s\r\n' % (user.encode(), password.encode())).startswith(b'a OK')
    s.wait_for(lambda: Client(s).greeting.startswith(b'* OK'))
    held.pop().socket.close()
    s.wait_for(lambda: Client(s).greeting.startswith(b'* OK'))
