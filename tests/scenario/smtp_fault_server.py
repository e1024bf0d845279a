#!/usr/bin/python3
"""An SMTP or LMTP server that does what it is told, good or bad; for tests of deliver-remote, and by hand.
At a port, or at the Unix socket of that path.

    server = FaultServer(extensions=['PIPELINING', 'CHUNKING'])
    server.plan('rcpt', '550 5.1.1 nobody')      # the next RCPT is refused
    server.plan('final', CLOSE, times=2)         # the next two messages get no answer
    ...
    server.messages                              # what was accepted: Message(sender, rcpts, data, ...)

With tls=CONTEXT (an ssl.SSLContext) it offers STARTTLS; with implicit=True it begins with the handshake. With mechanisms
it has logins: those of accounts, under TLS if it has any.

Steps are connect, ehlo, helo, starttls, auth, mail, rcpt, data, bdat, final, rset, quit. What is planned for a step is used up in
order; then the step is answered well. An action is a reply (a string; several lines divided by newlines), or one of the
functions below, or any function(session) that returns a reply, or None for none.

By hand: smtp_fault_server.py PORT [--lmtp] [STEP=REPLY ...]
"""
import argparse, base64, collections, dataclasses, os, re, socket, ssl, struct, sys, threading, time, weakref


class End(Exception):
    """This connection is over."""


def CLOSE(session):
    raise End


def RESET(session):
    """An RST in place of an orderly end."""
    session.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    raise End


def HANG(session):
    """Says nothing until the client gives up."""
    session.sock.settimeout(120)
    while session.sock.recv(65536):
        pass
    raise End


def FLOOD(session):
    """A reply that does not end: 10 MB in valid lines."""
    session.send_raw(b''.join(b'250-%d\r\n' % i for i in range(1000)) * 1100)
    raise End


def ENDLESS_LINE(session):
    session.send_raw(b'250 ' + b'x' * (10 << 20))
    raise End


def GARBAGE(session):
    session.send_raw(b'\x16\x03\x01\x02\x00\x01\x00\r\n')
    raise End


def MIXED(session):
    session.send_raw(b'250-this\r\n550 and that\r\n')


def CONTROLS(session):
    """A refusal with what a terminal, a log or a header must not get."""
    session.send_raw(b'550 5.1.1 \x1b[2J\x07 bad\rX-Injected: yes\x00 \xff\xfe end\r\n')


def ADVANCE(session):
    """The answer, and in the same packet answers to questions that were not asked."""
    session.send_raw(b'250 ok\r\n' * 2 + b'354 go\r\n250 2.0.0 taken\r\n')


def INJECT(session):
    """The answer to STARTTLS, and in the same packet what the client shall take for encrypted."""
    session.send_raw(b'220 2.0.0 go\r\n250-fault.test\r\n250 SIZE 1\r\n')
    raise End


def CUT(session):
    """Goes while the client shakes hands."""
    session.send_raw(b'220 2.0.0 go\r\n')
    session.sock.recv(16)
    raise End


def SLOW(seconds, reply='250 2.0.0 ok'):
    def act(session):
        time.sleep(seconds)
        return reply
    return act


def BYTEWISE(reply):
    """The reply, one byte in each packet."""
    def act(session):
        for b in (reply + '\r\n').encode():
            session.send_raw(bytes([b]))
            time.sleep(0.002)
    act.says = reply
    return act


@dataclasses.dataclass
class Message:
    sender: str
    mail_args: str
    rcpts: list        # accepted
    rcpt_args: list
    data: bytes        # unstuffed, CRLF as received
    connection: int    # number of the connection, from 1
    chunked: bool
    answered: bool = True
    tls: str = None    # its version, None = in plain text
    resumed: bool = False
    name: str = None   # asked for by SNI
    peer: str = None   # address of the client
    helo: str = None   # what it calls itself
    login: str = None  # who had logged in
    certificate: dict = None  # that the client has shown


class Session(threading.Thread):
    def __init__(self, server, sock, number):
        super().__init__(daemon=True)
        self.server, self.sock, self.number = server, sock, number
        if sock.family != socket.AF_UNIX:
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.input, self.login = b'', None
        self.reset()

    def reset(self):
        self.sender, self.mail_args, self.rcpts, self.rcpt_args, self.chunks = None, '', [], [], b''

    def run(self):
        try:
            if self.server.implicit:
                self.secure()
            self.step('connect', '220 fault.test ready')
            while True:
                self.command(self.line())
        except (End, OSError):
            pass
        finally:
            self.server.count(-1)  # before the client can know, and connect anew
            self.sock.close()

    # --- bytes

    def fill(self):
        more = self.sock.recv(65536)
        if not more:
            raise End
        self.input += more

    def line(self):
        while b'\n' not in self.input:
            self.fill()
        line, _, self.input = self.input.partition(b'\n')
        if not line.endswith(b'\r') or b'\r' in line[:-1]:
            self.server.faults.append(f'line with a bare CR or LF: {line!r}')
        self.server.transcript.append(line.rstrip(b'\r'))
        return line.rstrip(b'\r').decode('utf-8', 'surrogateescape')

    def take(self, n):
        while len(self.input) < n:
            self.fill()
        data, self.input = self.input[:n], self.input[n:]
        return data

    def send_raw(self, data):
        self.sock.sendall(data)

    def say(self, reply):
        lines = reply.split('\n')
        code = lines[0][:3]
        full = [lines[0]] + [f'{code} {l}' for l in lines[1:]]
        self.send_raw(b''.join((l[:3] + ('-' if i + 1 < len(full) else ' ') + l[4:] + '\r\n').encode()
                               for i, l in enumerate(full)))

    def step(self, name, good, before=None):
        """Does what is planned for the step, or answers well; the reply, or None. before(reply) comes first."""
        action = self.server.next_action(name)
        says = good if action is None else getattr(action, 'says', None) if callable(action) else action
        if before is not None and says is not None:
            before(says)
        reply = action(self) if callable(action) else says
        if reply is not None:
            if before is not None and says is None:
                before(reply)
            self.say(reply)
        if reply is not None and reply.startswith('421'):
            raise End
        return reply or getattr(action, 'says', None)

    # --- commands

    def command(self, line):
        verb, _, rest = line.partition(' ')
        method = getattr(self, 'do_' + verb.lower(), None)
        if method is None:
            self.say('500 5.5.1 what?')
        else:
            method(rest)

    def do_ehlo(self, rest):
        self.helo = rest
        self.reset()
        more = self.server.tls_extensions if self.secured() else [] if self.server.tls is None else \
            ['STARTTLS', *self.server.plain_extensions]
        more = [*more, 'AUTH ' + ' '.join(self.server.mechanisms)] if self.server.mechanisms and self.may_log_in() else more
        self.step('ehlo', '\n'.join(['250 fault.test', *self.server.extensions, *more]))

    do_lhlo = do_ehlo

    def do_helo(self, rest):
        self.helo = rest
        self.reset()
        self.step('helo', '250 fault.test')

    def may_log_in(self):
        return self.secured() or self.server.tls is None

    def secured(self):
        return isinstance(self.sock, ssl.SSLSocket)

    def secure(self):
        if self.input:
            self.server.faults.append('input between STARTTLS and its answer')
        self.sock = self.server.tls.wrap_socket(self.sock, server_side=True)

    def do_starttls(self, rest):
        if self.server.tls is None or self.secured():
            return self.say('502 5.5.1 not here')
        if (self.step('starttls', '220 2.0.0 go') or '').startswith('220'):
            self.secure()
            self.reset()

    def do_rset(self, rest):
        self.reset()
        self.step('rset', '250 2.0.0 ok')

    def do_noop(self, rest):
        self.say('250 2.0.0 ok')

    def do_quit(self, rest):
        self.step('quit', '221 2.0.0 bye')
        raise End

    def do_auth(self, rest):
        """PLAIN, LOGIN, XOAUTH2 and OAUTHBEARER; a plan may say anything else, step by step."""
        words = rest.split()
        if (action := self.server.next_action('auth')) is not None:
            return self.scripted(action)
        if self.login is not None or words[0] not in self.server.mechanisms:
            return self.say('503 5.5.1 not now')
        login = getattr(self, 'auth_' + words[0].lower())(words[1:])
        self.server.logins.append((words[0], *login, self.secured()))
        if login not in self.server.accounts:
            if words[0].startswith(('XO', 'OA')):
                self.ask(base64.b64encode(b'{"status":"401"}').decode())
            return self.say('535 5.7.8 who is that?')
        self.login = login[0]
        self.say('235 2.7.0 welcome')

    def scripted(self, action):
        while action is not None:
            reply = action(self) if callable(action) else action
            if reply is not None:
                self.say(reply)
            if reply is None or not reply.startswith('334'):
                return
            self.server.answers.append(self.line())
            action = self.server.next_action('auth')

    def ask(self, challenge):
        self.send_raw(f'334 {challenge}\r\n'.encode())
        return base64.b64decode(self.line())

    def initial(self, words):
        return base64.b64decode(words[0]) if words else self.ask('')

    def auth_plain(self, words):
        _, user, password = self.initial(words).split(b'\0')
        return user.decode(), password.decode()

    def auth_login(self, words):
        return self.ask('VXNlcm5hbWU6').decode(), self.ask('UGFzc3dvcmQ6').decode()

    def auth_xoauth2(self, words):
        user, bearer, _, _ = self.initial(words).split(b'\1')
        return user.decode().removeprefix('user='), bearer.decode().removeprefix('auth=Bearer ')

    def auth_oauthbearer(self, words):
        header, host, port, bearer, _, _ = self.initial(words).split(b'\1')
        return header.decode().split(',')[1].removeprefix('a='), bearer.decode().removeprefix('auth=Bearer ')

    def do_mail(self, rest):
        m = re.match(r'(?i)FROM:<(.*?)>(?: (.*))?$', rest)
        if m is None or self.sender is not None:
            return self.say('503 5.5.1 not now')
        if (self.step('mail', '250 2.1.0 ok') or '').startswith('2'):
            self.sender, self.mail_args = m[1], m[2] or ''

    def do_rcpt(self, rest):
        m = re.match(r'(?i)TO:<(.*?)>(?: (.*))?$', rest)
        if m is None or self.sender is None:
            return self.say('503 5.5.1 not now')
        planned = self.server.refused.get(m[1])
        if planned:
            return self.say(planned)
        if (self.step('rcpt', '250 2.1.5 ok') or '').startswith('2'):
            self.rcpts.append(m[1])
            self.rcpt_args.append(m[2] or '')

    def do_data(self, rest):
        if not self.rcpts:
            return self.say('503 5.5.1 no recipients')
        if not (self.step('data', '354 go') or '').startswith('354'):
            return
        while b'\r\n.\r\n' not in b'\r\n' + self.input:
            self.fill()
        data, _, self.input = (b'\r\n' + self.input).partition(b'\r\n.\r\n')
        self.end(re.sub(rb'(?m)^\.', b'', data[2:] + b'\r\n' if data else b''), False)

    def do_bdat(self, rest):
        words = rest.split()
        self.chunks += self.take(int(words[0]))
        if not self.rcpts:
            return self.say('503 5.5.1 no recipients')
        if len(words) > 1 and words[1].upper() == 'LAST':
            self.end(self.chunks, True)
        else:
            self.step('bdat', '250 2.0.0 chunk')

    def end(self, data, chunked):
        if re.search(rb'(?<!\r)\n|\r(?!\n)', data):
            self.server.faults.append('message with a bare CR or LF')
        message = Message(self.sender, self.mail_args, [], [], data, self.number, chunked, False, login=self.login)
        if self.secured():
            message.tls, message.resumed = self.sock.version(), self.sock.session_reused
            message.name = self.server.names.get(self.sock)
            message.certificate = self.sock.getpeercert()
        message.peer, message.helo = (self.sock.getpeername() or [''])[0], self.helo
        self.server.seen.append(message)
        for rcpt, args in zip(self.rcpts, self.rcpt_args) if self.server.lmtp else [(None, None)]:
            taken = ([rcpt], [args]) if self.server.lmtp else (self.rcpts, self.rcpt_args)
            self.step('final', '250 2.0.0 taken', lambda reply: self.took(message, reply, *taken))
        self.reset()

    def took(self, message, reply, rcpts, rcpt_args):
        """Before the client knows, so that whoever asks when it does finds the message."""
        if not reply.startswith('2'):
            return
        message.rcpts += rcpts
        message.rcpt_args += rcpt_args
        if not message.answered:
            message.answered = True
            self.server.messages.append(message)


class FaultServer:
    def __init__(self, port=0, lmtp=False, extensions=('PIPELINING', 'SIZE', '8BITMIME', 'ENHANCEDSTATUSCODES'),
                 address='127.0.0.1', tls=None, implicit=False, plain_extensions=(), tls_extensions=(), accounts=(),
                 mechanisms=()):
        self.lmtp, self.extensions = lmtp, list(extensions)
        self.tls, self.implicit, self.plain_extensions, self.tls_extensions = tls, implicit, plain_extensions, tls_extensions
        self.accounts, self.mechanisms = set(accounts), list(mechanisms)  # (user, password or token)
        self.logins, self.answers = [], []  # all that were tried: (mechanism, user, secret, by TLS); to planned challenges
        self.names = weakref.WeakKeyDictionary()  # connection -> name asked for by SNI
        if tls is not None:
            tls.sni_callback = lambda sock, name, context: self.names.__setitem__(sock, name)
        self.lock = threading.Lock()
        self.plans = collections.defaultdict(collections.deque)
        self.refused = {}      # recipient -> reply, always
        self.messages = []     # accepted, to our knowledge
        self.seen = []         # all whose end came, whatever was answered
        self.faults = []       # what no client may send
        self.transcript = []   # every command line
        self.connections = 0   # ever
        self.open = 0          # now
        if address.startswith('/'):
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.bind(address)
            os.chmod(address, 0o600)
            self.sock.listen(256)
            self.port, self.hop = None, f'unix:{address}'
        else:
            family = socket.AF_INET6 if ':' in address else socket.AF_INET
            self.sock = socket.create_server((address, port), family=family, backlog=256)
            self.port = self.sock.getsockname()[1]
            self.hop = f'[{address}]:{self.port}'
        threading.Thread(target=self.accept, daemon=True).start()

    def plan(self, step, action, times=1):
        with self.lock:
            self.plans[step].extend([action] * times)

    def next_action(self, step):
        with self.lock:
            return self.plans[step].popleft() if self.plans[step] else None

    def count(self, n):
        with self.lock:
            self.open += n

    def accept(self):
        while True:
            try:
                sock, _ = self.sock.accept()
            except OSError:
                return
            self.connections += 1
            self.count(1)
            Session(self, sock, self.connections).start()

    def close(self):
        """Nobody listens any more; connections that are open stay."""
        try:
            self.sock.shutdown(socket.SHUT_RDWR)  # ends accept() as well
        except OSError:
            pass
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Hosts:
    """A server on each of several addresses, all at the same port: {address: keyword arguments of FaultServer}."""

    def __init__(self, addresses):
        while True:
            with socket.create_server(('127.0.0.1', 0)) as s:
                self.port = s.getsockname()[1]
            self.at = {}
            try:
                for address, options in addresses.items():
                    self.at[address] = FaultServer(self.port, address=address, **options)
                return
            except OSError:
                self.close()

    def close(self):
        for s in self.at.values():
            s.close()

    def faults(self):
        return [f for s in self.at.values() for f in s.faults]

    def taken(self, subject):
        """(address, message) of all that arrived."""
        return [(a, m) for a, s in self.at.items() for m in s.messages if f'Subject: {subject}\r\n'.encode() in m.data]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('port', type=int)
    p.add_argument('--lmtp', action='store_true')
    p.add_argument('plan', nargs='*', help='STEP=REPLY or STEP=close, reset, hang, flood, garbage ...')
    a = p.parse_args()
    server = FaultServer(a.port, a.lmtp)
    for item in a.plan:
        step, _, what = item.partition('=')
        server.plan(step, globals().get(what.upper(), what), times=1 << 20)
    shown = 0
    while True:
        time.sleep(0.2)
        for line in server.transcript[shown:]:
            print(line.decode('utf-8', 'replace'), flush=True)
            shown += 1


if __name__ == '__main__':
    sys.exit(main())
