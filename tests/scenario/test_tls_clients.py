"""Real mail clients under TLS: each checks our certificate against the authority of the instance."""
import os, re, shutil, subprocess, textwrap
import pytest
from conftest import running
from test_clients import at_terminal, mbsync_conf


@pytest.fixture(scope='module')
def suite():
    with running(users=3) as s:
        yield s


def needs(program):
    return pytest.mark.skipif(shutil.which(program) is None, reason=f'no {program}')


def run(*args, text=None, **kw):
    r = subprocess.run(list(map(str, args)), input=text, capture_output=True, text=True, timeout=60, **kw)
    assert r.returncode == 0, r.stdout + r.stderr
    return r.stdout


def message(suite, subject, n=0):
    a = suite.accounts[n]['address']
    return f'From: {a}\nTo: {suite.accounts[1]["address"]}\nSubject: {subject}\n\nbody\n'


def arrived(suite, subject, protocol):
    """The message under that subject; it came in by that protocol."""
    m = suite.wait_for(lambda: [p for p in suite.messages(1) if f'Subject: {subject}\n' in p.read_text()])
    text = m[0].read_text()
    assert re.search(rf'\swith {protocol} id ', text) and re.search(r'\stls TLS_\S+ \(TLSv1\.[23], ', text), text
    return text


@needs('swaks')
@pytest.mark.parametrize('port,options,protocol', [
    ('smtp', ['--tls'], 'ESMTPS'), ('submission', ['--tls', '--auth', 'PLAIN'], 'ESMTPSA'),
    ('submissions', ['--tls-on-connect', '--auth', 'LOGIN'], 'ESMTPSA'), ('smtp', ['--tls', '--tls-protocol', 'tlsv1_2'], 'ESMTPS')])
def test_swaks(suite, port, options, protocol):
    a = suite.accounts[0]
    subject = f'swaks {port} {len(options)}'
    if '--auth' in options:
        options = [*options, '--auth-user', a['address'], '--auth-password', a['password']]
    run('swaks', '--server', 'localhost', '--port', getattr(suite, f'{port}_port', None) or suite.__dict__[port], '--from', a['address'],
        '--to', suite.accounts[1]['address'], '--header', f'Subject: {subject}', '--tls-verify', '--tls-ca-path', suite.ca, *options)
    arrived(suite, subject, protocol)


@needs('curl')
def test_curl_sends_and_reads(suite):
    a, to = suite.accounts[0], suite.accounts[1]
    common = ['curl', '-sS', '--cacert', suite.ca]
    for n, url in enumerate((f'smtp://localhost:{suite.submission}', f'smtps://localhost:{suite.submissions}')):
        run(*common, '--ssl-reqd', '--url', url, '--mail-from', a['address'], '--mail-rcpt', to['address'], '--user',
            f"{a['address']}:{a['password']}", '-T', '-', text=message(suite, f'curl {n}').replace('\n', '\r\n'))
        arrived(suite, f'curl {n}', 'ESMTPSA')
    for url in (f'imap://localhost:{suite.imap_port}/INBOX', f'imaps://localhost:{suite.imaps}/INBOX'):
        out = run(*common, '--ssl-reqd', '--url', f'{url};MAILINDEX=1', '--user', f"{to['address']}:{to['password']}")
        assert 'Subject: ' in out


@needs('msmtp')
@pytest.mark.parametrize('starttls', [True, False])
def test_msmtp(suite, starttls):
    a = suite.accounts[0]
    subject = f'msmtp {starttls}'
    run('msmtp', '--host', 'localhost', '--port', suite.submission if starttls else suite.submissions, '--tls=on',
        f'--tls-starttls={"on" if starttls else "off"}', f'--tls-trust-file={suite.ca}', '--auth=plain', '--user', a['address'],
        '--passwordeval', f"echo {a['password']}", '--from', a['address'], suite.accounts[1]['address'], text=message(suite, subject))
    arrived(suite, subject, 'ESMTPSA')


@needs('mbsync')
@pytest.mark.parametrize('kind', ['IMAPS', 'STARTTLS'])
def test_mbsync(suite, tmp_path, kind):
    a = suite.accounts[2]
    for i in range(3):
        suite.send(f'for mbsync {kind} {i}', to=[a['address']])
    suite.wait_for(lambda: len([p for p in suite.messages(2) if f'mbsync {kind}' in p.read_text()]) == 3)
    rc = mbsync_conf(a, suite.imaps if kind == 'IMAPS' else suite.imap_port, tmp_path, f'SSLType {kind}',
                     f'CertificateFile {suite.ca}', 'AuthMechs LOGIN')
    run('mbsync', '-c', rc, '-a')
    found = [p.read_text() for d in ('cur', 'new') for p in (tmp_path / 'mail/INBOX' / d).iterdir()]
    assert sum(f'Subject: for mbsync {kind}' in t for t in found) == 3


@needs('neomutt')
def test_neomutt_sends_and_deletes(suite, tmp_path):
    a = suite.accounts[0]
    rc = tmp_path / 'muttrc'
    rc.write_text(textwrap.dedent(f'''
        set folder = imaps://localhost:{suite.imaps}/
        set spoolfile = +INBOX
        set record = ""
        set imap_user = {a['address']}
        set imap_pass = {a['password']}
        set smtp_url = smtps://{a['address'].replace('@', '%40')}@localhost:{suite.submissions}/
        set smtp_pass = {a['password']}
        set smtp_authenticators = plain
        set from = {a['address']}
        set certificate_file = {suite.ca}
        set ssl_ca_certificates_file = {suite.ca}
        set ssl_force_tls = yes
        set delete = yes
        set quit = yes
        set wait_key = no
        set header_cache = ""
        '''))
    env = dict(os.environ, HOME=str(tmp_path), TERM='xterm', LC_ALL='C.UTF-8')
    run('neomutt', '-n', '-F', rc, '-s', 'neomutt under tls', suite.accounts[1]['address'], text='body\n', env=env)
    arrived(suite, 'neomutt under tls', 'ESMTPSA')
    suite.send('to be deleted', to=[a['address']])
    suite.wait_for(lambda: suite.messages(0))
    at_terminal('neomutt', '-n', '-F', rc, '-e', 'push "<delete-message><quit>"', env=env)
    suite.wait_for(lambda: not suite.messages(0))
