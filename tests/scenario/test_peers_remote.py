"""Mail to the servers of others: Postfix with and without TLS, by DANE too, Exim, OpenSMTPD, Dovecot's LMTP, smtp-sink."""
import contextlib, email, pathlib, shutil, smtplib, sys, tempfile
import pytest
import conftest
from dns_server import Zones
from real_servers import DovecotLMTP, Exim, OpenSMTPD, Postfix, Sink

sys.path.insert(0, str(conftest.TESTS))
from certificates import Authority
from ports import free_port
from test_dane import tlsa

SENDER = 'user1@example.test'
# domain -> what the server behind it is and can do
PEERS = {
    'postfix.test': {'tls': '', 'utf8': True, 'dsn': True},
    'secure.postfix.test': {'tls': 'verified', 'utf8': True, 'dsn': True},
    'exim.test': {'tls': 'verified', 'utf8': True, 'dsn': True},
    # with the OpenSSL of Debian 12 it fails in each handshake, with openssl s_client as with us (its own process that
    # signs: EVP lib, internal error): so, plain text
    'opensmtpd.test': {'tls': '', 'utf8': False, 'dsn': True},
    'dovecot.test': {'tls': 'verified', 'utf8': False, 'dsn': False},
    'socket.dovecot.test': {'tls': '', 'utf8': False, 'dsn': False},  # at its Unix socket
}


class World:
    """All of them, and an instance that they send their reports to."""

    def __init__(self, stack):
        self.top = pathlib.Path(tempfile.mkdtemp(prefix='thurn-peers-'))
        self.top.chmod(0o755)
        stack.callback(shutil.rmtree, self.top)
        self.ca = Authority(self.top / 'ca')
        pair = self.ca.issue('mx', [f'mx.{d}' for d in PEERS], kind='rsa')
        pair[1].chmod(0o644)  # not all of them read it as root
        self.port = free_port('127.0.0.1')
        start = lambda kind: stack.enter_context(kind(way_back=self.port, pair=pair))
        self.postfix, self.exim, self.opensmtpd, self.dovecot = map(start, (Postfix, Exim, OpenSMTPD, DovecotLMTP))
        self.server = {'postfix.test': self.postfix, 'secure.postfix.test': self.postfix, 'exim.test': self.exim,
                       'opensmtpd.test': self.opensmtpd, 'dovecot.test': self.dovecot, 'socket.dovecot.test': self.dovecot}
        self.sinks = {name: stack.enter_context(Sink(words=words, at=f'127.0.0.{i + 20}')) for i, (name, words) in enumerate(SINKS.items())}
        self.zones = stack.enter_context(Zones({'.': {}, 'secure.test': {
            'dane': 'MX 10 mx', 'mx': f'A {self.postfix.secure_at}', f'_{self.postfix.port}._tcp.mx': f'TLSA {tlsa(pair[0])}',
            'wrong': 'MX 10 other', 'other': f'A {self.postfix.secure_at}',
            f'_{self.postfix.port}._tcp.other': f'TLSA 3 1 1 {"00" * 32}'}}, signed=['.', 'secure.test']))
        self.suite = stack.enter_context(conftest.running(conf=self.configuration()))

    def configuration(self):
        hop = {d: f'smtp:[mx.{d}]:{s.port}' for d, s in self.server.items()}
        hop['dovecot.test'] = f'lmtp:[mx.dovecot.test]:{self.dovecot.port}'
        hop['socket.dovecot.test'] = f'lmtp:unix:{self.dovecot.socket}'
        for name, s in self.sinks.items():
            hop[f'{name}.sink.test'] = f'{"lmtp" if "-L" in SINKS[name] else "smtp"}:{s.hop}'
        at = {**{d: s.at for d, s in self.server.items()}, 'secure.postfix.test': self.postfix.secure_at}
        secured = ', '.join(f'[mx.{d}]:{self.server[d].port}=verify' for d, p in PEERS.items() if p['tls'])
        ports = {s.port for s in [*self.server.values(), *self.sinks.values()]}
        return self.zones.settings() + f'''
minimal_backoff = 300s
remote_idle_time = 500ms
remote_sockets = {{"{self.dovecot.socket}"}}
listener mx {{ service = smtp address = {{"127.0.0.1"}} port = {self.port} }}
remote_port = {self.postfix.port}
remote_ports = {{{', '.join(map(str, ports))}}}
transport_maps = {{"inline:{{{', '.join(f'{d}={h}' for d, h in hop.items())}}}"}}
static_hosts = {{{', '.join(f'"mx.{d}={a}"' for d, a in at.items())}}}
remote_tls_policy = {{"inline:{{{secured}}}"}}
tls_ca_file = "{self.ca.path}"
'''


# with the options that break it: -f refuses for good, -r for now
SINKS = {'plain': [], 'rcpt': ['-f', 'RCPT'], 'mail-later': ['-r', 'MAIL'], 'data': ['-f', 'DATA'], 'dot': ['-f', '.'],
         'dot-later': ['-r', '.'], 'ehlo': ['-e'], 'no-8bit': ['-8'], 'no-pipelining': ['-p'], 'cut': ['-q', 'RCPT'],
         'lmtp': ['-L'], 'helo': ['-f', 'EHLO']}
SINK_EXPECTED = {'plain': '2.0.0', 'rcpt': '5.3.0', 'mail-later': '4.3.0', 'data': '5.3.0', 'dot': '5.3.0', 'dot-later': '4.3.0',
                 'ehlo': '2.0.0', 'no-8bit': '2.0.0', 'no-pipelining': '2.0.0', 'cut': '4.4.2', 'lmtp': '2.2.0', 'helo': '2.0.0'}


@pytest.fixture(scope='module')
def world():
    with contextlib.ExitStack() as stack:
        yield World(stack)


def send(world, subject, to, body=b'body\r\n', options=(), rcpt_options=(), header=b''):
    to = to if isinstance(to, list) else [to]
    with smtplib.SMTP(world.suite.host, world.port, timeout=20) as c:
        c.sendmail(SENDER, to, f'Subject: {subject}\r\n'.encode() + header + b'\r\n' + body, mail_options=options,
                   rcpt_options=rcpt_options)


def taken(server, subject):
    """That message as it was stored, with CRLF."""
    mark = f'Subject: {subject}\n'.encode()
    def look():
        found = [m.replace(b'\r\n', b'\n') for m in server.messages()]
        return [m for m in found if mark in m]
    return conftest.wait_for(look)[0].replace(b'\n', b'\r\n')


@pytest.mark.parametrize('domain', PEERS)
def test_each_recipient_has_its_own_result(world, domain):
    server, peer = world.server[domain], PEERS[domain]
    send(world, f'results {domain}', [f'user@{domain}', f'nobody@{domain}', f'other@{domain}'])
    for who in 'user', 'other':
        e = world.suite.outcome(f'{who}@{domain}')
        assert e['event'] == 'delivered' and e['tls'].endswith(peer['tls']) and bool(e['tls']) == bool(peer['tls']), (e, server.log())
    e = world.suite.outcome(f'nobody@{domain}')
    assert e['event'] == 'bounced' and e['dsn'].startswith('5.'), e
    taken(server, f'results {domain}')


@pytest.mark.parametrize('domain', PEERS)
def test_content(world, domain):
    """Eight-bit bytes, dots, long lines, and more than one chunk: what is stored is what was sent."""
    line = b'.dots and \xc3\xa4\xc3\xb6\xc3\xbc ' + b'x' * 900 + b'\r\n..\r\n.\r\n'.replace(b'\r\n.\r\n', b'\r\n. \r\n')
    body = line * 600
    send(world, f'content {domain}', f'user@{domain}', body, options=['BODY=8BITMIME'],
         header=b'MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n')
    got = taken(world.server[domain], f'content {domain}')
    assert got.partition(b'\r\n\r\n')[2] == body


def test_chunks_where_they_are_offered(world):
    for domain in 'postfix.test', 'exim.test':
        send(world, f'chunks {domain}', f'chunks@{domain}')
        world.suite.outcome(f'chunks@{domain}')
    conftest.wait_for(lambda: ' bdat=' in world.postfix.log())
    assert ' data=' not in world.postfix.log()
    conftest.wait_for(lambda: ' K ' in world.exim.log())  # exim.org: "K: CHUNKING was used"


@pytest.mark.parametrize('domain', PEERS)
def test_addresses_in_utf8(world, domain):
    to = f'jörg@{domain}'
    send(world, f'utf8 {domain}', to, options=['SMTPUTF8'])
    e = world.suite.outcome(to)
    if PEERS[domain]['utf8']:
        assert e['event'] == 'delivered', (e, world.server[domain].log()[-2000:])
        taken(world.server[domain], f'utf8 {domain}')
    else:
        assert e['event'] == 'bounced' and e['dsn'] == '5.6.7', e


# not OpenSMTPD: it takes NOTIFY=SUCCESS, and what it makes of it is its own affair
@pytest.mark.parametrize('domain', [d for d in PEERS if d != 'opensmtpd.test'])
def test_success_is_reported_once(world, domain):
    """By them where they offer DSN, else by us; with the id and the recipient that the sender gave."""
    envid = f'id-{domain}'
    send(world, f'dsn {domain}', f'user@{domain}', options=['RET=HDRS', f'ENVID={envid}'],
         rcpt_options=['NOTIFY=SUCCESS', f'ORCPT=rfc822;first@{domain}'])
    def reports():
        all = [email.message_from_bytes(f.read_bytes()) for f in world.suite.messages(0)]
        return [m for m in all if m.get_content_type() == 'multipart/report' and envid in m.as_string()]
    m, = world.suite.wait_for(reports, 15)
    status = m.get_payload(1).as_string()
    ours = 'Reporting-MTA: dns; mx.example.test' in status.replace('dns;mx', 'dns; mx')
    assert ours == (not PEERS[domain]['dsn']), status
    assert 'first@' in status


# --- DANE

def test_dane(world):
    send(world, 'dane', 'user@dane.secure.test')
    e = world.suite.outcome('user@dane.secure.test')
    assert e['event'] == 'delivered' and e['tls'].endswith(' dane') and 'mx.secure.test[' in e['relay'], e
    taken(world.postfix, 'dane')
    send(world, 'wrong', 'user@wrong.secure.test')
    e = world.suite.outcome('user@wrong.secure.test')
    assert e['event'] == 'deferred' and e['dsn'] == '4.7.5', e


# --- smtp-sink

@pytest.mark.parametrize('name', SINKS)
def test_sink(world, name):
    to = f'user@{name}.sink.test'
    send(world, f'sink {name}', to)
    e, want = world.suite.outcome(to), SINK_EXPECTED[name]
    assert e['event'] == {'2': 'delivered', '4': 'deferred', '5': 'bounced'}[want[0]], e
    assert e['dsn'][0] == want[0]
    if want[0] == '2':
        taken(world.sinks[name], f'sink {name}')
    else:
        assert not [m for m in world.sinks[name].messages() if f'sink {name}\n'.encode() in m] or name.startswith('dot')


def test_eight_bits_where_they_are_not_taken(world):
    """Down-converted, RFC 6152 3."""
    to = 'eight@no-8bit.sink.test'
    send(world, 'eight bits', to, 'ä\r\n'.encode(), options=['BODY=8BITMIME'],
         header=b'MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n')
    e = world.suite.outcome(to)
    assert e['event'] == 'delivered', e
    m = taken(world.sinks['no-8bit'], 'eight bits')
    assert m.isascii() and b'=C3=A4' in m
