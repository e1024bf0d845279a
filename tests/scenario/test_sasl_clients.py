"""Every mechanism with the clients that know it, under TLS: GNU SASL, curl, msmtp, swaks, mbsync, mutt, neomutt."""
import base64, collections, os, re, smtplib, socket, ssl, subprocess, textwrap
import pytest
from conftest import running
from test_clients import at_terminal, mbsync_conf
from test_sasl import Imap, fields, keys, scram_client, token  # keys is a fixture

CONF = '''submission_failure_delay = 50ms
imap_failure_delay = 50ms
auth_tries_per_minute = 0
imap_workers = 1
sasl_mechanisms = {"SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1", "OAUTHBEARER", "XOAUTH2", "PLAIN", "LOGIN"}
oauth_issuer = "https://id.example.test"
oauth_audience = "mail.example.test"
oauth_scope = "mail"
'''


@pytest.fixture(scope='module')
def suite(keys):
    with running(conf=CONF + f'oauth_keys = {{"{keys["ES256"][1]}"}}\n') as s:
        s.tool('domain', 'set', '--scram', 'on', 'example.test')
        for a in s.accounts:
            s.tool('user', 'passwd', '--password-stdin', a['address'], input=a['password'] + '\n')
        yield s


def run(*args, text=None, good=True, **kw):
    r = subprocess.run(list(map(str, args)), input=text, capture_output=True, text=True, timeout=60, **kw)
    assert (r.returncode == 0) == good, r.stdout + r.stderr
    return r.stdout + r.stderr


def message(suite, subject):
    return f"From: {suite.accounts[0]['address']}\nTo: {suite.accounts[1]['address']}\nSubject: {subject}\n\nbody\n"


def arrived(suite, subject):
    suite.wait_for(lambda: any(f'Subject: {subject}\n' in p.read_text() for p in suite.messages(1)))


@pytest.fixture(autouse=True)
def before(suite):
    """Logins of earlier tests do not count."""
    suite.logins_before = collections.Counter((e['mechanism'], e['service']) for e in fields(suite))


def used(suite, mechanism, service):
    suite.wait_event('auth-accepted', suite.logins_before[mechanism, service] + 1, mechanism=mechanism, service=service)


# --- GNU SASL: the one that binds to the channel

def gsasl(suite, mechanism, protocol='imap', password=None, good=True):
    a = suite.accounts[0]
    port = suite.imap_port if protocol == 'imap' else suite.submission
    return run('gsasl', '--client', f'--{protocol}', '--connect', f'localhost:{port}', '--mechanism', mechanism, '--starttls',
               '--x509-ca-file', suite.ca, '--authentication-id', a['address'], '--password', password or a['password'],
               '--priority', 'NORMAL:-VERS-ALL:+VERS-TLS1.3', text='', good=good)


@pytest.mark.parametrize('protocol', ['imap', 'smtp'])
@pytest.mark.parametrize('mechanism', ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-1-PLUS', 'SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN', 'LOGIN'])
def test_gsasl(suite, mechanism, protocol):
    # a client that can bind to the channel must say so where we offer it, and gsasl then takes the other mechanisms for a downgrade
    if mechanism in ('SCRAM-SHA-256', 'SCRAM-SHA-1'):
        gsasl(suite, mechanism, protocol, good=False)
        return
    gsasl(suite, mechanism, protocol)
    used(suite, mechanism, protocol)
    gsasl(suite, mechanism, protocol, password='wrong', good=False)


class TlsImap(Imap):
    def __init__(self, suite):
        plain = socket.create_connection((suite.host, suite.imaps), timeout=20)
        self.socket = ssl.create_default_context(cafile=suite.ca).wrap_socket(plain, server_hostname='localhost')
        self.file = self.socket.makefile('rb')
        self.greeting = self.line()


def test_downgrades_are_noticed(suite):
    a = suite.accounts[0]
    for name, header, good in (('SCRAM-SHA-256', 'n,,', True), ('SCRAM-SHA-256', 'y,,', False), ('SCRAM-SHA-256-PLUS', 'n,,', False),
                               ('SCRAM-SHA-256-PLUS', 'p=tls-unique,,', False)):
        c = TlsImap(suite)
        assert b'AUTH=SCRAM-SHA-256-PLUS' in c.greeting
        line, _ = scram_client(c, a['address'], a['password'], name, header)
        assert line.startswith(b'a OK') == good, (name, header, line)
        c.close()
    # somebody in the middle has another channel than the server
    c = TlsImap(suite)
    binding = b'p=tls-exporter,,' + b'x' * 32
    line, _ = scram_client(c, a['address'], a['password'], 'SCRAM-SHA-256-PLUS', 'p=tls-exporter,,',
                           change=lambda s: re.sub('c=[^,]+', 'c=' + base64.b64encode(binding).decode(), s))
    assert line.startswith(b'a NO [AUTHENTICATIONFAILED]')
    c.close()
    # without TLS there is no channel to bind to
    c = Imap(suite)
    assert b'-PLUS' not in c.greeting
    assert c.say('a AUTHENTICATE SCRAM-SHA-256-PLUS').startswith(b'a NO')
    c.close()


# --- who sends

@pytest.mark.parametrize('mechanism', ['plain', 'login', 'scram-sha-1', 'scram-sha-256', 'oauthbearer', 'xoauth2'])
def test_msmtp(suite, keys, mechanism):
    a = suite.accounts[0]
    secret = token(keys) if 'oauth' in mechanism else a['password']
    send = lambda secret, good=True: run(
        'msmtp', '--host', 'localhost', '--port', suite.submission, '--tls=on', f'--tls-trust-file={suite.ca}', f'--auth={mechanism}', '--user',
        a['address'], '--passwordeval', f"echo '{secret}'", '--from', a['address'], suite.accounts[1]['address'],
        text=message(suite, f'msmtp {mechanism}'), good=good)
    send(secret)
    arrived(suite, f'msmtp {mechanism}')
    used(suite, mechanism.upper(), 'smtp')
    send('wrong', good=False)


@pytest.mark.parametrize('mechanism', ['PLAIN', 'LOGIN', 'OAUTHBEARER'])
def test_curl(suite, keys, mechanism):
    # where OAUTHBEARER is offered, it never takes XOAUTH2
    a = suite.accounts[0]
    who = ['--user', f"{a['address']}:{'' if 'OAUTH' in mechanism else a['password']}"]
    if 'OAUTH' in mechanism:
        who += ['--oauth2-bearer', token(keys)]
    common = ['curl', '-sS', '--cacert', suite.ca, '--ssl-reqd', '--login-options', f'AUTH={mechanism}', *who]
    run(*common, '--url', f'smtp://localhost:{suite.submission}', '--mail-from', a['address'], '--mail-rcpt',
        suite.accounts[1]['address'], '-T', '-', text=message(suite, f'curl {mechanism}').replace('\n', '\r\n'))
    arrived(suite, f'curl {mechanism}')
    used(suite, mechanism, 'smtp')
    assert 'INBOX' in run(*common, '--url', f'imaps://localhost:{suite.imaps}/', '-X', 'LIST "" *')
    used(suite, mechanism, 'imap')


@pytest.mark.parametrize('mechanism', ['PLAIN', 'LOGIN'])
def test_swaks(suite, mechanism):
    a = suite.accounts[0]
    run('swaks', '--server', 'localhost', '--port', suite.submission, '--tls', '--auth', mechanism, '--auth-user', a['address'],
        '--auth-password', a['password'], '--from', a['address'], '--to', suite.accounts[1]['address'], '--header', f'Subject: swaks {mechanism}')
    arrived(suite, f'swaks {mechanism}')
    used(suite, mechanism, 'smtp')


@pytest.mark.parametrize('mechanism', ['PLAIN', 'LOGIN'])
def test_python(suite, mechanism):
    a = suite.accounts[0]
    with smtplib.SMTP('localhost', suite.submission, timeout=20) as s:
        s.starttls(context=ssl.create_default_context(cafile=suite.ca))
        s.ehlo()
        s.user, s.password = a['address'], a['password']
        assert s.auth(mechanism, getattr(s, 'auth_' + mechanism.lower()))[0] == 235
        s.sendmail(a['address'], [suite.accounts[1]['address']], message(suite, f'python {mechanism}'))
    arrived(suite, f'python {mechanism}')
    used(suite, mechanism, 'smtp')


# --- who reads

@pytest.mark.parametrize('mechanism', ['PLAIN', 'SCRAM-SHA-1', 'SCRAM-SHA-256'])
def test_mbsync(suite, tmp_path, mechanism):
    """Its mechanisms are those of Cyrus SASL; its LOGIN is the command of that name, see test_tls_clients.py."""
    a = suite.accounts[0]
    suite.send(f'mbsync {mechanism}', to=[a['address']])
    suite.wait_for(lambda: any(f'mbsync {mechanism}' in p.read_text() for p in suite.messages(0)))
    rc = mbsync_conf(a, suite.imaps, tmp_path, 'SSLType IMAPS', f'CertificateFile {suite.ca}', f'AuthMechs {mechanism}')
    run('mbsync', '-c', rc, '-a')
    found = [p.read_text() for d in ('cur', 'new') for p in (tmp_path / 'mail/INBOX' / d).iterdir()]
    assert any(f'mbsync {mechanism}' in t for t in found)
    used(suite, mechanism, 'imap')


@pytest.mark.parametrize('program,mechanism', [(p, m) for p, ms in {
    'neomutt': ['plain', 'oauthbearer', 'xoauth2'],  # it knows of no SCRAM
    'mutt': ['plain', 'scram-sha-1', 'scram-sha-256', 'oauthbearer', 'xoauth2']}.items() for m in ms])
def test_mutt(suite, keys, tmp_path, program, mechanism):
    """Mechanisms of GNU SASL, and tokens of its own."""
    a = suite.accounts[0]
    (tmp_path / 'token').write_text(token(keys) + '\n')
    rc = tmp_path / 'muttrc'
    rc.write_text(textwrap.dedent(f'''
        set folder = imaps://localhost:{suite.imaps}/
        set spoolfile = +INBOX
        set record = ""
        set imap_user = {a['address']}
        set imap_pass = {a['password']}
        set imap_authenticators = {mechanism}
        set imap_oauth_refresh_command = "cat {tmp_path}/token"
        set from = {a['address']}
        set certificate_file = {suite.ca}
        set ssl_ca_certificates_file = {suite.ca}
        set ssl_force_tls = yes
        set quit = yes
        set wait_key = no
        set header_cache = ""
        '''))
    at_terminal(program, '-n', '-F', rc, '-e', 'push "<quit>"', env=dict(os.environ, HOME=str(tmp_path), TERM='xterm', LC_ALL='C.UTF-8'))
    used(suite, mechanism.upper(), 'imap')
