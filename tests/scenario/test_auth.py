"""AUTH on submission with real clients, under TLS; in plain text on this host, where a setting allows it."""
import base64, contextlib, os, re, smtplib, socket, ssl, subprocess, time
import pytest

CONF = 'submission_failure_delay = 200ms\n'
PLAIN = 'submission_plaintext_auth = yes\nsubmission_failure_delay = 200ms\n'
NONE, STARTTLS, IMPLICIT = 'none', 'starttls', 'implicit'


@pytest.fixture(scope='module')
def suite():
    import conftest
    with conftest.running(users=3, conf=CONF) as s:
        yield s


@pytest.fixture(scope='module')
def plain():
    import conftest
    with conftest.running(users=3, conf=PLAIN) as s:
        yield s


def context(suite):
    return ssl.create_default_context(cafile=suite.ca)


def connect(suite, tls=STARTTLS):
    """A session that knows what it may do."""
    if tls == IMPLICIT:
        s = smtplib.SMTP_SSL('localhost', suite.submissions, timeout=20, context=context(suite))
    else:
        s = smtplib.SMTP('localhost', suite.submission, timeout=20)
    s.ehlo()
    if tls == STARTTLS:
        s.starttls(context=context(suite))
        s.ehlo()
    return s


def message(suite, subject, to=1):
    return f"From: {suite.accounts[0]['address']}\nTo: {suite.accounts[to]['address']}\nSubject: {subject}\n\nbody\n"


def arrived(suite, subject, n=1):
    return suite.wait_for(lambda: [t for t in (p.read_text() for p in suite.messages(n)) if f'Subject: {subject}\n' in t])[0]


def run(*command, text=None, **kw):
    r = subprocess.run([str(c) for c in command], input=text, capture_output=True, text=True, timeout=60, **kw)
    assert r.returncode == 0, r.stdout + r.stderr


def port(suite, tls):
    return suite.submissions if tls == IMPLICIT else suite.submission


# --- clients: (suite, who sends, to whom, mechanism, tls, subject) ------------------------------

def swaks(suite, me, to, mechanism, tls, subject):
    run('swaks', '--server', 'localhost', '--port', port(suite, tls), '--from', me['address'], '--to', to['address'],
        *{NONE: [], STARTTLS: ['-tls'], IMPLICIT: ['-tlsc']}[tls], '--auth', mechanism, '--auth-user', me['address'],
        '--auth-password', me['password'], '--header', f'Subject: {subject}')


def curl(suite, me, to, mechanism, tls, subject):
    scheme = 'smtps' if tls == IMPLICIT else 'smtp'
    run('curl', '-sS', *(['--cacert', suite.ca, '--ssl-reqd'] if tls != NONE else []), '--url', f'{scheme}://localhost:{port(suite, tls)}',
        '--mail-from', me['address'], '--mail-rcpt', to['address'], '--user', f"{me['address']}:{me['password']}",
        '--login-options', f'AUTH={mechanism}', '-T', '-', text=message(suite, subject))


def msmtp(suite, me, to, mechanism, tls, subject):
    secure = ['--tls=off'] if tls == NONE else ['--tls=on', f'--tls-trust-file={suite.ca}',
                                                f"--tls-starttls={'on' if tls == STARTTLS else 'off'}"]
    run('msmtp', '--host', 'localhost', '--port', port(suite, tls), *secure, f'--auth={mechanism.lower()}', '--user',
        me['address'], '--passwordeval', f"echo {me['password']}", '--from', me['address'], to['address'],
        text=message(suite, subject))


def neomutt(suite, me, to, mechanism, tls, subject):
    rc = suite.top / 'muttrc'
    scheme = 'smtps' if tls == IMPLICIT else 'smtp'
    user = me['address'].replace('@', '%40')
    rc.write_text(f'''set ssl_ca_certificates_file = "{suite.ca}"
set ssl_starttls = {'yes' if tls == STARTTLS else 'no'}
set ssl_force_tls = {'no' if tls == NONE else 'yes'}
set smtp_url = "{scheme}://{user}@localhost:{port(suite, tls)}"
set smtp_pass = "{me['password']}"
set smtp_authenticators = "{mechanism.lower()}"
set from = "{me['address']}"
set use_envelope_from = yes
set copy = no
''')
    run('neomutt', '-F', rc, '-s', subject, '--', to['address'], text='body\n', env=dict(os.environ, HOME=str(suite.top)))


def python(suite, me, to, mechanism, tls, subject):
    with connect(suite, tls) as s:
        s.user, s.password = me['address'], me['password']
        code, _ = s.auth(mechanism, getattr(s, 'auth_' + mechanism.lower()))
        assert code == 235
        s.sendmail(me['address'], [to['address']], message(suite, subject))


def check_client(suite, client, mechanism, tls):
    me, to = suite.accounts[:2]
    subject = f'{client.__name__} {mechanism} {tls}'
    client(suite, me, to, mechanism, tls, subject)
    text = arrived(suite, subject)
    header = text.partition('\n\n')[0]
    assert f"with {'ESMTPA' if tls == NONE else 'ESMTPSA'} id" in header and '127.0.0.1' not in header
    trace = re.search(r'trace (\w+)\)', header)[1]
    login = suite.wait_event('auth-accepted', trace=trace)[0]['fields']
    assert (login['mechanism'], login['service'], login['login']) == (mechanism, 'smtp', me['address'])
    sent = suite.wait_event('mail-accepted', trace=trace)[0]['fields']
    assert sent['login'] == me['address'] and sent['client'] == '127.0.0.1'
    assert sent['tls'].startswith('TLSv1.') if tls != NONE else not sent['tls']


@pytest.mark.parametrize('tls', [STARTTLS, IMPLICIT])
@pytest.mark.parametrize('mechanism', ['PLAIN', 'LOGIN'])
@pytest.mark.parametrize('client', [swaks, curl, msmtp, neomutt, python])
def test_clients(suite, client, mechanism, tls):
    check_client(suite, client, mechanism, tls)


@pytest.mark.parametrize('client', [curl, msmtp, python])
def test_clients_on_this_host(plain, client):
    check_client(plain, client, 'PLAIN', NONE)


# --- mechanisms that prove a password without sending it ---------------------------------------

SCRAM = ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256', 'SCRAM-SHA-1']


@pytest.fixture(scope='module')
def scram():
    import conftest
    names = ', '.join(f'"{m}"' for m in SCRAM)
    with conftest.running(users=2, conf=CONF + f'sasl_mechanisms = {{{names}, "PLAIN"}}\n') as s:
        s.tool('domain', 'set', '--scram', 'on', 'example.test')
        for a in s.accounts:  # the keys are made of the password, when it is set
            s.tool('user', 'passwd', '--password-stdin', a['address'], input=a['password'] + '\n')
        yield s


@pytest.mark.parametrize('mechanism', SCRAM)
def test_scram(scram, mechanism):
    """GNU SASL's client; -PLUS binds the login to this very TLS connection."""
    me = scram.accounts[0]

    def log_in(password):
        return subprocess.run(['gsasl', '--client', '--smtp', '--connect', f'localhost:{scram.submission}', '--starttls',
                               '--x509-ca-file', scram.ca, '--mechanism', mechanism, '--authentication-id', me['address'],
                               '--password', password, *([] if mechanism.endswith('PLUS') else ['--no-cb'])], input='', capture_output=True, text=True, timeout=60)

    r = log_in(me['password'])
    assert r.returncode == 0 and '235 2.7.0' in r.stdout, r.stdout + r.stderr
    accepted = scram.wait_for(lambda: [e['fields'] for e in scram.logged('auth-accepted') if e['fields']['mechanism'] == mechanism])
    assert accepted[0]['service'] == 'smtp' and accepted[0]['login'] == me['address']
    r = log_in('wrong')
    assert r.returncode != 0 and '535 5.7.8' in r.stdout, r.stdout + r.stderr


def test_scram_is_offered_where_it_can_be_used(scram):
    with connect(scram) as s:
        assert s.esmtp_features['auth'].split() == SCRAM + ['PLAIN']


def test_wrong_logins(suite):
    """The same answer for each, late, and one line in the log."""
    known = suite.accounts[2]['address']
    answers = set()
    for login, password in ((known, 'wrong'), ('nobody@example.test', 'wrong'), (known, 'a\0b'), (known, '')):
        with connect(suite) as s:
            began = time.monotonic()
            code, text = s.docmd('AUTH', 'PLAIN ' + base64.b64encode(f'\0{login}\0{password}'.encode()).decode())
            if '\0' in password or not password:
                assert code in (501, 535), (login, password, text)
                continue
            answers.add((code, text))
            assert time.monotonic() - began >= 0.19
            assert s.mail(known)[0] == 530
    assert len(answers) == 1 and answers.pop()[0] == 535
    refused = suite.wait_for(lambda: [e['fields'] for e in suite.logged('auth-refused') if e['fields']['service'] == 'smtp'])
    assert refused[0]['mechanism'] == 'PLAIN' and refused[0]['client'] == '127.0.0.1'


def test_bad_input_harms_nobody(suite):
    """Broken messages, endless lines, and a login that works beside them."""
    big = 'A' * 65536
    for lines in (['AUTH PLAIN ===='], ['AUTH PLAIN ' + big], ['AUTH PLAIN', big], ['AUTH LOGIN', '!!', 'x'], ['AUTH LOGIN', '*'],
                  ['AUTH PLAIN', ''], ['AUTH SCRAM-SHA-1-NONE'], ['AUTH LOGIN', base64.b64encode(b'\xff' * 9000).decode()]):
        with contextlib.closing(connect(suite)) as s:
            for line in lines[:-1]:
                s.docmd(line)
            code, text = s.docmd(lines[-1])
            assert code == 334 or 421 <= code < 600, (lines, code, text)
    with connect(suite) as s:
        s.login(suite.accounts[0]['address'], suite.accounts[0]['password'])
    assert not suite.events('peer-refused') and not suite.events('died')


def test_nobody_logs_in_on_port_25(suite):
    with smtplib.SMTP(suite.host, suite.smtp, timeout=20) as s:
        s.ehlo()
        assert not s.has_extn('auth')
        assert s.docmd('AUTH', 'PLAIN AGEAYg==')[0] == 502


def test_no_plain_text_by_default(suite):
    """Nobody is invited to send a password where it could be read."""
    with connect(suite, NONE) as s:
        assert s.has_extn('starttls') and not s.has_extn('auth')
        code, text = s.docmd('AUTH', 'PLAIN AGEAYg==')
        assert code == 538 and text.startswith(b'5.7.11')
        s.starttls(context=context(suite))
        s.ehlo()
        assert s.has_extn('auth') and not s.has_extn('starttls')


def test_a_login_does_not_outlive_starttls(plain):
    """What was said in the clear, or put there by somebody else, counts for nothing afterwards."""
    me = plain.accounts[0]
    with connect(plain, NONE) as s:
        s.login(me['address'], me['password'])
        assert s.mail(me['address'])[0] == 250 and s.rset()[0] == 250
        s.starttls(context=context(plain))
        s.ehlo()
        assert s.mail(me['address'])[0] == 530


@pytest.mark.parametrize('injected', [b'AUTH PLAIN AGEAYg==\r\n', b'EHLO evil\r\nMAIL FROM:<evil@evil.test>\r\n', b'NOOP\r\n'])
def test_nothing_injected_before_tls_is_obeyed(suite, injected):
    with socket.create_connection((suite.host, suite.submission), timeout=20) as s:
        f = s.makefile('rb')
        f.readline()
        s.sendall(b'EHLO x\r\n')
        while f.readline()[3:4] == b'-':
            pass
        s.sendall(b'STARTTLS\r\n' + injected)
        assert f.readline().startswith(b'554')
        assert f.read() == b''


@pytest.mark.parametrize('tls', [STARTTLS, IMPLICIT])
def test_a_user_may_relay_and_nobody_else(suite, tls):
    me = suite.accounts[0]
    with connect(suite, tls) as s:
        for sender in (me['address'], '', 'root', 'a%b.test@example.test'):
            assert s.mail(sender)[0] == 530
            assert s.rcpt('somebody@elsewhere.test')[0] == 503
        s.login(me['address'], me['password'])
        assert s.mail(me['address'])[0] == 250
        assert s.rcpt('somebody@elsewhere.test')[0] == 250
        for form in ('a%b.test@example.test', 'a!b@example.test', '"a@b.test"@example.test'):
            assert s.rcpt(form)[0] == 550, form
        assert s.rset()[0] == 250
        assert s.mail('ceo@bank.test')[0] == 553
        # the login goes with the connection
    with connect(suite, tls) as s:
        assert s.mail(me['address'])[0] == 530


def test_pipelined_logins_are_refused(suite):
    """Bytes behind a line that has to be answered end the connection, and are never obeyed."""
    me = suite.accounts[0]
    good = base64.b64encode(f"\0{me['address']}\0{me['password']}".encode()).decode()
    for first, second in ((f'AUTH PLAIN {good}', f"MAIL FROM:<{me['address']}>"), ('AUTH PLAIN', good)):
        with contextlib.closing(connect(suite)) as s:
            s.send(f'{first}\r\n{second}\r\n')
            assert s.getreply()[0] == 554
            with pytest.raises(smtplib.SMTPServerDisconnected):
                s.noop()


def test_behind_a_proxy():
    """PROXY says who the client is; it is that one whose wrong logins count, and what it may not do in the clear."""
    import conftest
    with conftest.running(users=2, conf=PLAIN + 'smtp_proxy_networks = {"127.0.0.1"}\nauth_tries_per_minute = 2\n') as suite:
        me = suite.accounts[0]

        @contextlib.contextmanager
        def proxied(client, tls):
            raw = socket.create_connection(('localhost', suite.submissions if tls else suite.submission), timeout=20)
            raw.sendall(f'PROXY TCP4 {client} 127.0.0.1 4000 465\r\n'.encode())
            with smtplib.SMTP(timeout=20) as s:
                s.sock = context(suite).wrap_socket(raw, server_hostname='localhost') if tls else raw
                assert s.getreply()[0] == 220
                s.ehlo()
                yield s

        with proxied('203.0.113.9', True) as s:
            s.login(me['address'], me['password'])
            s.sendmail(me['address'], [suite.accounts[1]['address']], message(suite, 'by proxy'))
        assert '203.0.113.9' not in arrived(suite, 'by proxy')
        sent = suite.wait_event('mail-accepted')[0]['fields']
        assert sent['client'] == '203.0.113.9' and sent['protocol'] == 'ESMTPSA'
        answers = []
        for _ in range(3):
            with proxied('203.0.113.66', False) as s:  # a proxy on this host has taken the encryption off
                code, _ = s.docmd('AUTH', 'PLAIN ' + base64.b64encode(f"\0{me['address']}\0wrong".encode()).decode())
                answers.append(code)
        assert answers == [535, 535, 454], answers
        with proxied('203.0.113.9', True) as s:  # a stranger has locked out nobody else
            s.login(me['address'], me['password'])
