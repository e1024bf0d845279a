"""TLS with the real programs: what is offered, who gets in, what a stranger may send, and where the keys are."""
import imaplib, pathlib, re, smtplib, socket, ssl, subprocess, sys, time
import pytest
from conftest import TESTS, wait_for

sys.path.insert(0, str(TESTS))
from certificates import Authority
from ports import free_ports

NAMES = ['mx.example.test', 'localhost']


@pytest.fixture(scope='module')
def suite():
    extra = '''imap_workers = 1
smtpd_workers = 1
certificate second { certificate = "%(top)s/tls/second.pem" key = "%(top)s/tls/second.key" }
certificate rsa { certificate = "%(top)s/tls/rsa.pem" key = "%(top)s/tls/rsa.key" }
listener must { service = smtp address = {"127.0.0.1"} port = %(must)d tls = required }
listener never { service = smtp address = {"127.0.0.1"} port = %(never)d tls = off }
listener only13 { service = imaps address = {"127.0.0.1"} port = %(second)d certificates = {"second"} }
'''
    with tls_suite(extra) as s:
        yield s


def tls_suite(extra):
    """An instance with more certificates: `extra` is filled in with top, and ports must, never, second."""
    import contextlib
    from conftest import Suite

    @contextlib.contextmanager
    def make():
        s = Suite()
        ports = free_ports(3)
        s.ports = dict(zip(('must', 'never', 'second'), ports))
        s.authority = Authority(s.top / 'tls')
        s.authority.issue('second', ['second.example.test', '*.wild.example.test'])
        s.authority.issue('rsa', NAMES, kind='rsa')
        s.extra.write_text(extra % {'top': s.top, **s.ports})
        try:
            yield s.start()
        finally:
            s.close()
    return make()


def context(suite, **kw):
    c = ssl.create_default_context(cafile=suite.ca)
    for k, v in kw.items():
        setattr(c, k, v)
    return c


def connect(suite, port, **kw):
    s = socket.create_connection((suite.host, port), timeout=20)
    return context(suite, **kw).wrap_socket(s, server_hostname='localhost')


def s_client(suite, port, *args, send='', check=True):
    r = subprocess.run(['openssl', 's_client', '-connect', f'{suite.host}:{port}', '-CAfile', suite.ca, *args],
                       input=send, capture_output=True, text=True, timeout=30)
    assert not check or r.returncode == 0, r.stdout + r.stderr
    return r.stdout + r.stderr


# --- what is offered ------------------------------------------------------------------------------------------------------

def test_mail_comes_in_under_tls(suite):
    with smtplib.SMTP('localhost', suite.smtp_port, timeout=20) as s:
        s.ehlo('before.test')
        assert s.has_extn('starttls')
        s.starttls(context=context(suite))
        # nothing is known of the client any more
        assert s.docmd('MAIL', 'FROM:<a@client.test>')[0] == 503
        s.ehlo('after.test')
        assert not s.has_extn('starttls')
        assert s.docmd('STARTTLS')[0] == 503
        s.sendmail('a@client.test', [suite.accounts[0]['address']], 'Subject: under tls\r\n\r\nbody\r\n')
    wait_for(lambda: suite.messages())
    text = suite.messages()[0].read_text()
    assert re.search(r'^Received: from after\.test .*\swith ESMTPS id .*\stls TLS_AES_128_GCM_SHA256 \(TLSv1\.3, X25519\);', text, re.M | re.S)
    accepted = suite.wait_event('mail-accepted')[0]['fields']
    assert accepted['protocol'] == 'ESMTPS' and accepted['tls'].startswith('TLSv1.3 ')


def test_a_sender_cannot_leave_something_before_the_handshake(suite):
    with smtplib.SMTP('localhost', suite.smtp_port, timeout=20) as s:
        s.ehlo()
        assert s.docmd('MAIL', 'FROM:<evil@client.test>')[0] == 250
        assert s.docmd('STARTTLS')[0] == 503  # not during a transaction
        assert s.docmd('RSET')[0] == 250
        s.starttls(context=context(suite))
        s.ehlo()
        assert s.docmd('RCPT', f'TO:<{suite.accounts[0]["address"]}>')[0] == 503


def test_required_and_off(suite):
    with smtplib.SMTP('localhost', suite.ports['must'], timeout=20) as s:
        s.ehlo()
        for command in (('MAIL', 'FROM:<a@client.test>'), ('VRFY', 'x'), ('RCPT', 'TO:<a@b>'), ('XCLIENT', 'ADDR=1.2.3.4')):
            code, text = s.docmd(*command)
            assert code == 530 and b'5.7.0' in text, (command, code, text)
        assert s.noop()[0] == 250
        s.starttls(context=context(suite))
        s.ehlo()
        assert s.docmd('MAIL', 'FROM:<a@client.test>')[0] == 250
    with smtplib.SMTP('localhost', suite.ports['never'], timeout=20) as s:
        s.ehlo()
        assert not s.has_extn('starttls')
        assert s.docmd('STARTTLS')[0] == 502


@pytest.mark.parametrize('how', ['implicit', 'starttls'])
def test_imap(suite, how):
    a = suite.accounts[1]
    if how == 'implicit':
        m = imaplib.IMAP4_SSL('localhost', suite.imaps, ssl_context=context(suite), timeout=20)
    else:
        m = imaplib.IMAP4('localhost', suite.imap_port, timeout=20)
        assert 'STARTTLS' in m.capabilities
        m.starttls(context(suite))
    assert 'STARTTLS' not in m.capabilities and 'LOGINDISABLED' not in m.capabilities
    m.login(a['address'], a['password'])
    m.select()
    big = b'Subject: big\r\n\r\n' + b''.join(b'%09d\r\n' % i for i in range(300000))  # more than any buffer on the way
    assert m.append('INBOX', None, None, big)[0] == 'OK'
    got = m.fetch('*', '(RFC822)')[1][0][1]
    assert got == big
    assert m.logout()[0] == 'BYE'


def test_many_sessions_at_once(suite):
    a = suite.accounts[0]
    all_ = []
    for _ in range(12):
        m = imaplib.IMAP4_SSL('localhost', suite.imaps, ssl_context=context(suite), timeout=20)
        m.login(a['address'], a['password'])
        m.select()
        all_.append(m)
    for m in all_:
        assert m.noop()[0] == 'OK'
    for m in all_[:6]:
        m.shutdown()  # the client is gone: so is its session
    for m in all_[6:]:
        assert m.noop()[0] == 'OK'
        m.logout()


def test_certificates_by_name_and_kind(suite):
    def subject(name, **kw):
        s = socket.create_connection((suite.host, suite.imaps), timeout=20)
        c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        c.load_verify_locations(suite.ca)
        c.check_hostname = False
        if kw.get('rsa'):
            c.maximum_version = ssl.TLSVersion.TLSv1_2
            c.set_ciphers('ECDHE+aRSA')
        with c.wrap_socket(s, server_hostname=name) as t:
            return dict(x[0] for x in t.getpeercert()['subject'])['commonName'], t.cipher()[0]
    assert subject('mx.example.test')[0] == 'mx.example.test'
    assert subject('second.example.test')[0] == 'second.example.test'
    assert subject('a.wild.example.test')[0] == 'second.example.test'
    assert subject('unknown.test')[0] == 'mx.example.test'
    assert subject('localhost', rsa=True) == ('mx.example.test', 'ECDHE-RSA-AES128-GCM-SHA256')
    # a listener with one certificate has no other
    assert 'CN = second.example.test' in s_client(suite, suite.ports['second'], '-servername', 'mx.example.test')


def test_versions_and_resumption(suite, tmp_path):
    for version in ('-tls1_2', '-tls1_3'):
        state = tmp_path / version
        first = s_client(suite, suite.imaps, version, '-sess_out', state, '-ign_eof', send='a LOGOUT\n')
        assert 'Verify return code: 0' in first and re.search(r'^New, TLSv1', first, re.M)
        again = s_client(suite, suite.imaps, version, '-sess_in', state, '-ign_eof', send='a LOGOUT\n')
        assert re.search(r'^Reused, TLSv1', again, re.M), again
        # port 25 has no tickets
        out = s_client(suite, suite.smtp_port, version, '-starttls', 'smtp', '-sess_out', state, '-ign_eof', send='QUIT\n')
        assert 'TLS session ticket' not in out
    for version in ('-tls1', '-tls1_1'):
        out = s_client(suite, suite.imaps, version, '-cipher', 'ALL:@SECLEVEL=0', check=False)
        assert 'alert protocol version' in out


def test_alpn(suite):
    assert 'ALPN protocol: imap' in s_client(suite, suite.imaps, '-alpn', 'imap,h2')
    assert 'alert no application protocol' in s_client(suite, suite.imaps, '-alpn', 'h2,http/1.1', check=False)
    assert 'alert no application protocol' in s_client(suite, suite.smtp_port, '-starttls', 'smtp', '-alpn', 'h2', check=False)


def test_sessions_outlive_a_reload_and_end_with_the_suite(new_suite):
    s = new_suite()
    a = s.accounts[0]

    def session():
        m = imaplib.IMAP4_SSL('localhost', s.imaps, ssl_context=context(s), timeout=20)
        m.login(a['address'], a['password'])
        m.select()
        return m
    old = session()
    conf = pathlib.Path(s.conf)
    conf.write_text(conf.read_text() + 'imap_login_timeout = 77s\n')
    assert s.tool('reload').returncode == 0
    new = session()
    for m in (old, new):
        assert m.noop()[0] == 'OK'
    s.send('after the reload')
    s.wait_for(lambda: old.noop() and old.search(None, 'ALL')[1] != [b''])
    began = time.monotonic()
    s.stop()
    assert time.monotonic() - began < 10
    for m in (old, new):
        with pytest.raises((imaplib.IMAP4.abort, OSError)):
            for _ in range(3):
                m.noop()
    s.users = 0
    s.start()


# --- bad input ------------------------------------------------------------------------------------------------------------

def failures(suite):
    return len(suite.events('tls-failed', program='imapd-login'))


def hello(suite, name=None):
    """The bytes of a real ClientHello."""
    out = ssl.MemoryBIO()
    c = ssl.create_default_context(cafile=suite.ca).wrap_bio(ssl.MemoryBIO(), out, server_hostname=name or 'localhost')
    with pytest.raises(ssl.SSLWantReadError):
        c.do_handshake()
    return out.read()


def send_raw(port, *pieces, wait=True):
    """What comes back, to the end."""
    s = socket.create_connection(('127.0.0.1', port), timeout=20)
    out = b''
    try:
        for p in pieces:
            s.sendall(p)
        if not wait:
            s.shutdown(socket.SHUT_WR)
        while part := s.recv(65536):
            out += part
    except (ConnectionResetError, BrokenPipeError):
        pass
    s.close()
    return out


FATAL = b'\x15\x03'


def test_bad_handshakes_are_answered_and_logged_once(suite):
    good = hello(suite)
    # a record of 16 KiB + 2048 and more; a hello that claims 16 MB; SNI with NUL; SNI of 64 KiB (as far as lengths allow)
    nul = good.replace(b'localhost', b'local\0ost')
    huge = bytearray(good)
    huge[6:9] = b'\xff\xff\xff'
    cases = [b'GET / HTTP/1.0\r\n\r\n', b'EHLO plain\r\n', b'\x16\x03\x01\xff\xff' + b'A' * 70000, bytes(huge), nul,
             b'\x16\x03\x01\x00\x00' * 100, b'\x80' * 300, b'\x16\x02\x00\x00\x04\x01\x00\x00\x00', b'\xff' * 500]
    for n, case in enumerate(cases):
        before = failures(suite)
        out = send_raw(suite.imaps, case)
        assert out == b'' or out.startswith(FATAL) or b'HTTP' in out, (n, out[:80])
        suite.wait_for(lambda: failures(suite) == before + 1)
    assert imaplib.IMAP4_SSL('localhost', suite.imaps, ssl_context=context(suite), timeout=20).logout()[0] == 'BYE'


def test_handshakes_cut_at_every_byte(suite):
    good = hello(suite)
    before = failures(suite)
    for n in range(1, len(good), 7):
        send_raw(suite.imaps, good[:n], wait=False)
    expected = before + len(range(1, len(good), 7))
    suite.wait_for(lambda: failures(suite) == expected)


def test_two_names_in_one_hello(suite):
    """An SNI extension as large as the record allows, and one with a name of 64 KiB that is cut off."""
    good = hello(suite)
    assert b'localhost' in good
    ext = good.index(b'\x00\x00\x00\x0e\x00\x0c\x00\x00\x09localhost')
    big = good[:ext] + b'\x00\x00\xff\xff\xff\xfd\x00\xff\xfa' + b'x' * 60000
    body = big[9:]
    records = b''
    message = b'\x01' + len(body).to_bytes(3, 'big') + body
    for i in range(0, len(message), 16384):
        part = message[i:i + 16384]
        records += b'\x16\x03\x01' + len(part).to_bytes(2, 'big') + part
    assert send_raw(suite.imaps, records).startswith(FATAL)


@pytest.mark.parametrize('behind', [b'NOOP\r\n', b'EHLO x\r\nMAIL FROM:<a@b>\r\n', b'\x16\x03\x01\x00\x05'])
def test_nothing_behind_starttls_is_obeyed(suite, behind):
    s = socket.create_connection((suite.host, suite.smtp_port), timeout=20)
    f = s.makefile('rb')
    assert f.readline().startswith(b'220')
    s.sendall(b'EHLO x\r\n')
    while f.readline()[3:4] == b'-':
        pass
    s.sendall(b'STARTTLS\r\n' + behind)
    assert f.readline().startswith(b'554 5.5.0')
    assert f.read() == b''


def test_plain_text_after_the_220_is_no_command(suite):
    s = socket.create_connection((suite.host, suite.smtp_port), timeout=20)
    f = s.makefile('rb')
    f.readline()
    s.sendall(b'EHLO x\r\n')
    while f.readline()[3:4] == b'-':
        pass
    s.sendall(b'STARTTLS\r\n')
    assert f.readline().startswith(b'220')
    s.sendall(b'MAIL FROM:<a@b>\r\nRCPT TO:<user1@example.test>\r\n')
    out = f.read()
    assert out == b'' or out.startswith(FATAL)


def test_renegotiation_ends_it(suite):
    # "R" makes s_client ask for it
    out = s_client(suite, suite.imaps, '-tls1_2', '-crlf', send='R\n', check=False)
    assert 'no renegotiation' in out or 'unexpected' in out or 'RENEGOTIATING' in out
    suite.wait_for(lambda: any('renegotiation' in e['fields']['why'] for e in suite.logged('tls-failed')))


def test_silent_clients_cost_no_login_time(suite):
    """A connection that never begins its handshake holds nobody up."""
    idle = [socket.create_connection((suite.host, suite.imaps), timeout=20) for _ in range(50)]
    t = time.monotonic()
    m = imaplib.IMAP4_SSL('localhost', suite.imaps, ssl_context=context(suite), timeout=20)
    assert m.logout()[0] == 'BYE' and time.monotonic() - t < 5
    for s in idle:
        s.close()


@pytest.mark.parametrize('service', ['imaps', 'submissions'])
def test_a_client_that_is_slow_to_begin_is_served(suite, service):
    """The kernel holds a connection back only for a moment: then who is silent is seen, and can still begin."""
    with socket.create_connection((suite.host, getattr(suite, service)), timeout=40) as s:
        at = s.getsockname()
        suite.wait_for(lambda: accepted(at))
        with context(suite).wrap_socket(s, server_hostname='localhost') as c:
            assert c.recv(100).startswith(b'* OK' if service == 'imaps' else b'220')


def accepted(client):
    """Has a process taken the connection of that address? In the kernel's queue it has no inode."""
    mine = '%08X:%04X' % (int.from_bytes(socket.inet_aton(client[0]), 'little'), client[1])
    rows = [line.split() for line in open('/proc/net/tcp').readlines()[1:]]
    return any(r[2] == mine and r[9] != '0' for r in rows)


def test_clients_are_limited_before_the_handshake(new_suite):
    s = new_suite(conf='trusted_networks = {"192.0.2.0/24"}\nsmtp_client_connections = 2\nsubmission_workers = 1\n')
    held = [connect(s, s.submissions) for _ in range(2)]
    for c in held:
        assert c.recv(100).startswith(b'220')
    assert send_raw(s.submissions) == b''  # not even a handshake
    s.wait_event('client-limit')
    held[0].close()
    s.wait_for(lambda: connects(s))
    held[1].close()


def connects(s):
    try:
        connect(s, s.submissions).close()
        return True
    except (OSError, ssl.SSLError):
        return False


def test_handshake_behind_a_proxy(new_suite):
    """The header of the PROXY protocol in plain text, and the handshake right behind it."""
    s = new_suite(conf='smtp_proxy_networks = {"127.0.0.0/8"}\n')
    for together in (True, False):
        raw = socket.create_connection((s.host, s.submissions), timeout=20)
        header = b'PROXY TCP4 192.0.2.7 192.0.2.1 1000 465\r\n'
        inward, outward = ssl.MemoryBIO(), ssl.MemoryBIO()
        t = context(s).wrap_bio(inward, outward, server_hostname='localhost')
        if not together:
            raw.sendall(header)
            header = b''
        greeting = b''
        while not greeting:
            try:
                t.do_handshake()
                greeting = t.read(100)
            except ssl.SSLWantReadError:
                raw.sendall(header + outward.read())
                header = b''
                part = raw.recv(65536)
                assert part
                inward.write(part)
        assert greeting.startswith(b'220 ')
        raw.close()
    s.wait_for(lambda: sum(e['fields']['client'] == '192.0.2.7' for e in s.logged('tls')) == 2)


# --- what others say of it ------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('which', ['smtp', 'submission', 'imap', 'imaps', 'submissions'])
def test_sslscan_finds_nothing_weak(suite, which):
    import xml.etree.ElementTree as xml
    port = suite.__dict__[which]
    start = {'smtp': ['--starttls-smtp'], 'submission': ['--starttls-smtp'], 'imap': ['--starttls-imap']}.get(which, [])
    out = subprocess.run(['sslscan', '--xml=-', '--no-colour', *start, f'localhost:{port}'], capture_output=True, text=True, timeout=120)
    scan = xml.fromstring(out.stdout[out.stdout.index('<?xml'):]).find('ssltest')
    enabled = {p.get('type') + p.get('version') for p in scan.iter('protocol') if p.get('enabled') == '1'}
    assert enabled == {'tls1.2', 'tls1.3'}, out.stdout
    ciphers = [c.attrib for c in scan.iter('cipher')]
    assert len(ciphers) >= 5
    for c in ciphers:
        assert c['strength'] in ('strong', 'acceptable') and int(c['bits']) >= 128, c
        assert c['sslversion'] == 'TLSv1.3' or re.match(r'ECDHE-.*(GCM|POLY1305)', c['cipher']), c
    assert all(g.get('name').split()[0] in ('x25519', 'secp256r1', 'secp384r1') for g in scan.iter('group')), out.stdout
    assert all(c.get('supported') == '0' for c in scan.iter('compression'))
    assert scan.find('renegotiation').get('supported') == '0' or scan.find('renegotiation').get('secure') == '1'
    assert all(h.get('vulnerable') == '0' for h in scan.iter('heartbleed'))
