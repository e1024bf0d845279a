"""Client certificates: who logs in with one, who relays with one, and what is no proof."""
import base64, re, smtplib, socket, ssl, subprocess, sys
import pytest
from conftest import TESTS, Suite
from ports import free_ports

sys.path.insert(0, str(TESTS))
from certificates import Authority

U1, U2, U3 = (f'user{n}@example.test' for n in (1, 2, 3))
CONF = '''imap_workers = 1
smtpd_workers = 1
submission_workers = 1
imap_failure_delay = 50ms
submission_failure_delay = 50ms
trusted_networks = {"192.0.2.0/24"}
sasl_mechanisms = {"EXTERNAL", "PLAIN"}
tls_client_ca = {"%(top)s/tls/clients.pem"}
certificate_logins = {"Two Too user2@example.test"}
relay_clientcerts = {"texthash:%(top)s/table/clients"}
listener asks { service = submissions address = {"127.0.0.1"} port = %(asks)d client_certificates = ask }
listener starttls { service = submission address = {"127.0.0.1"} port = %(starttls)d client_certificates = ask }
listener needs { service = submissions address = {"127.0.0.1"} port = %(needs)d client_certificates = require }
listener mail { service = imaps address = {"127.0.0.1"} port = %(mail)d client_certificates = ask }
listener relays { service = smtp address = {"127.0.0.1"} port = %(relays)d client_certificates = ask }
'''


def fingerprint(pem, key=False):
    if not key:
        out = subprocess.run(['openssl', 'x509', '-in', pem, '-noout', '-fingerprint', '-sha256'], capture_output=True, text=True, check=True)
        return out.stdout.strip().split('=')[1]
    public = subprocess.run(['openssl', 'x509', '-in', pem, '-noout', '-pubkey'], capture_output=True, check=True).stdout
    der = subprocess.run(['openssl', 'pkey', '-pubin', '-outform', 'DER'], input=public, capture_output=True, check=True).stdout
    import hashlib
    return ':'.join(f'{b:02X}' for b in hashlib.sha256(der).digest())


@pytest.fixture(scope='module')
def suite():
    s = Suite(users=3)
    names = ('asks', 'starttls', 'needs', 'mail', 'relays')
    s.ports = dict(zip(names, free_ports(len(names))))
    s.authority = Authority(s.top / 'clients')
    s.authority.issue('one', [U1])
    s.authority.issue('two', [], common_name='Two Too')
    s.authority.issue('three', [U3])
    s.authority.issue('server', ['host.example.test'])
    s.authority.issue('expired', [U1], begins=-30, days=10)
    s.authority.issue('early', [U1], begins=10)
    others = Authority(s.top / 'others')
    others.issue('stranger', [U1])
    others.issue('keyed', ['relay.example.test'])
    (s.top / 'tls').mkdir(exist_ok=True)
    (s.top / 'tls/clients.pem').write_bytes(s.authority.path.read_bytes())
    (s.top / 'table').mkdir(mode=0o755)
    (s.top / 'table/clients').write_text(f"{fingerprint(s.top / 'others/stranger.pem')} the first\n"
                                         f"{fingerprint(s.top / 'others/keyed.pem', key=True)} by its key\n")
    s.extra.write_text(CONF % {'top': s.top, **s.ports})
    try:
        s.start()
        for user in (U1, U2):
            s.tool('user', 'set', '--certificate', 'on', user)
        yield s
    finally:
        s.close()


def pair(suite, name):
    for folder in ('clients', 'others'):
        if (suite.top / folder / f'{name}.pem').exists():
            return suite.top / folder / f'{name}.pem', suite.top / folder / f'{name}.key'


def context(suite, name):
    c = ssl.create_default_context(cafile=suite.ca)
    if name is not None:
        c.load_cert_chain(*map(str, pair(suite, name)))
    return c


def run(*args, text=None, good=True):
    r = subprocess.run(list(map(str, args)), input=text, capture_output=True, text=True, timeout=60)
    assert (r.returncode == 0) == good, r.stdout + r.stderr
    return r.stdout + r.stderr


def logins(suite):
    return [(e['fields']['login'], e['fields']['service']) for e in suite.events('auth-accepted') if e['fields']['mechanism'] == 'EXTERNAL']


def external(suite, port, name, who='='):
    """The reply to AUTH EXTERNAL, and whether it was offered."""
    with smtplib.SMTP_SSL('localhost', port, timeout=20, context=context(suite, name)) as s:
        s.ehlo()
        offered = 'EXTERNAL' in s.esmtp_features.get('auth', '')
        return s.docmd('AUTH', f'EXTERNAL {who}')[0], offered


b64 = lambda text: base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize('name,who,code', [
    ('one', '=', 235), ('one', b64(U1), 235), ('one', b64(U1.upper()), 235), ('one', b64(U2), 535), ('one', b64(f'{U2}*{U1}'), 535),
    ('two', '=', 235), ('two', b64(U2), 235), ('two', b64('Two Too'), 535),  # the name is not the account
    ('three', '=', 535),  # it is not marked for that
    ('server', '=', 535)])  # not a person at all
def test_who_a_certificate_is(suite, name, who, code):
    assert external(suite, suite.ports['asks'], name, who) == (code, True)


@pytest.mark.parametrize('name,why', [('expired', 'certificate has expired'), ('early', 'certificate is not yet valid'),
                                      ('stranger', 'unable to get local issuer certificate'), (None, None)])
def test_what_is_no_proof(suite, name, why):
    """Where certificates are asked for, such a client is one without; where they are required, it does not get in."""
    before, seen = len(logins(suite)), len(suite.events('tls-client'))
    assert external(suite, suite.ports['asks'], name) == (504, False)
    if name:
        e = suite.wait_for(lambda: suite.logged('tls-client')[seen:])[0]['fields']
        assert (e['trusted'], e['why']) == ('no', why)
    failed = len(suite.events('tls-failed'))
    with pytest.raises((ssl.SSLError, ConnectionError, smtplib.SMTPServerDisconnected)):
        external(suite, suite.ports['needs'], name)
    suite.wait_for(lambda: len(suite.logged('tls-failed')) == failed + 1)
    assert len(logins(suite)) == before


def test_required(suite):
    assert external(suite, suite.ports['needs'], 'one') == (235, True)


@pytest.mark.parametrize('version', ['TLSv1_2', 'TLSv1_3'])
def test_a_session_from_elsewhere_is_no_certificate(suite, version):
    """Who got in at a listener that asks for nothing, or as nobody, does not resume that where a certificate is required."""
    def connect(context, port, session=None):
        """(session, resumed, what is offered)"""
        s = context.wrap_socket(socket.create_connection((suite.host, port), timeout=20), server_hostname='localhost', session=session)
        f = s.makefile('rb')
        assert f.readline().startswith(b'220')
        s.sendall(b'EHLO x\r\n')
        lines = []
        while not lines or lines[-1][3:4] == b'-':
            lines.append(f.readline())
        found = s.session, s.session_reused, b''.join(lines)
        s.close()
        return found

    nobody, one = context(suite, None), context(suite, 'one')
    for c in (nobody, one):
        c.minimum_version = c.maximum_version = getattr(ssl.TLSVersion, version)
    for port in (suite.submissions, suite.ports['asks']):
        session = connect(nobody, port)[0]
        assert connect(nobody, port, session)[1]
        with pytest.raises((ssl.SSLError, ConnectionError)):
            connect(nobody, suite.ports['needs'], session)
    # whose session it is, is known again where it began
    session, resumed, offered = connect(one, suite.ports['needs'])
    assert not resumed and b'EXTERNAL' in offered
    _, resumed, offered = connect(one, suite.ports['needs'], session)
    assert resumed and b'EXTERNAL' in offered
    # and not where nobody was asked
    _, resumed, offered = connect(one, suite.submissions, session)
    assert not resumed and b'EXTERNAL' not in offered


def test_curl(suite):
    cert, key = pair(suite, 'one')
    common = ['curl', '-sS', '--cacert', suite.ca, '--ssl-reqd', '--cert', cert, '--key', key, '--login-options', 'AUTH=EXTERNAL', '--user', f'{U1}:']
    text = f'From: {U1}\r\nTo: {U2}\r\nSubject: curl EXTERNAL\r\n\r\nbody\r\n'
    before = len(logins(suite))
    run(*common, '--url', f"smtp://localhost:{suite.ports['starttls']}", '--mail-from', U1, '--mail-rcpt', U2, '-T', '-', text=text)
    suite.wait_for(lambda: any('Subject: curl EXTERNAL' in p.read_text() for p in suite.messages(1)))
    assert 'INBOX' in run(*common, '--url', f"imaps://localhost:{suite.ports['mail']}/", '-X', 'LIST "" *')
    suite.wait_for(lambda: logins(suite)[before:] == [(U1, 'smtp'), (U1, 'imap')])
    wrong = pair(suite, 'stranger')
    run('curl', '-sS', '--cacert', suite.ca, '--cert', wrong[0], '--key', wrong[1], '--login-options', 'AUTH=EXTERNAL', '--user', f'{U1}:',
        '--url', f"imaps://localhost:{suite.ports['mail']}/", '-X', 'NOOP', good=False)


def test_msmtp(suite):
    cert, key = pair(suite, 'two')
    run('msmtp', '--host', 'localhost', '--port', suite.ports['starttls'], '--tls=on', f'--tls-trust-file={suite.ca}', '--auth=external',
        f'--tls-cert-file={cert}', f'--tls-key-file={key}', '--user', U2, '--from', U2, U1, text=f'From: {U2}\nSubject: msmtp EXTERNAL\n\nbody\n')
    suite.wait_for(lambda: any('Subject: msmtp EXTERNAL' in p.read_text() for p in suite.messages(0)))


def test_gsasl(suite):
    cert, key = pair(suite, 'one')
    before = len(logins(suite))
    run('gsasl', '--client', '--smtp', '--connect', f"localhost:{suite.ports['starttls']}", '--mechanism', 'EXTERNAL', '--starttls', '--x509-ca-file',
        suite.ca, '--x509-cert-file', cert, '--x509-key-file', key, '--authorization-id', U1, text='')
    suite.wait_for(lambda: logins(suite)[before:] == [(U1, 'smtp')])


def test_imap_with_openssl(suite):
    cert, key = pair(suite, 'one')
    out = run('openssl', 's_client', '-quiet', '-connect', f"localhost:{suite.ports['mail']}", '-CAfile', suite.ca, '-cert', cert, '-key', key, '-ign_eof',
              text='a AUTHENTICATE EXTERNAL =\r\nb SELECT INBOX\r\nc LOGOUT\r\n')
    assert 'AUTH=EXTERNAL' in out and 'a OK' in out and 'b OK' in out


@pytest.mark.parametrize('name,rule', [('stranger', 'the first'), ('keyed', 'by its key'), ('one', None), (None, None)])
def test_relay(suite, name, rule):
    """Which certificate it is decides; who signed it does not."""
    with smtplib.SMTP('localhost', suite.ports['relays'], timeout=20) as s:
        s.ehlo()
        s.mail('a@b.test')
        assert s.rcpt('x@elsewhere.test')[0] == 554
        s.rset()
        s.starttls(context=context(suite, name))
        s.ehlo()
        s.mail('a@b.test')
        assert s.rcpt('x@elsewhere.test')[0] == (250 if rule else 554)
        assert s.rcpt(U1)[0] == 250
        # and swaks, which shows it as servers do
    if rule:
        cert, key = pair(suite, name)
        run('swaks', '--server', 'localhost', '--port', suite.ports['relays'], '--tls', '--tls-cert', cert, '--tls-key', key, '--from', 'a@b.test',
            '--to', 'x@elsewhere.test', '--quit-after', 'RCPT')


def test_who_vouches_can_change(suite):
    """The file of authorities is looked at again at a reload of the certificates: nothing is started anew."""
    file = suite.top / 'tls/clients.pem'
    kept = file.read_bytes()
    mark = len(suite.events('client-ca-loaded'))
    file.write_bytes((suite.top / 'others/ca.pem').read_bytes())
    suite.tool('tls', 'reload')
    suite.wait_for(lambda: len(suite.logged('client-ca-loaded')) > mark)
    suite.wait_for(lambda: external(suite, suite.ports['asks'], 'one') == (504, False))
    assert external(suite, suite.ports['asks'], 'stranger') == (235, True)
    # what is no certificate changes nothing
    file.write_text('rubbish\n')
    suite.tool('tls', 'reload', check=False)
    suite.wait_event('client-ca-refused')
    assert external(suite, suite.ports['asks'], 'stranger') == (235, True)
    file.write_bytes(kept)
    suite.tool('tls', 'reload')
    suite.wait_for(lambda: external(suite, suite.ports['asks'], 'one') == (235, True))


def test_it_has_to_be_somebody(suite):
    """require without anybody who vouches is no configuration."""
    assert 'tls_client_ca is empty' in suite.config_fault(lambda c: re.sub('tls_client_ca = .*', '', c))
